// SPDX-License-Identifier: Apache-2.0
// What the user wrote, typed, each value with the place where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/option_spec.hpp"
#include "vmm/log.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// Where something stands. Two configurations mean the same wherever their words stand, so all places are equal.
struct Place : Location {
    constexpr Place() = default;
    constexpr Place(const Location& where) : Location{where} {}  // NOLINT(google-explicit-constructor)
    constexpr bool operator==(const Place& /*unused*/) const noexcept { return true; }
};

/// `vendor/device`: what a PCI function is.
struct PciId {
    std::uint16_t vendor = 0;
    std::uint16_t device = 0;
    bool operator==(const PciId&) const = default;
};

/// `loc`: where the guest sees something.
struct GuestLocation {
    enum class Space : std::uint8_t { Default, Memory, Io, Pci };
    Space space = Space::Default;  ///< Default: no prefix was written; the vdev decides
    std::uint64_t address = 0;     ///< for Pci: bus << 8 | device << 3 | function
    std::optional<std::uint64_t> length{};
    std::optional<PciId> pci_id{};  ///< for Pci, in place of the address
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

/// What the sporadic form of `sched` has besides the high priority. Period and budget are in ms, which the sources of
/// the language leave open.
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

/// `name,size`: a region of shared memory.
struct NamedSize {
    std::string name;
    std::uint64_t size = 0;
    bool operator==(const NamedSize&) const = default;
};

struct NumberPair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const NumberPair&) const = default;
};

/// What a `pass loc` of memory without a length gives: one page (qvmconf specification 2.7).
inline constexpr std::uint64_t kDefaultPassLength = 4 * kKiB;

/// What the letters of a `pass loc` ask for.
struct PassAttributes {
    bool read = false;
    bool write = false;
    bool cached = false;
    bool memory = false;  ///< the guest is to take it for RAM
};
/// Without letters, and before a `+` or `-`, they are `rwn`. `x` needs `r`; `d e s t b` have no effect.
[[nodiscard]] PassAttributes pass_attributes(std::string_view letters) noexcept;

/// `pass loc`: a stretch of the host that the guest gets.
struct PassLocation {
    GuestLocation guest;                  ///< for PCI perhaps only what the device is
    std::string attributes{};             ///< letters of `+-rwxcemdnstb` as written; empty: none were
    std::optional<GuestLocation> host{};  ///< Default: a host-physical address; or Pci
    Place where{};
    bool operator==(const PassLocation&) const = default;
    /// Whether the guest is to take it for RAM.
    [[nodiscard]] bool is_memory() const noexcept { return pass_attributes(attributes).memory; }
    /// Neither ports nor a PCI device.
    [[nodiscard]] bool has_address() const noexcept {
        return guest.space == GuestLocation::Space::Default || guest.space == GuestLocation::Space::Memory;
    }
    /// Of what has an address: bytes, and the host-physical start.
    [[nodiscard]] std::uint64_t size() const noexcept { return guest.length.value_or(kDefaultPassLength); }
    [[nodiscard]] std::uint64_t host_start() const noexcept { return host ? host->address : guest.address; }
};

/// `pass intr line[,t|u][=vector]`.
struct PassIntr {
    IntrSpec guest;
    enum class Delivery : std::uint8_t { Default, Thread, Unmask };
    Delivery delivery = Delivery::Default;
    std::optional<std::uint64_t> host{};  ///< host interrupt
    Place where{};
    bool operator==(const PassIntr&) const = default;
};

using ArgValue = std::variant<std::monostate, std::uint64_t, std::string, GuestLocation, IntrSpec, HostDev, SchedSpec,
                              Delay, NumberPair, LogRule, NamedSize, std::vector<IntrSpec>, std::vector<std::uint64_t>,
                              PassLocation, PassIntr>;

/// One option as given, in file order. A repeated option that is not repeatable appears once, with its last value.
struct OptionValue {
    const OptionSpec* spec;
    Place where;  ///< of the argument, or of the option itself if it takes none
    ArgValue value;
    bool operator==(const OptionValue&) const = default;
};

/// `set name value`, checked against the table of variables; unknown names stay as text.
struct SetSpec {
    std::string name;
    std::string value;
    Place where;        ///< of the name
    Place value_where;  ///< of the value
    bool operator==(const SetSpec&) const = default;
};

/// `vdev type` with its options.
struct VdevSpec {
    const VdevSyntax* syntax = nullptr;
    Place where;  ///< of the type word
    std::vector<OptionValue> options{};
    std::vector<SetSpec> variables{};  ///< those that belong to a vdev
    bool damaged = false;              ///< an error in it was reported: some of its options are missing
    bool operator==(const VdevSpec&) const = default;

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
    /// Whether it is a PCI function.
    [[nodiscard]] bool on_pci() const noexcept;
};

