// SPDX-License-Identifier: Apache-2.0
// Text or command line -> words. Line ends, quotes, escapes and comments end here; the parser sees a flat sequence.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"

namespace qvm {

/// One option or argument, quotes and escapes resolved. A bare newline inside quotes is still a newline.
struct Word {
    std::string text;
    Location where;        ///< the part that stands on the line where the word begins
    bool verbatim = true;  ///< `text` is, byte for byte, what stands at `where`
    bool broken = false;   ///< an error was reported already; nothing more is to be said about this word
    /// First of its line in a file. Lines mean nothing in the language; only the recovery from errors looks at them.
    bool starts_line = false;

    /// The place of a part of the word; of the whole word where quotes or escapes hide the part.
    [[nodiscard]] Location part(std::size_t offset, std::size_t length) const noexcept;
};

enum class LexResult : std::uint8_t {
    Complete,
    Truncated,  ///< a quote never closes, so that words may be missing at the end
    NotText,    ///< there are no words
};

/// Front end for files: appends the words of a source. `source` must be in `sources`. Errors: a quote that never
/// closes, NUL and control characters, invalid UTF-8; comments may hold any bytes but NUL.
LexResult lex_text(const Sources& sources, std::uint32_t source, std::vector<Word>& words, Diagnostics& diagnostics);

/// The text under which a command line is kept in Sources: one line for each element.
[[nodiscard]] std::string command_line_text(std::span<const std::string> elements);

/// Front end for the command line: appends element `index` of the source that command_line_text() made. The shell has
/// removed quotes already, so the element is one word as it stands, with its blanks, quotes and number signs.
void lex_element(const std::string& element, std::uint32_t source, std::size_t index, std::vector<Word>& words,
                 Diagnostics& diagnostics);

}  // namespace qvm
