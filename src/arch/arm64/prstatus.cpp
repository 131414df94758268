// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/prstatus.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace qvm::arm64 {
namespace {

/// elf_prstatus. What a guest has no use for is zero.
struct Prstatus {
    std::array<std::uint8_t, 32> signals;
    std::uint32_t pid;
    std::array<std::uint32_t, 3> relatives;
    std::array<std::uint64_t, 8> times;
    CoreRegisters registers;  ///< in the order of user_pt_regs
    std::uint32_t float_valid;
    std::uint32_t padding;
};
static_assert(sizeof(Prstatus) == 392 && offsetof(Prstatus, registers) == 112);

std::string_view level_of(std::uint64_t pstate) noexcept {
    if ((pstate & 0x10) != 0) return "AArch32";
    switch (pstate & 0xf) {
        case 0:
            return "EL0";
        case 4:
            return "EL1t";
        case 5:
            return "EL1h";
        default:
            return "an unknown mode";
    }
}

}  // namespace

CoreNote prstatus_note(const CoreRegisters& registers, unsigned number) {
    Prstatus status{};
    status.pid = number + 1;
    status.registers = registers;
    CoreNote note{"CORE", NT_PRSTATUS, std::vector<std::byte>(sizeof status)};
    std::memcpy(note.bytes.data(), &status, sizeof status);
    return note;
}

std::string describe(const CoreRegisters& r) {
    std::string text =
        fmt::format("{}\n  pc  {:016x}  pstate {:08x}  sp {:016x}\n", level_of(r.pstate), r.pc, r.pstate, r.sp);
    constexpr std::size_t kColumns = 4;
    for (std::size_t i = 0; i < r.x.size(); ++i)
        text += fmt::format("  x{:<2} {:016x}{}", i, r.x[i],
                            i % kColumns == kColumns - 1 || i + 1 == r.x.size() ? "\n" : "");
    return text;
}

}  // namespace qvm::arm64
