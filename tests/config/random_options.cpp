// SPDX-License-Identifier: Apache-2.0
// The options of a random configuration; their values are made in random_config.cpp.
#include <algorithm>
#include <array>

#include "config/language.hpp"
#include "config/random_config.hpp"
#include "config/variables.hpp"

namespace qvm::test {

namespace {

constexpr std::uint64_t kPage = 4 * kKiB;

bool has_memory(const PassSpec& pass) {
    return std::any_of(pass.locations.begin(), pass.locations.end(),
                       [](const PassLocation& each) { return each.is_memory(); });
}

bool has_ram(const VmConfig& config) {
    return std::any_of(config.memory.begin(), config.memory.end(), [](const MemorySpec& each) { return !each.rom; }) ||
           std::any_of(config.passed.begin(), config.passed.end(), has_memory);
}

std::string variable_value(const VariableSpec& variable, std::uint64_t number, const std::string& text) {
    switch (variable.type) {
        case VariableType::Address:
            return std::to_string(number % 1000) + (number % 2 == 0 ? "M" : "");
        case VariableType::Number:
            return std::to_string(number);
        case VariableType::String:
            return text;
        case VariableType::Tristate:
            return "auto";
        case VariableType::Choice:
            return std::string{variable.choices[number % variable.choices.size()]};
        case VariableType::Cpus:
            return std::to_string(number % 1000) + ",1000";
        case VariableType::Sched:
            return std::to_string(1 + number % 255) + (number % 2 == 0 ? "f" : "");
        case VariableType::Boolean:
            break;
    }
    return number % 2 == 0 ? "off" : "yes";
}

}  // namespace

/// Whole pages, one above the other, in any order; sometimes up to the last byte there is.
void RandomConfig::memory(VmConfig& config) {
    std::uint64_t next = 0;
    for (std::uint64_t left = below(5); left != 0; --left) {
        const std::uint64_t start = next + kPage * below(1U << below(30));
        const std::uint64_t size = left == 1 && below(4) == 0 ? 0 - start : kPage * (1 + below(1U << below(30)));
        if (size == 0) continue;
        config.memory.push_back({coin(), Range::make(start, size).value(), {}});
        next = start + size;
    }
    shuffle(config.memory);
}

CpuSpec RandomConfig::cpu() {
    CpuSpec out;
    if (coin()) out.sched = sched();
    if (coin()) out.runmask = {static_cast<std::uint32_t>(below(8)), static_cast<std::uint32_t>(8 + below(0xfff8))};
    if (coin()) out.partition = text();
    return out;
}

LoadSpec RandomConfig::load() {
    LoadSpec out{static_cast<Blob>(below(6)), {}, path(), {}};
    // With an address before it, a path may look like anything.
    if (coin()) out.address = number();
    if (out.address) out.path = command();
    return out;
}

void RandomConfig::add_option(VdevSpec& vdev, const OptionSpec& spec) {
    vdev.options.push_back({&spec, {}, argument(spec)});
    while (spec.repeatable && coin()) vdev.options.push_back({&spec, {}, argument(spec)});
}

VdevSpec RandomConfig::vdev() {
    const auto types = grammar_.types();
    VdevSpec out{.syntax = types[coin() ? 0 : below(types.size())], .where = {}};
    for (const OptionSpec& each : out.syntax->options) {
        if (each.required || coin()) add_option(out, each);
    }
    for (const OptionSpec& each : common_vdev_options()) {
        if (find_option(out.syntax->options, each.name) == nullptr && below(4) == 0) add_option(out, each);
    }
    for (OptionValue& each : out.options) {
        auto* name = std::get_if<std::string>(&each.value);
        const bool controller = out.syntax->footprint.lines != 0 && each.spec->name == "name";
        if (controller && name != nullptr) std::erase(*name, ':');  // the language wants that
    }
    shuffle(out.options);
    for (const VariableSpec& each : qvm::variables()) {
        if (each.context == VariableContext::Vdev && below(4) == 0)
            out.variables.push_back({std::string{each.name}, variable_value(each, number(), text()), {}, {}});
    }
    return out;
}

PassSpec RandomConfig::pass(std::size_t after_vdevs) {
    PassSpec out{.blob = static_cast<Blob>(below(6)), .where = {}, .after_vdevs = after_vdevs};
    for (std::uint64_t left = below(3); left != 0; --left) out.locations.push_back(pass_location());
    for (std::uint64_t left = below(3); left != 0; --left) out.interrupts.push_back(pass_intr());
    if (coin()) out.node = PassNode{"/" + text(), {}};
    return out;
}

ReserveSpec RandomConfig::reserve(std::size_t after_vdevs) {
    if (coin()) return {location(), {}, after_vdevs};
    return {any_intr(":"), {}, after_vdevs};
}

void RandomConfig::variables(VmConfig& config) {
    for (const VariableSpec& each : qvm::variables()) {
        if (each.context == VariableContext::Global && below(8) == 0)
            config.variables.push_back({std::string{each.name}, variable_value(each, number(), text()), {}, {}});
    }
    // An unknown one cannot have the name of an option: that would be a missing argument.
    while (coin()) config.variables.push_back({"x-" + std::to_string(++names_) + text(), text(), {}, {}});
    if (below(8) == 0) config.variables.push_back({"", text(), {}, {}});
    shuffle(config.variables);
}

void RandomConfig::rest(VmConfig& config) {
    if (coin()) config.system = std::array{"x", "a.b_c-9", "-", "vdev", "..."}[below(5)];
    // `safety required` is an error of its own.
    config.safety = coin() ? Safety::None : Safety::Warn;
    config.debug = coin();
    while (coin()) config.loggers.push_back(log_rule());
    if (coin()) config.cmdline = CmdlineSpec{text_without("\n"), {}};
    if (coin()) config.dump = DumpSpec{coin(), command(), {}};
    if (config.dump && !config.dump->command) config.dump->target = path();
    for (std::uint8_t each = 0; each < 3; ++each) {
        using Spec = UnsupportedSpec;
        if (coin()) config.unsupported.push_back({Spec::Type{each}, static_cast<Spec::Action>(below(3)), {}});
    }
    shuffle(config.unsupported);
    if (coin()) config.user = UserSpec{.user = "u" + text_without(":, \t\n")};
    while (config.user && coin()) config.user->groups.push_back("4" + text_without(":, \t\n"));
    if (coin()) config.dryrun = Place{};
}

VmConfig RandomConfig::make() {
    VmConfig config;
    memory(config);
    for (std::uint64_t left = 1 + below(3); left != 0; --left) config.cpus.push_back(cpu());
    for (std::uint64_t left = below(4); left != 0; --left) config.vdevs.push_back(vdev());
    for (std::size_t before = 0; before <= config.vdevs.size(); ++before) {
        while (below(3) == 0) config.passed.push_back(pass(before));
        while (below(3) == 0) config.reserved.push_back(reserve(before));
    }
    if (!has_ram(config)) {
        config.passed.push_back(pass(config.vdevs.size()));
        config.passed.back().locations.push_back({.guest = {.address = kPage, .length = kPage}, .attributes = "rwm"});
    }
    for (std::uint64_t left = below(3); left != 0; --left) config.loads.push_back(load());
    variables(config);
    rest(config);
    return config;
}

}  // namespace qvm::test
