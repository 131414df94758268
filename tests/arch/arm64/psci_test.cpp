// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/psci.hpp"

#include <catch2/catch.hpp>

using namespace qvm;
using namespace qvm::arm64;

namespace {

constexpr std::uint64_t kSystemSuspend32 = 0x8400'000e, kSystemSuspend64 = 0xc400'000e;
constexpr std::uint64_t kRam = 0x8000'0000, kRom = 0x1'8000'0000;

struct World {
    World() {
        memory.add(Range::make(kRam, 0x1'0000).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(kRom, 0x1000).value(), GuestMemory::Kind::Rom);
    }
    [[nodiscard]] auto judge(const SuspendCall& call, bool alone = true) const {
        return judge_suspend(call, alone, memory);
    }
    GuestMemory memory;
};

bool is(const std::variant<BootEntry, PsciError>& verdict, PsciError error) {
    return std::holds_alternative<PsciError>(verdict) && std::get<PsciError>(verdict) == error;
}

}  // namespace

TEST_CASE("a sleep ends at the entry that its call names, in RAM or in ROM, with the caller's context") {
    const World world;
    const std::uint64_t entry = GENERATE(kRam + 0, kRam + 0xfffc, kRom + 4);
    const auto verdict = world.judge({kSystemSuspend64, entry, 0x1234'5678'9abc'def0});
    REQUIRE(std::holds_alternative<BootEntry>(verdict));
    CHECK(std::get<BootEntry>(verdict).pc == entry);
    CHECK(std::get<BootEntry>(verdict).x0 == 0x1234'5678'9abc'def0);
}

TEST_CASE("the function with 32 bits takes no more of a register") {
    const World world;
    const auto verdict = world.judge({kSystemSuspend32, 0xffff'ffff'8000'0010, 0x1234'5678'9abc'def0});
    REQUIRE(std::holds_alternative<BootEntry>(verdict));
    CHECK(std::get<BootEntry>(verdict).pc == kRam + 0x10);
    CHECK(std::get<BootEntry>(verdict).x0 == 0x9abc'def0);
}

TEST_CASE("a sleep is denied while another vCPU is on, wherever it would end") {
    const World world;
    CHECK(is(world.judge({kSystemSuspend64, kRam, 0}, false), PsciError::Denied));
    CHECK(is(world.judge({kSystemSuspend64, 0, 0}, false), PsciError::Denied));
}

TEST_CASE("an entry that no instruction can be taken from is invalid") {
    const World world;
    const std::uint64_t entry =
        GENERATE(std::uint64_t{0}, kRam - 4, kRam + 2, kRam + 0xfffe, kRam + 0x1'0000, UINT64_MAX, UINT64_MAX - 3);
    CHECK(is(world.judge({kSystemSuspend64, entry, 0}), PsciError::InvalidAddress));
}
