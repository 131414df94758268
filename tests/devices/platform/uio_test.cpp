// SPDX-License-Identifier: Apache-2.0
// UIO devices as sysfs and /proc/interrupts tell of them, and their interrupt.
#include "devices/platform/uio.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/fake_uio.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;
using Taken = HostInterrupt::Taken;

constexpr const char* kGic =
    "           CPU0       CPU1       \n"
    " 11:       3215       3105     GICv3  27 Level     arch_timer\n"
    " 23:          0          0     GICv3  34 Level     rtc\n"
    " 24:          1          0     GICv3  79 Edge      ACPI:Ged, other\n"
    " 40:          1          0  9030000.pl061   3 Edge      GPIO Key Poweroff\n"
    "IPI0:      1021        998       Rescheduling interrupts\n"
    "Err:          0\n";
constexpr const char* kPc =
    "            CPU0\n"
    "   1:          9   IO-APIC    1-edge      i8042\n"
    "  16:          0   IO-APIC   16-fasteoi   uio_pci_generic\n"
    "  17:          0   IR-IO-APIC   20-fasteoi   twice\n"
    "  18:          0   IR-IO-APIC   21-fasteoi   twice\n"
    " NMI:          0   Non-maskable interrupts\n";

}  // namespace

TEST_CASE("UIO devices are found with their registers and their interrupt") {
    const FakeRoot root;
    CHECK(uio_devices(root.path()).empty());
    add_uio(root, "uio10", "timer", "0x000000000a000000", 0x2000);
    add_uio(root, "uio2", "rtc", "0x0000000009010000", 0x1000);
    root.write("sys/class/uio/uiox/name", "no number");
    root.write("sys/class/uio/uio2/maps/map1/addr", "0x9020000\n");
    root.write("sys/class/uio/uio2/maps/map1/size", "0x20\n");
    root.write("sys/class/uio/uio2/maps/map2/addr", "nonsense\n");
    root.write("sys/class/uio/uio2/maps/map3/size", "0x0\n");
    root.write("proc/interrupts", kGic);
    const auto all = uio_devices(root.path());
    REQUIRE(all.size() == 2);
    CHECK(all[0].title() == "uio2 (rtc)");
    REQUIRE(all[0].maps.size() == 2);
    CHECK(all[0].maps[0].at == Range::make(0x901'0000, 0x1000));
    CHECK(all[0].maps[1].index == 1);
    CHECK(all[0].maps[1].at == Range::make(0x902'0000, 0x20));
    CHECK(all[0].interrupt == 34);
    CHECK(all[1].number == 10);
    CHECK_FALSE(all[1].interrupt);
}

TEST_CASE("a PC counts interrupts by pins, and a name that is there twice tells nothing") {
    const FakeRoot root;
    add_uio(root, "uio0", "uio_pci_generic", "0", 1);
    add_uio(root, "uio1", "twice", "0", 1);
    root.write("proc/interrupts", kPc);
    const auto all = uio_devices(root.path());
    REQUIRE(all.size() == 2);
    CHECK(all[0].interrupt == 16);
    CHECK_FALSE(all[1].interrupt);
}

TEST_CASE("a UIO device that cannot be opened says what to do") {
    const FakeRoot root;
    const UioDevice device{.number = 3, .name = "rtc"};
    CHECK_THROWS_WITH(open_uio(device, root.path()),
                      Contains("/dev/uio3 for rtc: No such file") && Contains("udev rule for SUBSYSTEM==\"uio\""));
}

TEST_CASE("a UIO interrupt is masked from its opening on, and at the end") {
    UioPair pair;
    {
        UioInterrupt interrupt{{.number = 0, .name = "rtc"}, std::move(pair.file)};
        CHECK(pair.told() == 0);
        CHECK(interrupt.take() == Taken::Nothing);
        CHECK(interrupt.unmask());
        CHECK(pair.told() == 1);
        pair.fire(7);
        CHECK(interrupt.take() == Taken::Fired);
        CHECK(interrupt.take() == Taken::Nothing);
        CHECK(pair.told() == -1);
    }
    CHECK(pair.told() == 0);
}

TEST_CASE("the pin of a PCI function is masked and unmasked by its Command register, and nothing else changes") {
    const FakeRoot root;
    add_uio(root, "uio0", "uio_pci_generic", "0", 1);
    root.write("sys/class/uio/uio0/device/config", {"\x34\x12\xe8\x11\x02\x01\x10\x00", 8});
    std::filesystem::create_symlink("/sys/bus/pci/drivers/uio_pci_generic",
                                    root.path() / "sys/class/uio/uio0/device/driver");
    const auto config = [&] {
        std::ifstream file{root.path() / "sys/class/uio/uio0/device/config", std::ios::binary};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    const auto all = uio_devices(root.path());
    REQUIRE(all.size() == 1);
    const std::string masked{"\x34\x12\xe8\x11\x02\x05\x10\x00", 8}, unmasked{"\x34\x12\xe8\x11\x02\x01\x10\x00", 8};
    {
        UioPair pair;
        UioInterrupt interrupt{all.front(), std::move(pair.file)};
        CHECK(config() == masked);
        CHECK(interrupt.unmask());
        CHECK(config() == unmasked);
        CHECK(pair.told() == -1);
    }
    CHECK(config() == masked);
}

TEST_CASE("a UIO device without an interrupt is refused, and one that goes away is told from a silent one") {
    CHECK_THROWS_WITH((UioInterrupt{{.number = 4, .name = "rtc"}, UniqueFd{}}),
                      Contains("uio4 (rtc) has no interrupt that can be masked") && Contains("uio_pdrv_genirq"));
    UioPair pair;
    UioInterrupt interrupt{{.number = 0, .name = "rtc"}, std::move(pair.file)};
    pair.kernel = {};
    CHECK(interrupt.take() == Taken::Gone);
}

}  // namespace qvm::test
