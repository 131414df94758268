// SPDX-License-Identifier: Apache-2.0
#include "config/reader.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "config/parser.hpp"
#include "vmm/units.hpp"

namespace qvm {

namespace {

constexpr std::size_t kMaxFileSize = 64 * kMiB;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

struct FileText {
    std::string text;
    std::string error;  ///< empty if all went well
};

std::string reason(int code) { return std::generic_category().message(code); }

FileText read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "re")};
    if (!file) return {{}, reason(errno)};
    FileText out;
    std::vector<char> buffer(64 * kKiB);
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
        out.text.append(buffer.data(), got);
        if (out.text.size() > kMaxFileSize) return {{}, "longer than 64 MiB"};
    }
    if (std::ferror(file.get()) != 0) return {{}, reason(errno)};
    return out;
}

}  // namespace

void ConfigReader::read(const std::string& path, Location asked) {
    FileText file = read_file(path);
    if (file.error.empty()) return add_text(path, std::move(file.text));
    readable_ = false;
    const std::string hint = path.empty() ? "the name of a file is missing" : "";
    diagnostics_.error(asked, fmt::format("cannot read configuration {}: {}", quoted(path), file.error), hint);
}

void ConfigReader::add_file(const std::string& path) { read(path, {kNoSource, 0, 0, 0}); }

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

void ConfigReader::add_argv(std::span<const std::string> elements) {
    const std::uint32_t source = sources_.add("command line", command_line_text(elements));
    for (std::size_t index = 0; index < elements.size(); ++index) {
        const std::string& element = elements[index];
        const Location where{source, static_cast<std::uint32_t>(index + 1), 1,
                             static_cast<std::uint32_t>(element.size())};
        if (element.starts_with('@')) {
            read(element.substr(1), where);
        } else {
            lex_element(element, source, index, words_, diagnostics_);
        }
    }
}

std::optional<VmConfig> ConfigReader::finish(const VdevGrammar& grammar) {
    if (!readable_) return std::nullopt;
    return parse_words(words_, complete_, grammar, diagnostics_);
}

}  // namespace qvm
