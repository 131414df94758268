// SPDX-License-Identifier: Apache-2.0
#include "launcher/guest_map.hpp"

#include <catch2/catch.hpp>

#include "config/reader.hpp"
#include "launcher/launcher.hpp"
#include "support/fake_machine.hpp"

using namespace qvm;

namespace {

class Nothing final : public IoDevice {
    void read(std::uint64_t, std::span<std::byte>) noexcept override {}
    void write(std::uint64_t, std::span<const std::byte>) noexcept override {}
};

}  // namespace

TEST_CASE("the guest's map is sorted by address, whatever the order of the file") {
    VmConfig config;
    config.memory = {{.rom = true, .range = Range::make(0xc0000, 0x40000).value(), .where = {}},
                     {.rom = false, .range = Range::make(0, 0xa0000).value(), .where = {}}};
    Nothing device;
    Buses buses;
    IrqTable irqs;
    FakeController first;
    FakeController second;
    REQUIRE_FALSE(buses.mmio.attach(Range::make(0xb0000, 0x1000).value(), device, "vdev thing"));
    REQUIRE_FALSE(buses.pio.attach(Range::make(0x3f8, 8).value(), device, "vdev ser8250"));
    irqs.keep(9, "the board");
    irqs.add("pic", first, {});
    irqs.add("other", second, {});
    irqs.claim({.controller = "other", .line = 1}, {}, "vdev late");
    irqs.claim_fixed(4, {}, "vdev ser8250");
    CHECK(format_guest_map(make_guest_map(config, buses, irqs)) ==
          "memory\n"
          "  0x00000000-0x0009ffff  ram\n"
          "  0x000b0000-0x000b0fff  vdev thing\n"
          "  0x000c0000-0x000fffff  rom\n"
          "ports\n"
          "  0x03f8-0x03ff  vdev ser8250\n"
          "interrupt lines\n"
          "  pic:4    vdev ser8250\n"
          "  pic:9    the board\n"
          "  other:1  vdev late\n");
}

TEST_CASE("addresses above 4 GiB widen the whole column, and empty sections are left out") {
    VmConfig config;
    config.memory = {{.rom = false, .range = Range::make(0, 0x1000).value(), .where = {}},
                     {.rom = false, .range = Range::make(0x100000000, 0x1000).value(), .where = {}}};
    CHECK(format_guest_map(make_guest_map(config, {}, {})) ==
          "memory\n"
          "  0x000000000-0x000000fff  ram\n"
          "  0x100000000-0x100000fff  ram\n");
}

TEST_CASE("a line that the board keeps is refused to others, in whichever order it and the controller come") {
    FakeController chip;
    IrqTable before;
    before.keep(9, "the board");
    before.add("pic", chip, {});
    CHECK_THROWS_WITH(before.claim_fixed(9, {}, "vdev thing"), "line 9 of 'pic' belongs to the board already");
    IrqTable after;
    after.add("pic", chip, {});
    after.keep(9, "the board");
    CHECK_THROWS_WITH(after.claim_fixed(9, {}, "vdev thing"), "line 9 of 'pic' belongs to the board already");
}

TEST_CASE("only the first controller's line is kept for the board") {
    FakeController first;
    FakeController second;
    IrqTable irqs;
    irqs.keep(9, "the board");
    irqs.add("pic", first, {});
    irqs.add("other", second, {});
    CHECK_NOTHROW(irqs.claim({.controller = "other", .line = 9}, {}, "vdev thing"));
}