/// `ram` or `rom`, or RAM that is passed. The start is resolved: without one in the file it follows the highest earlier
/// ram or rom.
struct MemorySpec {
    bool rom = false;
    Range range;
    Place where;
    /// Memory of the host's that is kept away from its kernel.
    struct Host {
        std::uint64_t start = 0;  ///< host-physical
        bool cached = false;
        bool kept = false;  ///< the guest finds what is in it, not zeroes
        bool operator==(const Host&) const = default;
    };
    std::optional<Host> host{};  ///< for RAM by `pass` only
    bool operator==(const MemorySpec&) const = default;
};

struct CpuSpec {
    Place where;
    std::optional<SchedSpec> sched{};
    Place sched_where{};
    std::vector<std::uint32_t> runmask{};  ///< host CPUs, from `runmask` or `cluster`; empty: any
    Place runmask_where{};
    std::string partition{};  ///< as written
    bool operator==(const CpuSpec&) const = default;
};

/// The word before a `load` or `pass`: what it brings.
enum class Blob : std::uint8_t { Sniff, Guest, Initrd, Fdt, Data, Acpi };

/// `[blob] load [address,]path`.
struct LoadSpec {
    using Blob = qvm::Blob;
    Blob blob = Blob::Sniff;
    std::optional<std::uint64_t> address;
    std::string path;
    Place where;          ///< of the argument
    bool passed = false;  ///< no file, but memory of the host's, which `path` names in messages
    bool operator==(const LoadSpec&) const = default;
};

struct CmdlineSpec {
    std::string text;  ///< bare newlines inside the quotes have become one blank each
    Place where;
    bool operator==(const CmdlineSpec&) const = default;
};

/// `reserve loc ...` or `reserve intr ...`; one each.
struct ReserveSpec {
    std::variant<GuestLocation, IntrSpec> what;
    Place where;
    std::size_t after_vdevs = 0;  ///< how many vdevs stand before it
    bool operator==(const ReserveSpec&) const = default;
};

/// `node` of `pass`: a node of the host's device tree.
struct PassNode {
    std::string text;  ///< a path, a label or alias, or an address
    Place where{};
    bool operator==(const PassNode&) const = default;
};

/// `[blob] pass [loc ...]... [intr ...]... [node ...]`.
struct PassSpec {
    Blob blob = Blob::Sniff;
    Place where;
    std::vector<PassLocation> locations{};
    std::vector<PassIntr> interrupts{};
    std::optional<PassNode> node{};
    std::size_t after_vdevs = 0;  ///< how many vdevs stand before it
    bool operator==(const PassSpec&) const = default;
};

/// `dump directory` or `dump |command`.
struct DumpSpec {
    bool command = false;
    std::string target;
    Place where;
    bool operator==(const DumpSpec&) const = default;
};

/// `unsupported type action`.
struct UnsupportedSpec {
    enum class Type : std::uint8_t { Instruction, Reference, Register };
    enum class Action : std::uint8_t { Abort, Fail, Ignore };
    Type type = Type::Instruction;
    Action action = Action::Fail;
    Place where;
    bool operator==(const UnsupportedSpec&) const = default;
};

/// `user uid[:gid[,gid...]]`, numbers or names.
struct UserSpec {
    std::string user;
    std::vector<std::string> groups{};  ///< empty: those that the user has; else the first is the primary one
    Place where{};
    bool operator==(const UserSpec&) const = default;
};

/// What is to happen if a part is not certified: nothing, a warning, an error.
enum class Safety : std::uint8_t { None, Warn, Required };

/// Two are equal if they mean the same, wherever their words stand.
struct VmConfig {
    std::string system;  ///< empty if not given
    Place system_where{};
    std::vector<MemorySpec> memory{};
    std::vector<CpuSpec> cpus{};  ///< never empty after parsing: one vCPU when no `cpu` was given
    std::vector<LoadSpec> loads{};
    std::optional<CmdlineSpec> cmdline{};
    std::vector<VdevSpec> vdevs{};
    std::vector<PassSpec> passed{};
    std::vector<ReserveSpec> reserved{};
    std::vector<LogRule> loggers{};
    std::vector<SetSpec> variables{};  ///< those that belong to no vdev
    std::optional<DumpSpec> dump{};
    std::vector<UnsupportedSpec> unsupported{};  ///< at most one of each type
    std::optional<UserSpec> user{};
    Safety safety = Safety::None;  ///< the last one given
    bool debug = false;
    std::optional<Place> dryrun{};
    /// What reported errors have left out, for those who look for more of them.
    struct Damage {
        bool memory = false;  ///< some `ram` or `rom` is missing
        bool loads = false;   ///< some `load` is missing
        bool vdevs = false;   ///< some vdev is missing
        bool operator==(const Damage&) const = default;
    };
    Damage damage{};
    bool operator==(const VmConfig&) const = default;
};

}  // namespace qvm
