// SPDX-License-Identifier: Apache-2.0
// The words of the language that belong to no vdev, as tables: for the parser, for suggestions and for the help.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "config/option_spec.hpp"

namespace qvm {

enum class Keyword : std::uint8_t {
    System,
    Ram,
    Rom,
    Cpu,
    Load,
    Blob,  ///< says what the `load` or `pass` after it brings
    Cmdline,
    Vdev,
    Reserve,
    Logger,
    Set,
    Debug,
    Safety,
    Pass,
    Dump,
    Unsupported,
    User,
    Dryrun,
};

/// A word that may stand in any context.
struct GlobalOption {
    std::string_view name;
    Keyword keyword;
    std::uint8_t arguments;  ///< how many words follow; for Blob, the `load` is not counted
    std::string_view takes;  ///< the arguments' form: "[start,]length"
    std::string_view help;
    bool opens_context = false;  ///< what follows belongs to it, until the next such option
};

[[nodiscard]] std::span<const GlobalOption> global_options() noexcept;
/// Null if there is no such option.
[[nodiscard]] const GlobalOption* find_global(std::string_view name) noexcept;

/// What belongs to a `cpu`.
[[nodiscard]] std::span<const OptionSpec> cpu_options() noexcept;
/// What belongs to a `reserve`.
[[nodiscard]] std::span<const OptionSpec> reserve_options() noexcept;
/// What belongs to a `pass`.
[[nodiscard]] std::span<const OptionSpec> pass_options() noexcept;
/// Null if `options` has none of that name.
[[nodiscard]] const OptionSpec* find_option(std::span<const OptionSpec> options, std::string_view name) noexcept;

/// `action` of all watchdogs.
inline constexpr std::array<std::string_view, 5> kWatchdogActions{"terminate", "dump,terminate", "fiq", "dump,fiq",
                                                                  "dump"};
inline constexpr OptionSpec kWatchdogAction{.name = "action",
                                            .type = ArgType::Choice,
                                            .help = "what a bite does",
                                            .fallback = "terminate",
                                            .choices = kWatchdogActions};

/// Types of vdev that the language has and this program can only read: no row of them is in the catalogue.
[[nodiscard]] std::span<const VdevSyntax> language_vdevs() noexcept;
/// The bare type: "pl011" for `vdev-pl011`, `vdev-pl011.so`, `/lib/vdev-pl011-safety.so`.
[[nodiscard]] std::string_view bare_vdev_type(std::string_view spelling) noexcept;

}  // namespace qvm
