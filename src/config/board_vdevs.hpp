// SPDX-License-Identifier: Apache-2.0
// The grammar of vdevs that only one board makes, for all boards to read.
#pragma once

#include <array>

#include "config/language.hpp"

namespace qvm {

inline constexpr std::array kIoapicOptions{
    OptionSpec{
        .name = "loc", .type = ArgType::Location, .help = "start of its 4 KiB of registers", .fallback = "0xfec00000"},
    OptionSpec{
        .name = "intr", .type = ArgType::Intr, .help = "where its interrupts go", .fallback = "apic, the local APICs"},
    OptionSpec{.name = "hostvector",
               .type = ArgType::Number,
               .help = "host vector of the first input line",
               .no_effect = "not yet: host interrupts cannot be passed to the guest by their vector"},
};
inline constexpr VdevSyntax kIoapicSyntax{.type = "ioapic",
                                          .summary = "I/O APIC with 24 input lines",
                                          .options = kIoapicOptions,
                                          .boards = Boards::X86,
                                          .footprint = {.size = 0x1000, .lines = 24}};

inline constexpr std::array kMc146818Options{
    OptionSpec{
        .name = "loc", .type = ArgType::Location, .help = "index port; data is next to it", .fallback = "io:0x70"},
    OptionSpec{.name = "intr", .type = ArgType::Intr, .help = "interrupt line", .fallback = "the board's line 8"},
    OptionSpec{.name = "reg",
               .type = ArgType::Pair,
               .help = "sets a register before the guest starts: index,value",
               .repeatable = true,
               .fallback = "0x0b,0x02: 24 hours, BCD"},
};
inline constexpr VdevSyntax kMc146818Syntax{.type = "mc146818",
                                            .summary = "CMOS clock and memory",
                                            .options = kMc146818Options,
                                            .boards = Boards::X86,
                                            .footprint = {.size = 2, .io = true}};

inline constexpr std::array kPckeyboardOptions{
    OptionSpec{.name = "loc",
               .type = ArgType::Location,
               .help = "data port; the command port is 4 above it",
               .fallback = "the board's keyboard controller"},
};
inline constexpr VdevSyntax kPckeyboardSyntax{.type = "pckeyboard",
                                              .summary = "keyboard controller, to reset the board by",
                                              .options = kPckeyboardOptions,
                                              .boards = Boards::X86,
                                              .footprint = {.size = 5, .io = true}};

inline constexpr std::array kIb700Options{
    OptionSpec{.name = "loc",
               .type = ArgType::Location,
               .help = "port that disables; two above it enables",
               .fallback = "io:0x441"},
    OptionSpec{.name = "intr", .type = ArgType::Intr, .help = "line that `fiq` raises, once"},
    kWatchdogAction,
};
inline constexpr VdevSyntax kIb700Syntax{.type = "wdt-ib700",
                                         .summary = "IB700 watchdog",
                                         .options = kIb700Options,
                                         .boards = Boards::X86,
                                         .footprint = {.size = 3, .io = true}};

inline constexpr std::array<std::string_view, 2> kGicVersions{"2", "3"};
inline constexpr std::array kGicOptions{
    OptionSpec{.name = "version",
               .type = ArgType::Choice,
               .help = "of the GIC architecture",
               .fallback = "3",
               .choices = kGicVersions},
    OptionSpec{.name = "gicd",
               .type = ArgType::Size,
               .help = "address of the distributor",
               .fallback = "0x2f000000, of version 2 0x2c001000"},
    OptionSpec{.name = "gicc",
               .type = ArgType::Size,
               .help = "address of the CPU interface (version 2)",
               .fallback = "0x2c002000"},
    OptionSpec{.name = "gicr",
               .type = ArgType::Size,
               .help = "address of the redistributors (version 3)",
               .fallback = "0x2f100000"},
    OptionSpec{.name = "msi",
               .type = ArgType::Numbers,
               .help = "MSI frame of version 2: address, first interrupt, number of interrupts"},
    OptionSpec{.name = "hostvector",
               .type = ArgType::Number,
               .help = "host vector of the first input line",
               .no_effect = "the host's kernel knows its interrupts by other numbers"},
};
inline constexpr VdevSyntax kGicSyntax{.type = "gic",
                                       .summary = "ARM generic interrupt controller",
                                       .options = kGicOptions,
                                       .boards = Boards::Arm64,
                                       .footprint = {.lines = 1020}};

}  // namespace qvm
