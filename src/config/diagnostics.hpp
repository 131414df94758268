// SPDX-License-Identifier: Apache-2.0
// Where a word came from, and what is to be said about it. All findings of a run are collected before any is printed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qvm {

/// Location::source of what stands in no source.
inline constexpr std::uint32_t kNoSource = UINT32_MAX;

/// A stretch of one source line. Line and column count from 1; columns are bytes. On the command line each word is a
/// line of its own, so that `command line:3:1` is the third word. Line 0 means the source as a whole.
struct Location {
    std::uint32_t source = 0;  ///< index into Sources
    std::uint32_t line = 1;
    std::uint32_t column = 1;
    std::uint32_t length = 1;
};

/// The texts that the configuration was read from; kept for printing the lines that messages refer to.
class Sources {
public:
    [[nodiscard]] std::size_t size() const noexcept { return sources_.size(); }
    /// Returns the source's index. `name` is what messages print.
    std::uint32_t add(std::string name, std::string text);
    [[nodiscard]] const std::string& name(std::uint32_t source) const { return sources_.at(source).name; }
    [[nodiscard]] const std::string& text(std::uint32_t source) const { return sources_.at(source).text; }
    /// Without its line end; empty if there is no such line.
    [[nodiscard]] std::string_view line(std::uint32_t source, std::uint32_t number) const;

private:
    struct Source {
        std::string name;
        std::string text;
        std::vector<std::size_t> line_starts;  ///< offsets into text; never empty
    };
    std::vector<Source> sources_;
};

enum class DiagnosticKind : std::uint8_t { Error, Warning, Note };
/// "error", "warning" or "note".
[[nodiscard]] std::string_view kind_name(DiagnosticKind kind) noexcept;

struct Diagnostic {
    DiagnosticKind kind;
    Location where;
    std::string message;
    std::string hint;  ///< printed below the caret; may be empty
};

class ConfigError;

/// Collects what is wrong; notes follow the error or warning that they belong to.
class Diagnostics {
public:
    void error(Location where, std::string message, std::string hint = {});
    void error(const ConfigError& error);
    void warning(Location where, std::string message, std::string hint = {});
    void note(Location where, std::string message);

    /// All that `other` has, behind what is here.
    void add(const Diagnostics& other);
    /// Errors become warnings.
    void soften() noexcept;
    /// From now on a warning is an error.
    void be_strict() noexcept { strict_ = true; }

    [[nodiscard]] bool has_errors() const noexcept { return errors_ != 0; }
    [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
    [[nodiscard]] const std::vector<Diagnostic>& all() const noexcept { return list_; }
    /// `file:line:column: error: message`, the source line, a caret with the range, the hint; for each in turn.
    [[nodiscard]] std::string render(const Sources& sources) const;

private:
    std::vector<Diagnostic> list_;
    std::size_t errors_ = 0;
    bool strict_ = false;
};

/// A fault of the configuration that shows only while the VM is built. Ends as one more diagnostic, exit code 65.
class ConfigError : public std::runtime_error {
public:
    ConfigError(Location where, const std::string& message, std::string hint = {})
        : std::runtime_error{message}, where_{where}, hint_{std::move(hint)} {}
    /// The same with a note at the other place of a conflict.
    [[nodiscard]] ConfigError&& noting(Location place, std::string message) && {
        note_.emplace(place, std::move(message));
        return std::move(*this);
    }
    [[nodiscard]] Location where() const noexcept { return where_; }
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
    [[nodiscard]] const std::optional<std::pair<Location, std::string>>& note() const noexcept { return note_; }

private:
    Location where_;
    std::string hint_;
    std::optional<std::pair<Location, std::string>> note_;
};

/// A word of the user's for use in a message: in quotes, shortened, without control characters and broken UTF-8.
[[nodiscard]] std::string quoted(std::string_view word);

/// "did you mean 'x'?" for the nearest of `candidates`, or nothing if none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace qvm
