// SPDX-License-Identifier: Apache-2.0
#include "config/reader.hpp"

#include <fmt/format.h>

#include "config/parser.hpp"
#include "config/substitution.hpp"
#include "config/text_file.hpp"

namespace qvm {

void ConfigReader::open(const std::string& path, Location asked) {
    FileText file = read_text_file(path);
    if (file.error.empty()) return add_text(path, std::move(file.text));
    readable_ = false;
    const std::string hint = path.empty() ? "the name of a file is missing" : "";
    diagnostics_.error(asked, fmt::format("cannot read configuration {}: {}", quoted(path), file.error), hint);
}

void ConfigReader::add_file(const std::string& path) { open(path, {kNoSource, 0, 0, 0}); }

void ConfigReader::add_text(std::string name, std::string text) {
    const std::uint32_t source = sources_.add(std::move(name), std::move(text));
    switch (lex_text(sources_, source, words_, diagnostics_)) {
        case LexResult::Complete:
            return;
        case LexResult::Truncated:
            complete_ = false;
            return;
        case LexResult::NotText:
            readable_ = false;
            return;
    }
}

void ConfigReader::add_host_map(const std::string& path) {
    FileText file = read_text_file(path);
    if (file.error.empty()) return add_host_map_text(path, std::move(file.text));
    diagnostics_.error({kNoSource, 0, 0, 0}, fmt::format("cannot read host map {}: {}", quoted(path), file.error));
}

void ConfigReader::add_host_map_text(std::string name, std::string text) {
    const std::uint32_t source = sources_.add(std::move(name), std::move(text));
    std::vector<Word> words;
    if (lex_text(sources_, source, words, diagnostics_) == LexResult::Complete) {
        parse_host_map(words, map_, diagnostics_);
    }
}

void ConfigReader::add_argv(std::span<const std::string> elements) {
    const std::uint32_t source = sources_.add("command line", command_line_text(elements));
    for (std::size_t index = 0; index < elements.size(); ++index) {
        const std::string& element = elements[index];
        const Location where{source, static_cast<std::uint32_t>(index + 1), 1,
                             static_cast<std::uint32_t>(element.size())};
        if (element.starts_with('@')) {
            open(element.substr(1), where);
        } else {
            lex_element(element, source, index, words_, diagnostics_);
        }
    }
}

std::optional<ConfigReader::Question> ConfigReader::question() const {
    const auto is = [](const Word& word, std::string_view text) { return word.text == text && !word.broken; };
    std::string vdev;
    for (std::size_t at = 0; at + 1 < words_.size(); ++at) {
        const Word& next = words_[at + 1];
        if (is(words_[at], "set") && is(next, "?")) return Question{Question::About::Variables, vdev};
        if (!is(words_[at], "vdev")) continue;
        if (is(next, "?")) return Question{Question::About::Vdevs, vdev};
        vdev = next.text;
    }
    return std::nullopt;
}

std::optional<VmConfig> ConfigReader::read(const VdevGrammar& grammar, ParserOptions options) {
    if (!readable_) return std::nullopt;
    substitute(words_, host_, map_, diagnostics_);
    options.complete = options.complete && complete_;
    return parse_words(words_, grammar, map_, options, diagnostics_);
}

std::optional<VmConfig> ConfigReader::finish(const VdevGrammar& grammar) {
    auto config = read(grammar);
    if (diagnostics_.has_errors()) return std::nullopt;
    return config;
}

}  // namespace qvm
