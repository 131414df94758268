// SPDX-License-Identifier: Apache-2.0
#include "config/variables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace qvm {

namespace {

constexpr std::string_view kNotYet = "this version does not have it yet";
constexpr std::string_view kNoHeap = "memory for the process itself is not reserved in advance";
constexpr std::string_view kNoMessages = "there are no messages that could block";
constexpr std::string_view kHostGic = "the host's kernel knows its interrupt controller";

constexpr std::array<std::string_view, 2> kHostSched{"required", "best-effort"};
constexpr std::array<std::string_view, 3> kHugePages{"off", "2M", "1G"};

constexpr std::array kVariables{
    VariableSpec{"counter-offset", VariableType::Number, "guest counter minus host counter", kNotYet},
    VariableSpec{"debug", VariableType::Boolean, "include this vdev in the status output", kNotYet,
                 VariableContext::Vdev},
    VariableSpec{"exit-on-halt", VariableType::Boolean, "a halted vCPU gives up its host CPU"},
    VariableSpec{"fdt-dump-file", VariableType::String, "write the guest's device tree to this file", kNotYet},
    VariableSpec{"gic-hwassist", VariableType::Boolean, "use the host's interrupt virtualization", kHostGic},
    VariableSpec{"grow-heap", VariableType::Address, "heap to reserve at the start", kNoHeap},
    VariableSpec{"host-halt-poll", VariableType::Number, "how long KVM polls before a halted vCPU sleeps, in ns"},
    VariableSpec{"host-hugepages",
                 VariableType::Choice,
                 "guest memory is made of the host's huge pages",
                 {},
                 VariableContext::Global,
                 kHugePages},
    VariableSpec{"host-io-runmask", VariableType::Cpus, "host CPUs of the io threads"},
    VariableSpec{"host-io-sched", VariableType::Sched, "priority and policy of the io threads"},
    VariableSpec{"host-lock-memory", VariableType::Boolean, "all memory of the process is locked"},
    VariableSpec{"host-main-runmask", VariableType::Cpus, "host CPUs of the main thread"},
    VariableSpec{"host-main-sched", VariableType::Sched, "priority and policy of the main thread"},
    VariableSpec{"host-paddr-gicd", VariableType::Address, "host address of the GIC distributor", kHostGic},
    VariableSpec{"host-paddr-gich", VariableType::Address, "host address of the GIC hypervisor interface", kHostGic},
    VariableSpec{"host-paddr-gicv", VariableType::Address, "host address of the GIC virtual CPU interface", kHostGic},
    VariableSpec{"host-prefault", VariableType::Boolean, "guest memory is there before the guest starts"},
    VariableSpec{"host-sched",
                 VariableType::Choice,
                 "a schedule that the host refuses is an error or a warning",
                 {},
                 VariableContext::Global,
                 kHostSched},
    VariableSpec{"legacy-free", VariableType::Boolean, "promise the guest that there are no legacy devices", kNotYet},
    VariableSpec{"message-block-timeout", VariableType::Number, "longest wait for a message, in ms", kNoMessages},
    VariableSpec{"pointer-authentication", VariableType::Tristate, "offer pointer authentication to the guest",
                 kNotYet},
    VariableSpec{"posted-interrupts", VariableType::Boolean, "use posted interrupts", kNotYet},
    VariableSpec{"slog-buffer", VariableType::Address, "size of the slog buffer", "the system's log has its own"},
    VariableSpec{"vdev-message-block-timeout", VariableType::Number, "the same for one vdev, in ms", kNoMessages,
                 VariableContext::Vdev},
    VariableSpec{"virtual-interrupts", VariableType::Boolean, "use virtual-interrupt delivery", kNotYet},
};

constexpr std::array<std::string_view, 8> kBooleans{"on", "off", "1", "0", "yes", "no", "true", "false"};

bool is_boolean(std::string_view value) noexcept {
    return std::find(kBooleans.begin(), kBooleans.end(), value) != kBooleans.end();
}

template <typename T>
Parsed<std::string> as_text(const Parsed<T>& value, std::string_view text) {
    if (!value) return value.error();
    return std::string{text};
}

Parsed<std::string> check_choice(const VariableSpec& variable, std::string_view value) {
    if (std::find(variable.choices.begin(), variable.choices.end(), value) != variable.choices.end())
        return std::string{value};
    return ValueError{fmt::format("{} is not a value of '{}'", quoted(value), variable.name),
                      fmt::format("one of: {}", fmt::join(variable.choices, ", "))};
}

}  // namespace

std::span<const VariableSpec> variables() noexcept { return kVariables; }

const VariableSpec* find_variable(std::string_view name) noexcept {
    const auto found = std::find_if(kVariables.begin(), kVariables.end(),
                                    [name](const VariableSpec& each) { return each.name == name; });
    return found == kVariables.end() ? nullptr : &*found;
}

bool is_true(std::string_view value) noexcept {
    return value == "on" || value == "1" || value == "yes" || value == "true";
}

Parsed<std::string> check_variable(const VariableSpec& variable, std::string_view value) {
    const bool tristate = variable.type == VariableType::Tristate;
    switch (variable.type) {
        case VariableType::Address:
            return as_text(parse_size(value), value);
        case VariableType::Number:
            return as_text(parse_number(value), value);
        case VariableType::String:
            return std::string{value};
        case VariableType::Cpus:
            return as_text(parse_runmask(value), value);
        case VariableType::Sched:
            return as_text(parse_sched(value), value);
        case VariableType::Choice:
            return check_choice(variable, value);
        case VariableType::Boolean:
        case VariableType::Tristate:
            break;
    }
    if (is_boolean(value) || (tristate && value == "auto")) return std::string{value};
    return ValueError{fmt::format("{} is not a value of '{}'", quoted(value), variable.name),
                      tristate ? "on, off or auto" : "on or off"};
}

}  // namespace qvm
