// SPDX-License-Identifier: Apache-2.0
// The vdevs of the language that this program can only read so far. A row moves to its device when there is one.
#include <array>

#include "config/board_vdevs.hpp"
#include "config/language.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kPage = 4096;

constexpr OptionSpec kLoc{.name = "loc", .type = ArgType::Location, .help = "where the guest sees it"};
constexpr OptionSpec kIntr{.name = "intr", .type = ArgType::Intr, .help = "its interrupt line"};
constexpr OptionSpec kLegacy{
    .name = "legacy", .type = ArgType::Flag, .help = "the interface of virtio 0.9.5 in place of 1.x"};
constexpr OptionSpec kSched{.name = "sched", .type = ArgType::Sched, .help = "priority and policy of its threads"};

constexpr std::array kLocOnly{kLoc};
constexpr std::array kLocIntr{kLoc, kIntr};
constexpr std::array kVirtio{kLoc, kIntr, kLegacy};

constexpr std::array kHpet{
    kLoc,
    OptionSpec{
        .name = "intr", .type = ArgType::Intrs, .help = "the lines of its timers, in their order", .repeatable = true},
    OptionSpec{
        .name = "intrmap", .type = ArgType::Intrs, .help = "the same, as older guides spell it", .repeatable = true},
    OptionSpec{.name = "frequency", .type = ArgType::Number, .help = "in Hz", .fallback = "14318180"},
    OptionSpec{.name = "legacy-free", .type = ArgType::Flag, .help = "it cannot replace the legacy timers"},
};
constexpr std::array<std::string_view, 2> kTruth{"true", "false"};
constexpr std::array<std::string_view, 7> kScreens{"keyboard",    "mouse",        "pointer",    "touch",
                                                   "touchscreen", "single-touch", "multi-touch"};
constexpr std::array kInput{
    kLoc,
    kIntr,
    kLegacy,
    OptionSpec{.name = "screen",
               .type = ArgType::Choice,
               .help = "what it is to the guest",
               .repeatable = true,
               .required = true,
               .choices = kScreens},
    OptionSpec{.name = "display", .type = ArgType::String, .help = "the host's display"},
    OptionSpec{.name = "window", .type = ArgType::String, .help = "the host's window"},
    OptionSpec{.name = "size", .type = ArgType::Pair, .help = "width and height"},
    OptionSpec{.name = "offset", .type = ArgType::Pair, .help = "left and upper edge"},
    OptionSpec{.name = "options", .type = ArgType::String, .help = "[+|-]mask", .fallback = "0x12"},
    OptionSpec{.name = "protocol", .type = ArgType::String, .help = "of multi-touch"},
    OptionSpec{.name = "pipeline", .type = ArgType::Number, .help = "the host's pipeline"},
    OptionSpec{.name = "zorder", .type = ArgType::Number, .help = "of its window", .fallback = "1000"},
    OptionSpec{.name = "global_alpha", .type = ArgType::Number, .help = "of its window"},
    OptionSpec{
        .name = "force_dev_presence", .type = ArgType::Choice, .help = "without a host device, too", .choices = kTruth},
    kSched,
};
constexpr std::array kShmem{
    kLoc,
    kIntr,
    OptionSpec{
        .name = "create", .type = ArgType::NamedSize, .help = "a region to make at the start", .repeatable = true},
    OptionSpec{.name = "allow", .type = ArgType::String, .help = "regions that the guest may use", .repeatable = true},
    OptionSpec{.name = "deny", .type = ArgType::String, .help = "regions that it may not use", .repeatable = true},
};

constexpr VdevFootprint kMmioPage{.size = kPage};
constexpr VdevFootprint kVirtioDevice{.size = 0x200, .pci = PciUse::WithoutAddress};

constexpr std::array kTypes{
    kIoapicSyntax,
    kMc146818Syntax,
    kPckeyboardSyntax,
    kIb700Syntax,
    kGicSyntax,
    VdevSyntax{"8259", "legacy interrupt controller", kLocOnly, Boards::X86, {.size = 2, .io = true, .lines = 8}},
    VdevSyntax{"timer8254", "programmable interval timer", kLocIntr, Boards::X86, {.size = 4, .io = true}},
    VdevSyntax{"hpet", "high precision event timers", kHpet, Boards::X86, {.size = 1024}},
    VdevSyntax{"virtio-input", "keyboard, mouse or touch screen", kInput, Boards::Both, kVirtioDevice},
    VdevSyntax{"virtio-gpu", "display", kVirtio, Boards::Both, kVirtioDevice},
    VdevSyntax{"virtio-snd", "sound card", kVirtio, Boards::Both, kVirtioDevice},
    VdevSyntax{"virtio-video", "video codec", kVirtio, Boards::Both, kVirtioDevice},
    VdevSyntax{"shmem",
               "memory shared with other guests",
               kShmem,
               Boards::Both,
               {.size = kPage, .pci = PciUse::WithoutAddress}},
    VdevSyntax{"smmu", "memory management for passed devices", kLocIntr, Boards::Both, kMmioPage},
    VdevSyntax{"progress", "progress of the guest's start", kLocIntr},
    VdevSyntax{"tpm", "trusted platform module", kLocIntr},
};

}  // namespace

std::span<const VdevSyntax> language_vdevs() noexcept { return kTypes; }

}  // namespace qvm
