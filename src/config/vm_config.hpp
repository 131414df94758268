// SPDX-License-Identifier: Apache-2.0
// What the user wrote, typed, each value with the place where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/option_spec.hpp"
#include "vmm/log.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// `loc`: where the guest sees something.
struct GuestLocation {
    enum class Space : std::uint8_t { Default, Memory, Io, Pci };
    Space space = Space::Default;  ///< Default: no prefix was written; the vdev decides
    std::uint64_t address = 0;     ///< for Pci: bus << 8 | device << 3 | function
    std::optional<std::uint64_t> length{};
    bool operator==(const GuestLocation&) const = default;
};

/// `intr`: an input line of an interrupt controller, or the controller alone (`intr apic`).
struct IntrSpec {
    std::string controller;  ///< empty in `reserve intr 39` only
    std::optional<std::uint32_t> line;
    bool operator==(const IntrSpec&) const = default;
};

/// `hostdev`: the host's end of a character or block vdev.
struct HostDev {
    enum class Direction : std::uint8_t { Both, Input, Output };
    enum class Kind : std::uint8_t { Stdio, Path, Command };
    Direction direction = Direction::Both;
    Kind kind = Kind::Path;
    std::string target;  ///< path or shell command; empty for Stdio
    bool operator==(const HostDev&) const = default;
};

/// What the sporadic form of `sched` has besides the high priority. The unit of period and budget is not fixed yet:
/// both are as written.
struct Sporadic {
    std::uint32_t low = 1;                 ///< priority while the budget is spent; 1 to the high one
    std::uint64_t max_replenishments = 1;  ///< at least 1
    std::uint64_t period = 1;              ///< at least 1
    std::uint64_t budget = 1;              ///< 1 to `period`
    bool operator==(const Sporadic&) const = default;
};

/// `sched`: priority and policy of a thread. The priority is as written (QNX's scale, 1 to 255).
struct SchedSpec {
    enum class Policy : std::uint8_t { RoundRobin, Fifo, Other, Sporadic };
    std::uint32_t priority = 10;  ///< for Sporadic the high one
    Policy policy = Policy::RoundRobin;
    std::optional<Sporadic> sporadic{};  ///< for Policy::Sporadic only
    bool operator==(const SchedSpec&) const = default;
};

/// `delayed`: open the host's end on first use, then try for that long. Nothing: forever.
struct Delay {
    std::optional<std::uint64_t> seconds;
    bool operator==(const Delay&) const = default;
};

struct NumberPair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const NumberPair&) const = default;
};

using ArgValue = std::variant<std::monostate, std::uint64_t, std::string, GuestLocation, IntrSpec, HostDev, SchedSpec,
                              Delay, NumberPair, LogRule>;

/// One option as given, in file order. A repeated option that is not repeatable appears once, with its last value.
struct OptionValue {
    const OptionSpec* spec;
    Location where;  ///< of the argument, or of the option itself if it takes none
    ArgValue value;
};

/// `vdev type` with its options.
struct VdevSpec {
    const VdevSyntax* syntax = nullptr;
    Location where;  ///< of the type word
    std::vector<OptionValue> options;

    /// The last option of that name; null if it was not given.
    [[nodiscard]] const OptionValue* find(std::string_view option) const noexcept;
    [[nodiscard]] bool has(std::string_view option) const noexcept { return find(option) != nullptr; }
    /// The last value of that option; null if it was not given. `T` must be the type that its ArgType promises.
    template <typename T>
    [[nodiscard]] const T* get(std::string_view option) const noexcept {
        const OptionValue* found = find(option);
        return found ? std::get_if<T>(&found->value) : nullptr;
    }
    /// The `name` option, or the empty string.
    [[nodiscard]] std::string_view name() const noexcept;
};

/// `ram` or `rom`. The start is resolved: without one in the file it follows the highest earlier ram or rom.
struct MemorySpec {
    bool rom = false;
    Range range;
    Location where;
};

struct CpuSpec {
    Location where;
    std::optional<SchedSpec> sched{};
    Location sched_where{};
    std::vector<std::uint32_t> runmask{};  ///< host CPUs, from `runmask` or `cluster`; empty: any
    Location runmask_where{};
};

/// `[blob] load [address,]path`.
struct LoadSpec {
    enum class Blob : std::uint8_t { Sniff, Guest, Initrd, Fdt, Data, Acpi };
    Blob blob = Blob::Sniff;
    std::optional<std::uint64_t> address;
    std::string path;
    Location where;  ///< of the argument
};

struct CmdlineSpec {
    std::string text;  ///< bare newlines inside the quotes have become one blank each
    Location where;
};

/// `reserve loc ...` or `reserve intr ...`; one each.
struct ReserveSpec {
    std::variant<GuestLocation, IntrSpec> what;
    Location where;
};

/// `set name value`, checked against the table of variables; unknown names stay as text.
struct SetSpec {
    std::string name;
    std::string value;
    Location where;        ///< of the name
    Location value_where;  ///< of the value
};

struct VmConfig {
    std::string system;  ///< empty if not given
    Location system_where{};
    std::vector<MemorySpec> memory{};
    std::vector<CpuSpec> cpus{};  ///< never empty after parsing: one vCPU when no `cpu` was given
    std::vector<LoadSpec> loads{};
    std::optional<CmdlineSpec> cmdline{};
    std::vector<VdevSpec> vdevs{};
    std::vector<ReserveSpec> reserved{};
    std::vector<LogRule> loggers{};
    std::vector<SetSpec> variables{};
};

}  // namespace qvm
