// SPDX-License-Identifier: Apache-2.0
#include "config/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/language.hpp"

namespace qvm {

namespace {

std::string argument(const OptionSpec& option) {
    switch (option.type) {
        case ArgType::Flag:
            return "";
        case ArgType::Number:
            return "number";
        case ArgType::Size:
            return "size[K|M|G]";
        case ArgType::String:
            return "text";
        case ArgType::Choice:
            return fmt::format("{}", fmt::join(option.choices, "|"));
        case ArgType::Location:
            return "[mem:|io:]address[,length] | pci:bus:device[.function]";
        case ArgType::Intr:
            return "controller[:line]";
        case ArgType::HostDev:
            return "[<|>]path | - | |command";
        case ArgType::Sched:
            return "priority[r|f|o]";
        case ArgType::Delay:
            return "seconds | forever";
        case ArgType::Pair:
            return "number,number";
        case ArgType::Numbers:
            return "number[,number...]";
        case ArgType::Intrs:
            return "controller:line[,controller:line...]";
        case ArgType::NamedSize:
            return "name,size[K|M|G]";
        case ArgType::Mac:
            return "aa:bb:cc:dd:ee:ff";
        case ArgType::Octal:
            return "octal number";
        case ArgType::PassLocation:
            return "[mem:|io:]address[,length][,attributes][=host] | pci:device[=pci:device]";
        case ArgType::PassIntr:
            return "controller:line[,t|u][=host]";
        case ArgType::LogRule:
            return "severity[,severity...] destination";
    }
    return "";
}

void append_option(const OptionSpec& option, std::string& out) {
    const std::string takes = argument(option);
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "\n  {}{}{}\n      {}\n", option.name, takes.empty() ? "" : " ", takes, option.help);
    if (option.required) out += "      required\n";
    if (option.repeatable) out += "      may be repeated\n";
    if (!option.fallback.empty()) fmt::format_to(to, "      default: {}\n", option.fallback);
    if (!option.no_effect.empty()) fmt::format_to(to, "      no effect: {}\n", option.no_effect);
}

std::string_view type_name(VariableType type) noexcept {
    switch (type) {
        case VariableType::Address:
            return "address";
        case VariableType::Boolean:
            return "boolean";
        case VariableType::Tristate:
            return "tristate";
        case VariableType::Number:
            return "number";
        case VariableType::String:
            return "string";
        case VariableType::Choice:
            return "choice";
        case VariableType::Cpus:
            return "CPUs";
        case VariableType::Sched:
            return "sched";
    }
    return "string";
}

std::string_view context_name(VariableContext context) noexcept {
    return context == VariableContext::Vdev ? "vdev" : "global";
}

/// Of the longest name.
template <typename Rows, typename Name>
std::size_t width(const Rows& rows, Name name) {
    std::size_t longest = 0;
    for (const auto& row : rows) longest = std::max(longest, name(row).size());
    return longest;
}

}  // namespace

std::string help_on_vdevs(std::span<const VdevSyntax* const> types) {
    std::string out;
    const std::size_t column = width(types, [](const VdevSyntax* type) { return type->type; });
    for (const VdevSyntax* type : types)
        fmt::format_to(std::back_inserter(out), "{:<{}}  {}\n", type->type, column, type->summary);
    return out;
}

std::string help_on_vdev(const VdevSyntax& type) {
    std::string out = fmt::format("vdev {}: {}\n", type.type, type.summary);
    for (const OptionSpec& option : type.options) append_option(option, out);
    for (const OptionSpec& option : common_vdev_options())
        if (find_option(type.options, option.name) == nullptr) append_option(option, out);
    return out;
}

std::string type_text(const VariableSpec& variable) {
    if (!variable.choices.empty()) return fmt::format("{}", fmt::join(variable.choices, "|"));
    return std::string{type_name(variable.type)};
}

std::string help_on_variables(std::span<const VariableSpec> variables, bool of_vdevs) {
    std::string out;
    const std::size_t column = width(variables, [](const VariableSpec& variable) { return variable.name; });
    for (const VariableSpec& variable : variables) {
        if (variable.context == VariableContext::Vdev && !of_vdevs) continue;
        const auto kind = fmt::format("({}, {})", type_text(variable), context_name(variable.context));
        fmt::format_to(std::back_inserter(out), "{:<{}}  {:<18}  {}", variable.name, column, kind, variable.help);
        if (!variable.fallback.empty()) fmt::format_to(std::back_inserter(out), "; default: {}", variable.fallback);
        if (!variable.no_effect.empty()) fmt::format_to(std::back_inserter(out), "; no effect: {}", variable.no_effect);
        out += '\n';
    }
    return out;
}

}  // namespace qvm
