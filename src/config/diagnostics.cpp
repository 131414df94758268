// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/utf8.hpp"

namespace qvm {

namespace {

/// Longer lines are shown as a window around the caret, so that a one-line file of a megabyte stays readable.
constexpr std::size_t kMaxLineShown = 160;
constexpr std::size_t kShownBeforeCaret = 60;
constexpr std::size_t kMaxWordShown = 60;
/// Nobody types a longer keyword; the cost of comparing grows with the square.
constexpr std::size_t kMaxWordCompared = 40;

constexpr bool is_continuation(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

/// Copies the character at `at`, or a `?` for what a terminal should not see; returns how many bytes it took.
std::size_t copy_printable(std::string_view text, std::size_t at, std::string& out) {
    const std::size_t length = utf8_length(text.substr(at));
    const char byte = text[at];
    if (length == 0 || is_control(byte) || (byte != '\t' && byte >= '\n' && byte <= '\r')) {
        out += '?';
        return 1;
    }
    out.append(text, at, length);
    return length;
}

/// The part of a line that is shown: [first, last).
struct Window {
    std::size_t first;
    std::size_t last;
};

Window window_around(std::string_view line, std::size_t caret) {
    if (line.size() <= kMaxLineShown) return {0, line.size()};
    std::size_t first = caret > kShownBeforeCaret ? caret - kShownBeforeCaret : 0;
    while (first > 0 && is_continuation(line[first])) --first;
    return {first, std::min(line.size(), first + kMaxLineShown)};
}

char mark(std::size_t at, std::size_t caret, std::size_t end, char byte) noexcept {
    if (at == caret) return '^';
    if (at > caret && at < end) return '~';
    return byte == '\t' ? '\t' : ' ';
}

/// The source line and, below it, the caret with its range. Tabs are repeated in the lower line, so that it fits
/// whatever width they are shown with.
void render_excerpt(std::string_view line, const Location& where, std::string& out) {
    const std::size_t caret = std::min<std::size_t>(where.column - 1, line.size());
    const std::size_t end = caret + where.length;
    const Window window = window_around(line, caret);
    const std::string_view before = window.first > 0 ? "..." : "";
    std::string marks(before.size(), ' ');
    out += before;
    for (std::size_t at = window.first; at < window.last;) {
        marks += mark(at, caret, end, line[at]);
        const std::size_t step = copy_printable(line, at, out);
        // A caret that points into the middle of a character is drawn under the whole of it.
        if (caret > at && caret < at + step) marks.back() = '^';
        at += step;
    }
    if (caret >= window.last) marks += '^';
    if (window.last < line.size()) out += "...";
    marks.erase(marks.find_last_not_of(" \t") + 1);
    fmt::format_to(std::back_inserter(out), "\n{}\n", marks);
}

void render_one(const Diagnostic& what, const Sources& sources, std::string& out) {
    const Location& where = what.where;
    const bool known = where.source < sources.size();
    const bool has_line = known && where.line != 0 && where.column != 0;
    if (known) out += sources.name(where.source);
    if (has_line) fmt::format_to(std::back_inserter(out), ":{}:{}", where.line, where.column);
    fmt::format_to(std::back_inserter(out), "{}{}: {}\n", known ? ": " : "", kind_name(what.kind), what.message);
    if (has_line) render_excerpt(sources.line(where.source, where.line), where, out);
    if (!what.hint.empty()) fmt::format_to(std::back_inserter(out), "  hint: {}\n", what.hint);
}

/// Edits that turn one word into the other; swapping two neighbours counts as one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

/// How many slips are still the same word: one in a short word, more in a long one, never most of it.
constexpr std::size_t tolerance(std::size_t length) noexcept {
    return length < 2 ? 0 : length < 5 ? 1 : length < 9 ? 2 : 3;
}

}  // namespace

std::string_view kind_name(DiagnosticKind kind) noexcept {
    switch (kind) {
        case DiagnosticKind::Error:
            return "error";
        case DiagnosticKind::Warning:
            return "warning";
        case DiagnosticKind::Note:
            return "note";
    }
    return "error";
}

std::uint32_t Sources::add(std::string name, std::string text) {
    std::vector<std::size_t> starts{0};
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
        starts.push_back(at + 1);
    }
    sources_.push_back({std::move(name), std::move(text), std::move(starts)});
    return static_cast<std::uint32_t>(sources_.size() - 1);
}

std::string_view Sources::line(std::uint32_t source, std::uint32_t number) const {
    if (source >= sources_.size()) return {};
    const Source& from = sources_[source];
    if (number == 0 || number > from.line_starts.size()) return {};
    const std::size_t start = from.line_starts[number - 1];
    const bool is_last = number == from.line_starts.size();
    std::size_t end = is_last ? from.text.size() : from.line_starts[number] - 1;
    if (!is_last && end > start && from.text[end - 1] == '\r') --end;
    return std::string_view{from.text}.substr(start, end - start);
}

void Diagnostics::error(Location where, std::string message, std::string hint) {
    list_.push_back({DiagnosticKind::Error, where, std::move(message), std::move(hint)});
    ++errors_;
}

void Diagnostics::error(const ConfigError& error) {
    this->error(error.where(), error.what(), error.hint());
    if (error.note()) note(error.note()->first, error.note()->second);
}

void Diagnostics::warning(Location where, std::string message, std::string hint) {
    if (strict_) return error(where, std::move(message), std::move(hint));
    list_.push_back({DiagnosticKind::Warning, where, std::move(message), std::move(hint)});
}

void Diagnostics::add(const Diagnostics& other) {
    for (const Diagnostic& each : other.list_) {
        if (each.kind == DiagnosticKind::Error) error(each.where, each.message, each.hint);
        if (each.kind == DiagnosticKind::Warning) warning(each.where, each.message, each.hint);
        if (each.kind == DiagnosticKind::Note) note(each.where, each.message);
    }
}

void Diagnostics::soften() noexcept {
    for (Diagnostic& each : list_)
        if (each.kind == DiagnosticKind::Error) each.kind = DiagnosticKind::Warning;
    errors_ = 0;
}

void Diagnostics::note(Location where, std::string message) {
    list_.push_back({DiagnosticKind::Note, where, std::move(message), {}});
}

std::string Diagnostics::render(const Sources& sources) const {
    std::string out;
    for (const Diagnostic& what : list_) render_one(what, sources, out);
    return out;
}

std::string quoted(std::string_view word) {
    std::string out{"'"};
    for (std::size_t at = 0; at < word.size();) {
        if (at >= kMaxWordShown) return out + "...'";
        at += copy_printable(word, at, out);
    }
    return out + "'";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.size() > kMaxWordCompared) return {};
    std::string_view nearest;
    std::size_t limit = tolerance(word.size()) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t longer = std::max(candidate.size(), word.size());
        if (longer - std::min(candidate.size(), word.size()) >= limit) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance >= limit) continue;
        limit = distance;
        nearest = candidate;
    }
    return nearest.empty() ? std::string{} : fmt::format("did you mean '{}'?", nearest);
}

}  // namespace qvm
