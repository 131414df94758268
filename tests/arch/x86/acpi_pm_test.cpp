// SPDX-License-Identifier: Apache-2.0
// Places: ACPI 6.5, section 4.8.
#include "arch/x86/acpi_pm.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "support/fake_context.hpp"

namespace qvm::x86 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned kStatus = 0, kEnable = 2, kControl = 4, kTimer = 8, kReset = 12;
constexpr unsigned kButton = 0x100;

struct Board {
    [[nodiscard]] std::uint64_t read(unsigned offset, unsigned width = 2) {
        std::array<std::byte, 8> data{};
        pm.read(offset, std::span{data}.first(width));
        std::uint64_t value = 0;
        for (unsigned i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(data[i]) << (8 * i);
        return value;
    }
    void write(unsigned offset, std::uint64_t value, unsigned width = 2) {
        std::array<std::byte, 8> data{};
        for (unsigned i = 0; i < width; ++i) data[i] = static_cast<std::byte>(value >> (8 * i));
        pm.write(offset, std::span{data}.first(width));
    }

    test::FakeClock clock;
    test::RecordingControl control;
    test::RecordingIrq sci;
    AcpiPm pm{clock, control, sci};
};

}  // namespace

TEST_CASE("the power button raises the SCI until its status is cleared by writing 1 (4.8.3.1)") {
    Board board;
    board.write(kEnable, kButton);
    CHECK(board.pm.press_power_button());
    CHECK(board.sci.high());
    CHECK(board.read(kStatus) == kButton);
    board.write(kStatus, 0);
    CHECK(board.sci.high());
    board.write(kStatus, kButton);
    CHECK(board.read(kStatus) == 0);
    CHECK_FALSE(board.sci.high());
}

TEST_CASE("the power button tells when nobody listens, and is seen once somebody does") {
    Board board;
    CHECK_FALSE(board.pm.press_power_button());
    CHECK_FALSE(board.sci.high());
    board.write(kEnable, kButton);
    CHECK(board.sci.high());
}

TEST_CASE("PM1 registers can be accessed as bytes and as one double word") {
    Board board;
    board.write(kEnable + 1, 0x01, 1);
    CHECK(board.read(kEnable) == kButton);
    (void)board.pm.press_power_button();
    CHECK(board.read(kStatus, 4) == 0x01000100);
    board.write(kStatus + 1, 0x01, 1);
    CHECK(board.read(kStatus, 4) == 0x01000000);
}

TEST_CASE("PM1_EN keeps only the enables that exist (table 4.12)") {
    Board board;
    board.write(kEnable, 0xffff);
    CHECK(board.read(kEnable) == 0x0721);
}

TEST_CASE("ACPI mode is always on (4.8.3.2.1)") {
    Board board;
    CHECK((board.read(kControl) & 1) == 1);
    board.write(kControl, 0);
    CHECK((board.read(kControl) & 1) == 1);
}

TEST_CASE("S5 with SLP_EN switches the VM off, in one write or, as Linux does it, in two (4.8.3.2.1)") {
    Board board;
    board.write(kControl, 5U << 10 | 1);
    CHECK_FALSE(board.control.cause());
    CHECK(board.read(kControl) == (5U << 10 | 1));
    board.write(kControl, 5U << 10 | 1U << 13 | 1);
    CHECK(board.control.cause() == EndCause::PowerOff);
    CHECK((board.read(kControl) & 1U << 13) == 0);
}

TEST_CASE("other sleeping states do nothing") {
    Board board;
    for (unsigned type = 0; type < 8; ++type) {
        if (type != 5) board.write(kControl, type << 10 | 1U << 13);
    }
    CHECK_FALSE(board.control.cause());
}

TEST_CASE("the timer counts 3579545 a second, in 32 bits that wrap (4.8.3.3)") {
    Board board;
    board.clock.set(seconds{1});
    CHECK(board.read(kTimer, 4) == 3579545);
    board.clock.set(seconds{100} + milliseconds{500});
    CHECK(board.read(kTimer, 4) == 359744272);
    board.clock.set(seconds{1200});
    CHECK(board.read(kTimer, 4) == (1200ULL * 3579545) % (1ULL << 32));
    board.clock.set(std::chrono::hours{24 * 365 * 100});
    CHECK(board.read(kTimer, 4) == (100ULL * 365 * 86400 * 3579545) % (1ULL << 32));
}

TEST_CASE("the reset register ends the VM for its value only (4.8.3.6)") {
    Board board;
    board.write(kReset, 0x02, 1);
    CHECK_FALSE(board.control.cause());
    board.write(kReset, AcpiPm::kResetValue, 1);
    CHECK(board.control.cause() == EndCause::Reset);
}

TEST_CASE("ACPI registers survive any access: the SCI is always status and enable") {
    Board board;
    std::mt19937_64 random{45};  // NOLINT: the same storm each time
    for (int i = 0; i < 100'000; ++i) {
        const auto width = static_cast<unsigned>(1 + random() % 8);
        const auto offset = static_cast<unsigned>(random() % (17 - width));
        if (random() % 3 == 0) (void)board.read(offset, width);
        if (random() % 3 == 0) (void)board.pm.press_power_button();
        board.write(offset, random(), width);
        REQUIRE(board.sci.high() == ((board.read(kStatus) & board.read(kEnable)) != 0));
    }
}

}  // namespace qvm::x86
