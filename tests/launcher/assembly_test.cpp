// SPDX-License-Identifier: Apache-2.0
// From the text of a configuration to windows and lines.
#include "launcher/assembly.hpp"

#include <catch2/catch.hpp>

#include "launcher/assembled.hpp"

using namespace qvm;
using Assembly = test::Assembly;

TEST_CASE("a vdev without loc and intr goes where the board has it") {
    const Assembly a{"vdev ser8250"};
    REQUIRE(a.result.placed.size() == 1);
    CHECK(a.result.placed[0].windows[0].io);
    CHECK(a.result.placed[0].windows[0].range == Range::make(0x3f8, 8).value());
    CHECK(a.result.placed[0].interrupts[0].line == 4);
    CHECK(a.buses.pio.entries().size() == 1);
}

TEST_CASE("loc and intr override the board") {
    const Assembly a{"vdev ser8250 loc mem:0x1c090000 intr pic:7"};
    REQUIRE(a.result.placed.size() == 1);
    CHECK_FALSE(a.result.placed[0].windows[0].io);
    CHECK(a.buses.mmio.entries().at(0).range.start() == 0x1c090000);
    CHECK(a.result.placed[0].interrupts[0].line == 7);
}

TEST_CASE("a vdev that the board has no place for says what to add") {
    const Assembly a{"vdev ser8250\nvdev ser8250 intr pic:3"};
    CHECK(a.says("test:4:6: error: vdev ser8250 needs a place"));
    CHECK(a.says("loc ADDRESS"));
}

TEST_CASE("all placement errors are reported in one run") {
    const Assembly a{"vdev ser8250\nvdev ser8250 loc 0x3fc intr pic:5\nvdev ser8250 loc 0x2f8 intr nowhere:1"};
    CHECK(a.says("test:4:18: error: vdev ser8250 at 0x3fc to 0x403 overlaps vdev ser8250 at 0x3f8 to 0x3ff"));
    CHECK(a.says("test:3:6: note: vdev ser8250 is given 0x3f8 to 0x3ff here"));
    CHECK(a.says("no interrupt controller is named 'nowhere'"));
}

TEST_CASE("a line has one owner, and the second one is told who") {
    const Assembly a{"vdev ser8250 name com1\nvdev ser8250 loc 0x2f8 intr pic:4"};
    CHECK(a.says("test:4:29: error: line 4 of 'pic' belongs to vdev ser8250 'com1' already"));
    CHECK(a.says("test:3:6: note: it was given away here"));
}

TEST_CASE("a line that the controller does not have is refused with those that it has") {
    const Assembly a{"vdev ser8250 intr pic:24"};
    CHECK(a.says("'pic' has no line 24"));
    CHECK(a.says("0 to 23"));
}

TEST_CASE("a controller must be declared before it is named") {
    const Assembly a{"vdev ser8250 intr later:4\nvdev ioapic name later", false};
    CHECK(a.says("test:3:19: error: the interrupt controller 'later' is declared later"));
    CHECK(a.says("test:4:6: note: it is declared here"));
    const Assembly b{"vdev ser8250 intr nobody:4", false};
    CHECK(b.says("no interrupt controller is named 'nobody'"));
    CHECK(b.says("before it is used"));
    const Assembly c{"vdev mc146818 name clock\nvdev ser8250 intr clock:4"};
    CHECK(c.says("test:4:19: error: 'clock' is no interrupt controller"));
    CHECK(c.says("test:3:6: note: it is the name of this vdev"));
}

TEST_CASE("a declared ioapic serves those who name it, at any address") {
    const Assembly a{"vdev ioapic loc 0xf8000000 intr apic name myioapic\nvdev ser8250 intr myioapic:4", false};
    INFO(a.text());
    REQUIRE(a.result.placed.size() == 2);
    CHECK(a.result.placed[0].controller != nullptr);
    CHECK(a.result.placed[1].interrupts[0].chip == a.result.placed[0].controller);
    CHECK(a.buses.mmio.entries().at(0).range.start() == 0xf8000000);
}

TEST_CASE("a device in guest memory is refused") {
    const Assembly a{"vdev ser8250 loc mem:0xff000"};
    CHECK(a.says("lies in guest memory: ram at 0x0 to 0xfffff"));
    CHECK(a.says("test:1:5: note: ram is given 0x0 to 0xfffff here"));
}

TEST_CASE("a reserved place is not given out by default, but can be asked for") {
    CHECK(Assembly{"reserve loc io:0x3f8,8\nvdev ser8250"}.says("is reserved"));
    CHECK_FALSE(Assembly{"reserve loc io:0x3f8,8\nvdev ser8250 loc io:0x3f8"}.diagnostics.has_errors());
}

TEST_CASE("a window that passes the end of its address space is refused") {
    CHECK(Assembly{"vdev ser8250 loc io:0xfffc"}.says("passes the end"));
    CHECK(Assembly{"vdev ser8250 loc mem:0xfffffffffffffffc"}.says("passes the end"));
}
