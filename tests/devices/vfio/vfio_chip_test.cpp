// SPDX-License-Identifier: Apache-2.0
// No kernel of Debian's has vfio-platform: a double answers as Linux 6.1 does.
#include "devices/vfio/vfio_chip.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>

#include "devices/host/run_on_loop.hpp"
#include "devices/platform/passed_line.hpp"
#include "support/fake_chip.hpp"
#include "support/fake_context.hpp"
#include "support/fake_uio.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;

Range at(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

HostChip timer_chip() {
    return {.bus = "platform",
            .name = "a000000.timer",
            .driver = "vfio-platform",
            .group = 5,
            .registers = {at(0xa00'0000, 0x2000), at(0xa01'0000, 0x80)},
            .interrupts = {42, std::nullopt}};
}

struct Bench {
    Bench() : owned{fake_timer()}, device{*owned}, resets{device.resets} {}
    VfioChip& chip() {
        if (!chip_) chip_.emplace(timer_chip(), std::move(owned));
        return *chip_;
    }
    void end() { chip_.reset(); }

    std::unique_ptr<FakeVfio> owned;
    FakeVfio& device;
    std::shared_ptr<unsigned> resets;

private:
    std::optional<VfioChip> chip_;
};

/// An interrupt of the device on a line of the guest's.
struct Line {
    explicit Line(Bench& bench, unsigned index = 0)
        : passed{"it", bench.chip().open_interrupt(index), line, {loop, log, control}} {}
    std::uint64_t raised() {
        std::uint64_t count = 0;
        run_on_loop(loop, [&] { count = passed.raised(); });
        return count;
    }
    /// Waits until it has come so often: the loop may do what it is asked before it hears of the interrupt.
    bool comes(std::uint64_t times) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (raised() < times)
            if (std::chrono::steady_clock::now() > end) return false;
        return true;
    }
    RecordingControl control;
    Log log{"test", silence()};
    EventLoop loop{"io/test"};
    EndingIrq line;
    PassedLine passed;
};

}  // namespace

TEST_CASE("registers of whole pages are mapped, a part of them, too") {
    Bench bench;
    const HostRegion part = bench.chip().map(at(0xa00'1010, 0x10));
    CHECK_FALSE(part.registers);
    CHECK(part.title == "a000000.timer");
    CHECK(part.length == 0x10);
    part.pages.bytes()[part.first] = std::byte{0x5a};
    std::array<std::byte, 1> data{};
    CHECK(bench.device.read(0, 0x1010, data));
    CHECK(data[0] == std::byte{0x5a});
}

TEST_CASE("registers that the kernel does not let be mapped are reached by it, access by access") {
    Bench bench;
    Log log{"test", silence()};
    PassedRegion region{bench.chip().map(at(0xa01'0040, 0x40)), {.read = true, .write = true}, log};
    FakeDeviceMemory memory;
    region.show(memory, 0x1000'0000);
    CHECK(memory.all.empty());
    const std::array data{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    region.write(8, data);
    std::array<std::byte, 4> found{};
    CHECK(bench.device.read(1, 0x48, found));
    CHECK(found == data);
    region.read(8, found);
    CHECK(found == data);
    bench.device.gone = true;
    region.write(8, data);
    region.read(8, found);
    CHECK(found[0] == std::byte{0xff});
    PassedRegion silent{bench.chip().map(at(0xa01'0040, 0x40)), {.read = true, .write = false}, log};
    silent.write(8, data);
    CHECK(silent.refused() == 1);
}

TEST_CASE("registers that can only be read are not mapped, and those that nobody can reach are refused") {
    Bench bench;
    bench.device.limit_region(0, true, false);
    CHECK(bench.chip().map(at(0xa00'0000, 0x1000)).registers);
    bench.device.limit_region(0, false, false);
    CHECK_THROWS_WITH(bench.chip().map(at(0xa00'0000, 0x1000)),
                      Contains("0xa000000 to 0xa000fff of a000000.timer cannot be passed: VFIO gives no access to it"));
}

TEST_CASE("a device that is not what sysfs said is refused") {
    Bench bench;
    SECTION("no platform device") {
        bench.device.what = VfioDevice::Kind::Pci;
        CHECK_THROWS_WITH(bench.chip(), Contains("a000000.timer is no platform device"));
    }
    SECTION("registers of another size") {
        bench.device.add_bar(1, 0x100);
        CHECK_THROWS_WITH(bench.chip(), Contains("registers 1 have 0x100 bytes") && Contains("0xa010000 to 0xa01007f"));
    }
    SECTION("no such interrupt") {
        CHECK_THROWS_WITH(bench.chip().open_interrupt(2), Contains("a000000.timer has no interrupt 2"));
    }
}

TEST_CASE("a level of the device's comes once for each that the guest ends") {
    Bench bench;
    CHECK(bench.chip().interrupts() == 2);
    CHECK(bench.chip().interrupt(0) == 42U);
    CHECK_FALSE(bench.chip().interrupt(1));
    CHECK_FALSE(bench.chip().interrupt(7));
    {
        Line it{bench};
        CHECK(bench.device.triggers(0).empty());  // silent before the guest runs
        it.passed.start();
        CHECK(bench.device.triggers(0).size() == 1);
        CHECK(bench.device.unmasks() == 1);
        bench.device.fire(0);
        REQUIRE(it.line.wire.wait_high());
        CHECK(bench.device.unmasks() == 1);
        it.line.end();
        CHECK_FALSE(it.line.wire.high());
        CHECK(bench.device.unmasks() == 2);
        CHECK(it.raised() == 1);
    }
    CHECK(bench.device.triggers(0).empty());
    CHECK(bench.device.calls.size() == 2);
}

TEST_CASE("an edge that comes while the guest deals with the one before is not lost") {
    Bench bench;
    bench.device.masks_itself = false;
    Line it{bench, 1};
    it.passed.start();
    bench.device.fire(1);
    REQUIRE(it.line.wire.wait_high());
    bench.device.fire(1);
    REQUIRE(it.comes(2));
    it.line.end();
    CHECK(it.line.wire.high());
    it.line.end();
    CHECK_FALSE(it.line.wire.high());
    CHECK(bench.device.unmasks() == 0);
}

TEST_CASE("an interrupt that the host does not give ends the start, and one that it takes away the VM") {
    Bench bench;
    Line it{bench};
    SECTION("none to be had") {
        bench.device.refuse_interrupts = true;
        CHECK_THROWS_WITH(it.passed.start(), Contains("it cannot be unmasked"));
    }
    SECTION("gone") {
        it.passed.start();
        bench.device.fire(0);
        REQUIRE(it.line.wire.wait_high());
        bench.device.gone = true;
        it.line.end();
        REQUIRE(it.control.wait());
        CHECK(it.control.cause() == EndCause::HostError);
    }
}

TEST_CASE("the device is reset at the end") {
    Bench bench;
    CHECK(bench.chip().reset());
    CHECK(*bench.resets == 1);
    bench.device.resettable = false;
    CHECK_FALSE(bench.chip().reset());
    bench.end();
    CHECK(*bench.resets == 3);
}

}  // namespace qvm::test
