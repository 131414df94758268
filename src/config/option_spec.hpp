// SPDX-License-Identifier: Apache-2.0
// The tables that declare options. Each vdev has one; they are the only source of the grammar of vdevs, of its
// validation and of the help.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace qvm {

/// What an option takes, and which alternative of ArgValue holds it.
enum class ArgType : std::uint8_t {
    Flag,          ///< no argument                                  -> std::monostate
    Number,        ///< decimal or 0x                                -> std::uint64_t
    Size,          ///< number with an optional K, M or G            -> std::uint64_t
    String,        ///< the word as it stands                        -> std::string
    Choice,        ///< one of OptionSpec::choices                   -> std::string
    Location,      ///< [mem:|io:]address[,length], pci:bus:dev[.fn] -> GuestLocation
    Intr,          ///< controller:line, or a controller alone       -> IntrSpec
    HostDev,       ///< [<|>]path, -, or |command                    -> HostDev
    Sched,         ///< priority[r|f|o], or high,low,n,period,budget  -> SchedSpec
    Delay,         ///< seconds or `forever`                         -> Delay
    Pair,          ///< number,number                                -> NumberPair
    Numbers,       ///< number or size[,...]                         -> std::vector<std::uint64_t>
    Intrs,         ///< controller:line[,...]                        -> std::vector<IntrSpec>
    NamedSize,     ///< name,size                                    -> NamedSize
    Mac,           ///< aa:bb:cc:dd:ee:ff or aabbccddeeff            -> std::string with colons, lower case
    PassLocation,  ///< of `pass` only                           -> PassLocation
    PassIntr,      ///< of `pass` only                           -> PassIntr
    Octal,         ///< 0600                                         -> std::uint64_t
    LogRule,       ///< two arguments: filter[,filter...] dest       -> LogRule
};

struct OptionSpec {
    std::string_view name;
    ArgType type = ArgType::Flag;
    std::string_view help{};
    bool repeatable = false;                      ///< each one counts; otherwise the last one wins
    bool required = false;                        ///< the vdev cannot be without it
    std::string_view fallback{};                  ///< the default in words, for the help; empty if there is none
    std::span<const std::string_view> choices{};  ///< for ArgType::Choice
    std::string_view no_effect{};  ///< why the option is accepted but does nothing here; empty if it works
};

/// The boards that have a thing.
enum class Boards : std::uint8_t { X86 = 1, Arm64 = 2, Both = 3 };
[[nodiscard]] constexpr bool has_board(Boards set, Boards one) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// Whether a vdev is a PCI function (qvmconf specification 3.1).
enum class PciUse : std::uint8_t {
    Never,
    WithoutAddress,  ///< unless its `loc` is an address
    Always,
};

/// What others must know of a vdev before there is one, or of one that this program can only read: enough to find
/// conflicts.
struct VdevFootprint {
    std::uint64_t size = 0;  ///< bytes, or ports, that its `loc` takes; 0: not known
    bool io = false;         ///< a `loc` without prefix is a port
    unsigned lines = 0;      ///< input lines, if it is an interrupt controller
    PciUse pci = PciUse::Never;
};

/// What the parser must know of one vdev type.
struct VdevSyntax {
    std::string_view type;     ///< "ser8250"
    std::string_view summary;  ///< one line for the help
    std::span<const OptionSpec> options{};
    Boards boards = Boards::Both;
    VdevFootprint footprint{};
};

/// The vdev types that exist, as far as the parser is concerned.
class VdevGrammar {
public:
    virtual ~VdevGrammar() = default;
    [[nodiscard]] virtual std::span<const VdevSyntax* const> types() const noexcept = 0;
};

/// Options that every vdev has unless its own table says otherwise: name, log.
[[nodiscard]] std::span<const OptionSpec> common_vdev_options() noexcept;

}  // namespace qvm
