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
    VariableSpec{.name = "counter-offset",
                 .type = VariableType::Number,
                 .help = "arm64: guest counter minus host counter",
                 .fallback = "0xffffffffffffffff"},
    VariableSpec{.name = "debug",
                 .type = VariableType::Boolean,
                 .help = "include this vdev in the status output",
                 .no_effect = kNotYet,
                 .context = VariableContext::Vdev,
                 .fallback = "on"},
    VariableSpec{.name = "exit-on-halt",
                 .type = VariableType::Boolean,
                 .help = "a halted vCPU gives up its host CPU",
                 .fallback = "on"},
    VariableSpec{.name = "fdt-dump-file",
                 .type = VariableType::String,
                 .help = "arm64: write the guest's device tree to this file",
                 .fallback = "none"},
    VariableSpec{.name = "gic-hwassist",
                 .type = VariableType::Boolean,
                 .help = "use the host's interrupt virtualization",
                 .no_effect = kHostGic,
                 .fallback = "on"},
    VariableSpec{.name = "grow-heap",
                 .type = VariableType::Address,
                 .help = "heap to reserve at the start",
                 .no_effect = kNoHeap},
    VariableSpec{.name = "host-devmem",
                 .type = VariableType::Boolean,
                 .help = "pass what no driver of the host gives: memory by /dev/mem, and ports",
                 .fallback = "off"},
    VariableSpec{.name = "host-halt-poll",
                 .type = VariableType::Number,
                 .help = "how long KVM polls before a halted vCPU sleeps, in ns",
                 .fallback = "the host's kvm.halt_poll_ns"},
    VariableSpec{.name = "host-hugepages",
                 .type = VariableType::Choice,
                 .help = "guest memory is made of the host's huge pages",
                 .choices = kHugePages,
                 .fallback = "off"},
    VariableSpec{.name = "host-io-poll",
                 .type = VariableType::Number,
                 .help = "how long the io threads look for work before they sleep, in microseconds",
                 .fallback = "see docs/realtime.md"},
    VariableSpec{.name = "host-io-runmask",
                 .type = VariableType::Cpus,
                 .help = "host CPUs of the io threads",
                 .fallback = "as qvm was started"},
    VariableSpec{.name = "host-io-sched",
                 .type = VariableType::Sched,
                 .help = "priority and policy of the io threads",
                 .fallback = "see docs/realtime.md"},
    VariableSpec{.name = "host-lock-memory",
                 .type = VariableType::Boolean,
                 .help = "all memory of the process is locked",
                 .fallback = "off"},
    VariableSpec{.name = "host-main-runmask",
                 .type = VariableType::Cpus,
                 .help = "host CPUs of the main thread",
                 .fallback = "as qvm was started"},
    VariableSpec{.name = "host-main-sched",
                 .type = VariableType::Sched,
                 .help = "priority and policy of the main thread",
                 .fallback = "see docs/realtime.md"},
    VariableSpec{.name = "host-paddr-gicd",
                 .type = VariableType::Address,
                 .help = "host address of the GIC distributor",
                 .no_effect = kHostGic,
                 .fallback = "that of the host"},
    VariableSpec{.name = "host-paddr-gich",
                 .type = VariableType::Address,
                 .help = "host address of the GIC hypervisor interface",
                 .no_effect = kHostGic,
                 .fallback = "that of the host"},
    VariableSpec{.name = "host-paddr-gicv",
                 .type = VariableType::Address,
                 .help = "host address of the GIC virtual CPU interface",
                 .no_effect = kHostGic,
                 .fallback = "that of the host"},
    VariableSpec{.name = "host-prefault",
                 .type = VariableType::Boolean,
                 .help = "guest memory is there before the guest starts",
                 .fallback = "off"},
    VariableSpec{.name = "host-sched",
                 .type = VariableType::Choice,
                 .help = "a schedule that the host refuses is an error or a warning",
                 .choices = kHostSched,
                 .fallback = "required"},
    VariableSpec{.name = "legacy-free",
                 .type = VariableType::Boolean,
                 .help = "promise the guest that there are no legacy devices",
                 .no_effect = kNotYet},
    VariableSpec{.name = "message-block-timeout",
                 .type = VariableType::Number,
                 .help = "longest wait for a message, in ms",
                 .no_effect = kNoMessages,
                 .fallback = "10000"},
    VariableSpec{.name = "pass-intr-follow",
                 .type = VariableType::Boolean,
                 .help = "messages (MSI, MSI-X) of passed devices come on the host CPUs of the vCPUs",
                 .fallback = "on"},
    VariableSpec{.name = "pass-intr-limit",
                 .type = VariableType::Number,
                 .help = "most messages (MSI, MSI-X) of a passed device in a second; the rest waits",
                 .fallback = "no limit"},
    VariableSpec{.name = "pointer-authentication",
                 .type = VariableType::Tristate,
                 .help = "arm64: offer pointer authentication to the guest",
                 .fallback = "auto: if the host has it"},
    VariableSpec{.name = "posted-interrupts",
                 .type = VariableType::Boolean,
                 .help = "use posted interrupts",
                 .no_effect = kNotYet},
    VariableSpec{.name = "power-key",
                 .type = VariableType::Boolean,
                 .help = "arm64: SIGTERM presses a key (PL061) that the guest can see",
                 .fallback = "on"},
    VariableSpec{.name = "slog-buffer",
                 .type = VariableType::Address,
                 .help = "size of the slog buffer",
                 .no_effect = "the system's log has its own",
                 .fallback = "4K"},
    VariableSpec{.name = "vdev-message-block-timeout",
                 .type = VariableType::Number,
                 .help = "the same for one vdev, in ms",
                 .no_effect = kNoMessages,
                 .context = VariableContext::Vdev,
                 .fallback = "that of message-block-timeout"},
    VariableSpec{.name = "virtual-interrupts",
                 .type = VariableType::Boolean,
                 .help = "use virtual-interrupt delivery",
                 .no_effect = kNotYet},
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
