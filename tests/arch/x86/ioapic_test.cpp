// SPDX-License-Identifier: Apache-2.0
// Places in the data sheet: Intel 82093AA, order number 290566-001.
#include "arch/x86/ioapic.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <utility>

#include "arch/x86/vdevs.hpp"
#include "devices/catalog.hpp"
#include "support/fake_context.hpp"
#include "support/fake_vfio.hpp"

namespace qvm::x86 {
namespace {

constexpr std::uint64_t kSelect = 0x00, kWindow = 0x10, kEoi = 0x40;
constexpr std::uint32_t kMasked = 1U << 16, kLevel = 1U << 15, kIrr = 1U << 14, kLogical = 1U << 11;
constexpr std::uint32_t kLowest = 1U << 8, kNmi = 4U << 8;

struct Board {
    void put(std::uint64_t offset, std::uint32_t value) {
        std::array<std::byte, 4> data{};
        for (unsigned i = 0; i < 4; ++i) data[i] = static_cast<std::byte>(value >> (8 * i));
        ioapic.write(offset, data);
    }
    [[nodiscard]] std::uint32_t get(std::uint64_t offset) {
        std::array<std::byte, 4> data{};
        ioapic.read(offset, data);
        std::uint32_t value = 0;
        for (unsigned i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(data[i]) << (8 * i);
        return value;
    }
    void set(std::uint32_t reg, std::uint32_t value) {
        put(kSelect, reg);
        put(kWindow, value);
    }
    [[nodiscard]] std::uint32_t reg(std::uint32_t number) {
        put(kSelect, number);
        return get(kWindow);
    }
    /// High half first, as Linux does, so that nothing is sent to a half-written destination.
    void program(unsigned pin, std::uint32_t low, std::uint8_t destination = 0) {
        set(0x11 + 2 * pin, static_cast<std::uint32_t>(destination) << 24);
        set(0x10 + 2 * pin, low);
    }
    [[nodiscard]] std::uint32_t low(unsigned pin) { return reg(0x10 + 2 * pin); }

    test::FakeMsiRouter router;
    Ioapic ioapic{router};
};

}  // namespace

TEST_CASE("an ioapic keeps a kernel input only for a wire that somebody has") {
    Board board;
    CHECK(board.router.masked.size() == 24);
    (void)board.ioapic.line(4);
    CHECK(board.router.masked.size() == 23);
    CHECK_FALSE(board.router.masked.contains(board.ioapic.gsi(4)));
}

TEST_CASE("an ioapic says who it is: id, version 0x20, 24 entries, all masked (3.2)") {
    Board board;
    CHECK(board.reg(0) == 0);
    CHECK(board.reg(1) == 0x00170020);
    for (unsigned pin = 0; pin < 24; ++pin) CHECK(board.low(pin) == kMasked);
    CHECK(board.reg(0x40) == 0);
    CHECK(board.ioapic.lines() == 24);
}

TEST_CASE("an ioapic takes its pins' inputs from the router, and a second one has the next id") {
    test::FakeMsiRouter router;
    const Ioapic first{router};
    const Ioapic second{router};
    CHECK(first.gsi_base() == 0);
    CHECK(second.gsi_base() == 24);
    CHECK(second.gsi(3) == 27);
    CHECK(second.id() == 1);
    CHECK(Ioapic{router, std::uint8_t{7}}.id() == 7);
}

TEST_CASE("an ioapic's id has four bits and may be written (3.2.1)") {
    Board board;
    board.set(0, 0xffffffff);
    CHECK(board.reg(0) == 0x0f000000);
    CHECK(board.reg(2) == 0x0f000000);
}

TEST_CASE("an ioapic's entry keeps what may be written and no reserved bit (3.2.4)") {
    Board board;
    board.set(0x10, 0xffffffff);
    board.set(0x11, 0xffffffff);
    CHECK(board.reg(0x10) == 0x0001afff);
    CHECK(board.reg(0x11) == 0xff000000);
}

TEST_CASE("an ioapic sends an edge once per rise") {
    Board board;
    board.program(4, 0x31, 2);
    IrqLine& line = board.ioapic.line(4);
    line.set(true);
    line.set(true);
    CHECK(board.router.sent == std::vector<MsiMessage>{{0xfee02000, 0x31}});
    line.set(false);
    line.pulse();
    CHECK(board.router.sent.size() == 2);
    CHECK((board.low(4) & kIrr) == 0);
}

TEST_CASE("an ioapic ignores an edge on a masked pin, as the mask bit's description says (3.2.4)") {
    Board board;
    board.program(4, 0x31 | kMasked);
    board.ioapic.line(4).pulse();
    board.ioapic.line(4).set(true);
    board.program(4, 0x31);
    CHECK(board.router.sent.empty());
}

TEST_CASE("an ioapic's messages carry destination, modes and trigger as the local APICs want them") {
    Board board;
    const auto message = [&](std::uint32_t low, std::uint8_t destination) {
        board.program(9, kMasked);
        board.program(9, low, destination);
        return board.router.routes.at(9);
    };
    CHECK(message(0x50, 0xff) == MsiMessage{0xfeeff000, 0x50});
    CHECK(message(0x50 | kLogical, 3) == MsiMessage{0xfee03004, 0x50});
    CHECK(message(0x51 | kLowest | kLogical | kLevel, 1) == MsiMessage{0xfee01004, 0xc151});
    CHECK(message(0x52 | kNmi | kLevel, 0) == MsiMessage{0xfee00000, 0x452});
    CHECK(message(7U << 8, 0) == MsiMessage{0xfee00000, 0x700});
}

TEST_CASE("an ioapic delivers a level once until its end is told, and again if it still stands") {
    Board board;
    board.program(10, 0x40 | kLevel);
    IrqLine& line = board.ioapic.line(10);
    line.set(true);
    CHECK(board.router.sent.size() == 1);
    CHECK((board.low(10) & kIrr) != 0);
    line.set(false);
    line.set(true);
    CHECK(board.router.sent.size() == 1);
    board.ioapic.end_of_interrupt(0x40);
    CHECK(board.router.sent.size() == 2);
    line.set(false);
    board.ioapic.end_of_interrupt(0x40);
    CHECK(board.router.sent.size() == 2);
    CHECK((board.low(10) & kIrr) == 0);
}

namespace {

/// Lets its line go when the guest has ended an interrupt, and counts that.
struct LetsGo final : EndListener {
    explicit LetsGo(IrqLine& wire) : line{wire} { CHECK(line.tell_end(*this)); }
    void ended() noexcept override {
        ++ends;
        if (!stays) line.set(false);
    }
    IrqLine& line;
    bool stays = false;
    unsigned ends = 0;
};

}  // namespace

TEST_CASE("an ioapic tells the end of an interrupt before it looks whether the level still stands") {
    Board board;
    board.program(10, 0x40 | kLevel);
    board.program(11, 0x40 | kLevel);
    LetsGo device{board.ioapic.line(10)};
    device.line.set(true);
    CHECK(board.router.sent.size() == 1);
    board.ioapic.end_of_interrupt(0x41);
    CHECK(device.ends == 0);
    board.ioapic.end_of_interrupt(0x40);
    CHECK(device.ends == 1);
    CHECK(board.router.sent.size() == 1);
    CHECK((board.low(10) & kIrr) == 0);

    device.stays = true;
    device.line.set(true);
    board.put(kEoi, 0x40);
    CHECK(device.ends == 2);
    CHECK(board.router.sent.size() == 3);
    board.program(10, 0x40);  // an edge for a moment
    CHECK(device.ends == 3);
}

namespace {

/// Who signals the pin's eventfd himself, as the kernel does for a device of the host.
struct Straight final : EndListener {
    explicit Straight(Board& wanted, unsigned pin) : board{wanted} { CHECK(board.ioapic.line(pin).tell_end(*this)); }
    void ended() noexcept override {
        heard += "ended ";
        const auto found = board.router.routes.find(10);
        route = found == board.router.routes.end() ? 0 : found->second.data & 0xff;
    }
    void shut() noexcept override { heard += "shut "; }
    [[nodiscard]] std::string take() { return std::exchange(heard, {}); }
    Board& board;
    std::string heard;
    std::uint32_t route = 0;  ///< the vector at that time
};

}  // namespace

TEST_CASE("an ioapic's pin gives the router's eventfd to those who signal it without the ioapic") {
    test::NumberedRouter router;
    Ioapic first{router}, second{router};
    CHECK(first.line(7).trigger() == test::NumberedRouter::kFirst + 7);
    CHECK(second.line(7).trigger() == test::NumberedRouter::kFirst + 31);
}

TEST_CASE("an ioapic tells the end of a level that it has not sent itself, by its vector") {
    Board board;
    Straight device{board, 10};
    board.program(10, 0x40 | kLevel);
    CHECK(device.take() == "ended ");
    board.ioapic.end_of_interrupt(0x41);
    CHECK(device.take().empty());
    board.ioapic.end_of_interrupt(0x40);
    board.put(kEoi, 0x40);
    CHECK(device.take() == "ended ended ");
    CHECK(board.router.sent.empty());
    // Another on the same pin has his level all the same.
    board.ioapic.line(10).set(true);
    board.ioapic.end_of_interrupt(0x40);
    CHECK(device.take() == "ended ");
    CHECK(board.router.sent.size() == 2);
    CHECK((board.low(10) & kIrr) != 0);
    // Nobody ends an edge.
    board.program(10, 0x40);
    (void)device.take();
    board.ioapic.end_of_interrupt(0x40);
    CHECK(device.take().empty());
}

TEST_CASE("an ioapic tells of a masked pin, and its end only when the guest lets it through again") {
    Board board;
    Straight device{board, 10};
    board.program(10, 0x40 | kLevel);
    board.ioapic.line(10).set(true);
    board.program(10, 0x40 | kLevel | kMasked);
    CHECK(device.take() == "ended shut ");
    board.ioapic.end_of_interrupt(0x40);
    CHECK(device.take() == "shut ");
    board.program(10, 0x40 | kLevel);
    CHECK(device.take() == "ended ");
    CHECK(board.router.sent.size() == 2);
}

TEST_CASE("an ioapic whose entry moves lets those who listen look, once the new vector is in force") {
    Board board;
    Straight device{board, 10};
    board.program(10, 0x40 | kLevel);
    board.program(10, 0x40 | kLevel);
    CHECK(device.take() == "ended ");
    board.program(10, 0x41 | kLevel);
    CHECK(device.take() == "ended ");
    CHECK(device.route == 0x41);
    board.program(10, 0x41 | kLevel, 3);
    CHECK(device.take() == "ended ");
    // What was in service ends with a vector that nobody has.
    board.ioapic.end_of_interrupt(0x40);
    CHECK(device.take().empty());
}

TEST_CASE("an ioapic ends a level by its EOI register too, and only for the vector named") {
    Board board;
    board.program(10, 0x40 | kLevel);
    board.ioapic.line(10).set(true);
    board.put(kEoi, 0x41);
    CHECK((board.low(10) & kIrr) != 0);
    board.put(kEoi, 0x40);
    CHECK(board.router.sent.size() == 2);
}

TEST_CASE("an ioapic delivers a level that waits behind the mask when the mask goes") {
    Board board;
    board.program(10, 0x40 | kLevel | kMasked);
    board.ioapic.line(10).set(true);
    CHECK(board.router.sent.empty());
    board.program(10, 0x40 | kLevel);
    CHECK(board.router.sent.size() == 1);
}

TEST_CASE("an ioapic does not deliver at the end of an interrupt whose pin has been masked meanwhile") {
    Board board;
    board.program(10, 0x40 | kLevel);
    board.ioapic.line(10).set(true);
    board.program(10, 0x40 | kLevel | kMasked);
    CHECK((board.low(10) & kIrr) != 0);
    board.ioapic.end_of_interrupt(0x40);
    CHECK((board.low(10) & kIrr) == 0);
    CHECK(board.router.sent.size() == 1);
    board.program(10, 0x40 | kLevel);
    CHECK(board.router.sent.size() == 2);
}

TEST_CASE("an ioapic forgets a level in service when the entry becomes an edge, which is how old software ends it") {
    Board board;
    board.program(10, 0x40 | kLevel);
    board.ioapic.line(10).set(true);
    board.program(10, 0x40 | kMasked);
    CHECK((board.low(10) & kIrr) == 0);
    board.program(10, 0x40 | kLevel);
    CHECK(board.router.sent.size() == 2);
}

TEST_CASE("an ioapic's remote IRR cannot be written") {
    Board board;
    board.program(10, 0x40 | kLevel | kIrr);
    CHECK((board.low(10) & kIrr) == 0);
    board.ioapic.line(10).set(true);
    board.program(10, 0x40 | kLevel);
    CHECK((board.low(10) & kIrr) != 0);
}

TEST_CASE("an ioapic changes the kernel's table only for another message, and never for a masked entry") {
    Board board;
    board.program(5, 0x33 | kMasked, 1);
    CHECK(board.router.route_calls == 0);
    board.program(5, 0x33, 1);
    CHECK(board.router.route_calls == 1);
    board.program(5, 0x33 | kMasked, 1);
    board.program(5, 0x33, 1);
    CHECK(board.router.route_calls == 1);
    board.set(0x11 + 10, 2U << 24);
    CHECK(board.router.route_calls == 2);
    board.program(5, 0x34 | kMasked, 2);
    CHECK(board.router.routes.at(5) == MsiMessage{0xfee02000, 0x33});
}

TEST_CASE("an ioapic ends all pins that share a vector") {
    Board board;
    for (const unsigned pin : {10U, 11U}) {
        board.program(pin, 0x40 | kLevel);
        board.ioapic.line(pin).set(true);
    }
    board.ioapic.end_of_interrupt(0x40);
    CHECK(board.router.sent.size() == 4);
}

TEST_CASE("an ioapic does nothing for an access that the manual does not allow, and counts it (3.0)") {
    Board board;
    board.put(kSelect, 0x10);
    const std::array<std::byte, 2> half{std::byte{0x12}, std::byte{0}};
    board.ioapic.write(kWindow, half);
    board.put(0x20, 1);
    CHECK(board.low(0) == kMasked);
    CHECK(board.get(0x800) == 0);
    CHECK(board.ioapic.faults() == 3);
}

TEST_CASE("an ioapic survives any access: what is in service is a level, and what was sent had a route") {
    Board board;
    std::mt19937_64 random{82093};  // NOLINT: the same storm each time
    for (int i = 0; i < 200'000; ++i) {
        std::array<std::byte, 8> data{};
        for (std::byte& byte : data) byte = static_cast<std::byte>(random());
        const std::span part = std::span{data}.first(1 + random() % 8);
        const std::uint64_t offset = random() % 4 == 0 ? random() % (Ioapic::kWindow - 8) : (random() % 5) * 0x10;
        switch (random() % 5) {
            case 0:
                board.ioapic.read(offset, part);
                break;
            case 1:
                board.ioapic.line(static_cast<unsigned>(random() % 24)).set(random() % 2 == 0);
                break;
            case 2:
                board.ioapic.end_of_interrupt(static_cast<std::uint8_t>(random()));
                break;
            case 3:
                board.set(static_cast<std::uint32_t>(random() % 0x48), static_cast<std::uint32_t>(random()));
                break;
            default:
                board.ioapic.write(offset, part);
        }
        if (i % 256 != 0) continue;
        board.router.sent.clear();
        for (unsigned pin = 0; pin < 24; ++pin) {
            const std::uint32_t low = board.low(pin);
            REQUIRE(((low & kIrr) == 0 || (low & kLevel) != 0));
        }
    }
}

TEST_CASE("vdev ioapic provides a controller in a page of memory") {
    const Catalog catalog{vdev_types()};
    const VdevType* type = catalog.find("ioapic");
    test::FakeContext context;
    test::FakeSpec spec{type->syntax};
    spec.with("intr", IntrSpec{"apic", std::nullopt});
    const auto vdev = type->make(spec.get(), context);
    REQUIRE(context.provided != nullptr);
    CHECK(context.provided->lines() == 24);
    CHECK(context.window == 4096);
    CHECK(context.buses.mmio.entries().size() == 1);
}

TEST_CASE("vdev ioapic refuses to send its interrupts elsewhere, at the argument's place") {
    const Catalog catalog{vdev_types()};
    const VdevType* type = catalog.find("ioapic");
    test::FakeContext context;
    test::FakeSpec spec{type->syntax};
    spec.with("intr", IntrSpec{"other", 3}, Location{.source = 0, .line = 7, .column = 9, .length = 7});
    try {
        (void)type->make(spec.get(), context);
        FAIL("made");
    } catch (const ConfigError& error) {
        CHECK(error.where().line == 7);
        CHECK(error.hint() == "write `intr apic`");
    }
}

}  // namespace qvm::x86
