// SPDX-License-Identifier: Apache-2.0
// The tables of docs/qvmconf.md.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "config/help.hpp"
#include "config/language.hpp"
#include "config/variables.hpp"
#include "tables.hpp"

namespace qvm::tables {

namespace {

constexpr std::string_view kOpening = "<!-- table: ";
constexpr std::string_view kClosing = " -->";
constexpr std::string_view kEnd = "<!-- end -->";

/// A pipe would end the cell, even between backticks.
std::string cell(std::string_view text) {
    std::string out;
    for (const char byte : text) {
        if (byte == '|') out += '\\';
        out += byte;
    }
    return out;
}

std::string code(std::string_view text) { return text.empty() ? std::string{} : fmt::format("`{}`", cell(text)); }

void head(std::string& out, std::initializer_list<std::string_view> titles) {
    for (const std::string_view title : titles) fmt::format_to(std::back_inserter(out), "| {} ", title);
    out += "|\n";
    for (std::size_t left = titles.size(); left != 0; --left) out += "|---";
    out += "|\n";
}

void row(std::string& out, std::initializer_list<std::string> cells) {
    for (const std::string& each : cells) {
        out += each.empty() ? "| " : "| " + each + ' ';
    }
    out += "|\n";
}

/// Names that the manual explains under "Arguments".
std::string argument(const OptionSpec& option) {
    switch (option.type) {
        case ArgType::Flag:
            return "";
        case ArgType::Number:
            return "number";
        case ArgType::Size:
            return "size";
        case ArgType::String:
            return "text";
        case ArgType::Choice:
            return code(fmt::format("{}", fmt::join(option.choices, "|")));
        case ArgType::Location:
            return "location";
        case ArgType::Intr:
            return "line";
        case ArgType::HostDev:
            return "host end";
        case ArgType::Sched:
            return "priority";
        case ArgType::Delay:
            return "delay";
        case ArgType::Pair:
            return "number,number";
        case ArgType::Numbers:
            return "size[,size]...";
        case ArgType::Intrs:
            return "line[,line]...";
        case ArgType::NamedSize:
            return "name,size";
        case ArgType::Mac:
            return "hardware address";
        case ArgType::Octal:
            return "access rights";
        case ArgType::PassLocation:
            return "passed location";
        case ArgType::PassIntr:
            return "passed line";
        case ArgType::LogRule:
            return "severity[,severity]... destination";
    }
    return "";
}

std::string meaning(const OptionSpec& option) {
    std::string out = cell(option.help);
    if (option.required) out += "; *required*";
    if (option.repeatable) out += "; *repeatable*";
    if (!option.no_effect.empty()) out += "; *no effect*: " + cell(option.no_effect);
    return out;
}

std::string options_table(std::span<const OptionSpec> options) {
    if (options.empty()) return "It has no options of its own.\n";
    std::string out;
    head(out, {"option", "argument", "default", "meaning"});
    for (const OptionSpec& each : options)
        row(out, {code(each.name), argument(each), cell(each.fallback), meaning(each)});
    return out;
}

std::string global_table() {
    std::string out;
    head(out, {"option", "argument", "meaning"});
    for (const GlobalOption& each : global_options())
        row(out,
            {code(each.name), code(each.takes), cell(each.help) + (each.opens_context ? "; *opens a context*" : "")});
    return out;
}

std::string variables_table() {
    std::string out;
    head(out, {"variable", "type", "context", "default", "meaning", "effect"});
    for (const VariableSpec& each : variables()) {
        const std::string effect = each.no_effect.empty() ? "yes" : fmt::format("none: {}", cell(each.no_effect));
        row(out, {code(each.name), cell(type_text(each)), each.context == VariableContext::Vdev ? "vdev" : "global",
                  cell(each.fallback), cell(each.help), effect});
    }
    return out;
}

std::string_view name_of(Boards boards) noexcept {
    if (boards == Boards::Both) return "both";
    return boards == Boards::X86 ? "x86" : "arm64";
}

bool can_only_be_read(const VdevSyntax* type) noexcept {
    return std::ranges::any_of(language_vdevs(), [type](const VdevSyntax& each) { return &each == type; });
}

std::string vdevs_table(Types types) {
    std::string out;
    head(out, {"type", "board", "in this version", "what it is"});
    for (const VdevSyntax* each : types)
        row(out, {code(each->type), std::string{name_of(each->boards)}, can_only_be_read(each) ? "read only" : "yes",
                  cell(each->summary)});
    return out;
}

/// Nothing if there is none of that name.
std::optional<std::string> table(std::string_view name, Types types) {
    constexpr std::string_view kVdev = "vdev ";
    if (name == "global") return global_table();
    if (name == "cpu") return options_table(cpu_options());
    if (name == "reserve") return options_table(reserve_options());
    if (name == "pass") return options_table(pass_options());
    if (name == "common") return options_table(common_vdev_options());
    if (name == "variables") return variables_table();
    if (name == "vdevs") return vdevs_table(types);
    if (!name.starts_with(kVdev)) return std::nullopt;
    const auto found = std::ranges::find(types, name.substr(kVdev.size()), &VdevSyntax::type);
    if (found == types.end()) return std::nullopt;
    return options_table((*found)->options);
}

[[noreturn]] void fail(std::string_view text, std::size_t at, const std::string& what) {
    const auto before = text.substr(0, at);
    throw std::runtime_error{fmt::format("line {}: {}", std::ranges::count(before, '\n') + 1, what)};
}

}  // namespace

std::string renew_manual(std::string_view text, Types types) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t at = text.find(kOpening); at != text.npos; at = text.find(kOpening, copied)) {
        const std::size_t name = at + kOpening.size();
        const std::size_t closing = std::min(text.find(kClosing, name), text.find('\n', name));
        if (closing == text.npos || text[closing] == '\n') fail(text, at, "the comment with the name is not closed");
        const auto made = table(text.substr(name, closing - name), types);
        if (!made) fail(text, at, fmt::format("there is no table '{}'", text.substr(name, closing - name)));
        const std::size_t end = text.find(kEnd, closing);
        if (end == text.npos || text.find(kOpening, closing) < end)
            fail(text, at, fmt::format("this table has no '{}'", kEnd));
        out += text.substr(copied, closing + kClosing.size() - copied);
        fmt::format_to(std::back_inserter(out), "\n{}", *made);
        copied = end;
    }
    out += text.substr(copied);
    return out;
}

}  // namespace qvm::tables
