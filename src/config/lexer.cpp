// SPDX-License-Identifier: Apache-2.0
#include "config/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/utf8.hpp"

namespace qvm {

namespace {

constexpr std::string_view kByteOrderMark{"\xef\xbb\xbf"};

constexpr bool is_blank(char byte) noexcept { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

constexpr std::uint32_t narrow(std::size_t value) noexcept { return static_cast<std::uint32_t>(value); }

std::string describe_byte(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x80) return fmt::format("control character {:#04x}", value);
    return fmt::format("byte {:#04x} is not valid UTF-8", value);
}

class TextLexer {
public:
    TextLexer(std::string_view text, std::uint32_t source, std::vector<Word>& words, Diagnostics& diagnostics)
        : text_{text}, source_{source}, words_{words}, diagnostics_{diagnostics} {}

    LexResult run() {
        if (const std::size_t nul = text_.find('\0'); nul != std::string_view::npos) return refuse(nul);
        if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
        while (skip_blanks()) read_word();
        return result_;
    }

private:
    LexResult refuse(std::size_t nul) {
        while (at_ < nul) advance();
        diagnostics_.error(here(1), "NUL byte: this is not a text file");
        return LexResult::NotText;
    }

    [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }
    [[nodiscard]] char peek() const noexcept { return text_[at_]; }
    [[nodiscard]] Location here(std::size_t length) const noexcept {
        return {source_, line_, narrow(at_ - line_start_ + 1), narrow(length)};
    }

    void advance() noexcept {
        if (text_[at_++] != '\n') return;
        ++line_;
        line_start_ = at_;
    }

    /// Bytes of a line end at `at`, with CR or without; 0 if there is none.
    [[nodiscard]] std::size_t newline_at(std::size_t at) const noexcept {
        const std::string_view rest = text_.substr(std::min(at, text_.size()));
        return rest.starts_with('\n') ? 1 : rest.starts_with("\r\n") ? 2 : 0;
    }
    [[nodiscard]] std::size_t joined_line() const noexcept {
        const std::size_t newline = peek() == '\\' ? newline_at(at_ + 1) : 0;
        return newline == 0 ? 0 : newline + 1;
    }
    void skip(std::size_t bytes) noexcept {
        for (; bytes != 0; --bytes) advance();
    }

    /// True if a word follows.
    bool skip_blanks() noexcept {
        while (!at_end()) {
            if (peek() == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (const std::size_t join = joined_line(); join != 0) {
                skip(join);
            } else if (is_blank(peek())) {
                advance();
            } else {
                return true;
            }
        }
        return false;
    }

    void read_word() {
        Word word{.text = {}, .where = here(1), .starts_line = line_ != last_line_};
        const std::size_t start = at_;
        while (!at_end() && !is_blank(peek()) && peek() != '#' && joined_line() == 0) {
            if (peek() == '"') {
                read_quoted(word);
            } else {
                take_character(word);
            }
        }
        std::string_view raw = text_.substr(start, at_ - start);
        word.verbatim = raw == word.text;
        raw = raw.substr(0, raw.find('\n'));
        if (raw.ends_with('\r')) raw.remove_suffix(1);
        word.where.length = narrow(raw.size());
        last_line_ = line_;
        words_.push_back(std::move(word));
    }

    void read_quoted(Word& word) {
        const Location opening = here(1);
        const std::uint32_t first_line = line_;
        advance();
        bool bare_newline = false;
        while (!at_end() && peek() != '"') {
            bare_newline = newline_at(at_) != 0 || bare_newline;
            take_quoted_character(word);
        }
        if (at_end()) return unterminated(word, opening);
        advance();
        if (bare_newline) suspect_ = Suspect{opening, line_ - first_line + 1};
    }

    void take_quoted_character(Word& word) {
        if (const std::size_t join = joined_line(); join != 0) return skip(join);
        if (const std::size_t newline = newline_at(at_); newline != 0) {
            skip(newline);
            word.text += '\n';
            return;
        }
        const std::string_view rest = text_.substr(at_);
        if (rest.starts_with("\\\"") || rest.starts_with("\\\\")) advance();
        take_character(word);
    }

    void take_character(Word& word) {
        const std::size_t length = is_control(peek()) ? 0 : utf8_length(text_.substr(at_));
        if (length == 0 && !word.broken) {
            diagnostics_.error(here(1), describe_byte(peek()));
            word.broken = true;
        }
        const std::size_t step = std::max<std::size_t>(length, 1);
        word.text.append(text_, at_, step);
        skip(step);
    }

    void unterminated(Word& word, Location opening) {
        word.broken = true;
        result_ = LexResult::Truncated;
        diagnostics_.error(opening, "this quote is never closed");
        if (!suspect_) return;
        diagnostics_.note(suspect_->opening, fmt::format("the quoted text that begins here runs over {} lines; is its "
                                                         "closing quote missing?",
                                                         suspect_->lines));
    }

    /// The last quoted text that runs over several lines: if quotes do not pair up, that is where to look.
    struct Suspect {
        Location opening;
        std::uint32_t lines;
    };

    std::string_view text_;
    std::uint32_t source_;
    std::vector<Word>& words_;
    Diagnostics& diagnostics_;
    LexResult result_ = LexResult::Complete;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
    std::uint32_t last_line_ = 0;  ///< where the last word ended
    std::optional<Suspect> suspect_;
};

}  // namespace

Location Word::part(std::size_t offset, std::size_t length) const noexcept {
    if (!verbatim || offset > where.length) return where;
    const std::size_t rest = where.length - offset;
    return {where.source, where.line, where.column + narrow(offset),
            narrow(std::clamp<std::size_t>(length, 1, std::max<std::size_t>(rest, 1)))};
}

LexResult lex_text(const Sources& sources, std::uint32_t source, std::vector<Word>& words, Diagnostics& diagnostics) {
    return TextLexer{sources.text(source), source, words, diagnostics}.run();
}

std::string command_line_text(std::span<const std::string> elements) {
    std::string text;
    for (const std::string& element : elements) {
        std::string line = element;
        std::replace_if(
            line.begin(), line.end(), [](char byte) { return byte == '\n' || byte == '\r'; }, ' ');
        text += line + '\n';
    }
    return text;
}

void lex_element(const std::string& element, std::uint32_t source, std::size_t index, std::vector<Word>& words,
                 Diagnostics& diagnostics) {
    const std::size_t shown = std::max<std::size_t>(element.size(), 1);
    Word word{.text = element, .where = {source, narrow(index + 1), 1, narrow(shown)}};
    if (const std::size_t invalid = first_not_text(element); invalid != std::string::npos) {
        diagnostics.error(word.part(invalid, 1), describe_byte(element[invalid]));
        word.broken = true;
    }
    words.push_back(std::move(word));
}

}  // namespace qvm
