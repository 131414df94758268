// SPDX-License-Identifier: Apache-2.0
// Interrupts of a passed function: its pin as a level, MSI and MSI-X by eventfds that the kernel has on both sides.
#include "devices/vfio/passed_interrupts.hpp"

#include <catch2/catch.hpp>

#include "support/passed_guest.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

constexpr MsiMessage kMessage{.address = 0xfee0'1000, .data = 0x4041, .device = PassedGuest::kSlot.index()};
constexpr std::uint64_t kMsi = 0x50, kMsix = 0x70;

void add_pin(FakeVfio& device) { device.add_interrupts(VfioDevice::kIntx, 1); }

/// `log2` is how many vectors it has.
void add_msi(FakeVfio& device, unsigned log2, bool maskable = false) {
    device.add_capability(0x05, kMsi);
    device.set<std::uint16_t>(kMsi + 2, static_cast<std::uint16_t>(0x80 | log2 << 1 | (maskable ? 0x100 : 0)));
    device.add_interrupts(VfioDevice::kMsi, 1U << log2);
}

/// With the table in BAR 2 at 0x2000, and pending bits at 0x3000 of the same.
void add_msix(FakeVfio& device, unsigned vectors) {
    device.add_bar(2, 0x8000);
    device.add_capability(0x11, kMsix);
    device.set<std::uint16_t>(kMsix + 2, static_cast<std::uint16_t>(vectors - 1));
    device.set<std::uint32_t>(kMsix + 4, 0x2002);
    device.set<std::uint32_t>(kMsix + 8, 0x3002);
    device.add_interrupts(VfioDevice::kMsix, vectors);
}

void write_vector(const PciDriver& driver, unsigned vector, MsiMessage message, bool masked = false) {
    const std::uint64_t at = 0x2000 + vector * 16ULL;
    driver.write(2, at, message.address);
    driver.write(2, at + 4, 0);
    driver.write(2, at + 8, message.data);
    driver.write(2, at + 12, masked ? 1 : 0);
}

int fd_of(unsigned gsi) { return NumberedRouter::kFirst + static_cast<int>(gsi); }

TEST_CASE("a passed pin is a level: it goes down when the guest ends the interrupt, and comes again") {
    PassedGuest guest;
    add_pin(guest.device);
    guest.start();
    CHECK(guest.device.triggers(VfioDevice::kIntx).size() == 1);
    guest.device.fire(VfioDevice::kIntx);
    REQUIRE(guest.line.wire.wait_high());
    CHECK(guest.device.unmasks() == 0);
    guest.line.end();
    CHECK_FALSE(guest.line.wire.high());
    CHECK(guest.device.unmasks() == 1);
    guest.device.fire(VfioDevice::kIntx);
    REQUIRE(guest.line.wire.wait_high());
    guest.line.end();
    CHECK(guest.line.wire.rises() == 2);
    // An end that is another's on the same line changes nothing.
    guest.line.end();
    CHECK(guest.device.unmasks() == 2);
}

TEST_CASE("what comes by a pin that the guest has disabled waits until it looks again") {
    PassedGuest guest;
    add_pin(guest.device);
    guest.start();
    guest.device.fire(VfioDevice::kIntx);
    REQUIRE(guest.line.wire.wait_high());
    guest.driver().set_command(PciDriver::kInterruptDisable);
    CHECK_FALSE(guest.line.wire.high());
    guest.line.end();
    CHECK(guest.device.unmasks() == 0);
    // Whether the device still wants something, only the device knows.
    guest.driver().set_command(0);
    CHECK_FALSE(guest.line.wire.high());
    CHECK(guest.device.unmasks() == 1);
    guest.device.fire(VfioDevice::kIntx);
    CHECK(guest.line.wire.wait_high());
}

/// The line has an eventfd of the kernel's.
struct StraightGuest : PassedGuest {
    static constexpr int kTrigger = 77;
    StraightGuest() {
        line.fd = kTrigger;
        add_pin(device);
    }
};

TEST_CASE("a passed pin signals the line within the kernel, and is unmasked at each end") {
    StraightGuest guest;
    guest.start();
    CHECK(guest.device.triggers(VfioDevice::kIntx) == std::vector{StraightGuest::kTrigger});
    guest.line.end();
    guest.line.end();
    CHECK(guest.device.unmasks() == 2);
    CHECK(guest.line.wire.rises() == 0);
}

TEST_CASE("a passed pin that the guest has disabled, or whose line it has masked, does not signal within the kernel") {
    StraightGuest guest;
    guest.start();
    guest.driver().set_command(PciDriver::kInterruptDisable);
    CHECK(guest.device.masked());
    guest.line.end();
    CHECK(guest.device.masked());
    guest.line.mask();
    guest.driver().set_command(0);
    CHECK(guest.device.masked());
    CHECK(guest.device.unmasks() == 0);
    guest.line.end();
    CHECK_FALSE(guest.device.masked());
    guest.line.mask();
    CHECK(guest.device.masked());
    guest.line.end();
    CHECK_FALSE(guest.device.masked());
    guest.driver().set_command(PciDriver::kInterruptDisable);
    guest.driver().set_command(0);
    CHECK_FALSE(guest.device.masked());
}

TEST_CASE("a passed pin comes back from MSI as closed as the guest has left it") {
    StraightGuest guest;
    add_msi(guest.device, 0);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_config(kMsi + 2, 1, 2);
    guest.line.mask();
    guest.line.end();
    CHECK(guest.device.unmasks() == 0);
    guest.line.mask();
    driver.set_config(kMsi + 2, 0, 2);
    CHECK(guest.device.triggers(VfioDevice::kIntx) == std::vector{StraightGuest::kTrigger});
    CHECK(guest.device.masked());
    guest.line.end();
    CHECK_FALSE(guest.device.masked());
}

TEST_CASE("a passed pin that the host cannot give is an error before the guest runs") {
    PassedGuest guest;
    add_pin(guest.device);
    guest.device.refuse_interrupts = true;
    guest.make();
    guest.host.connect();
    CHECK_THROWS_AS(guest.function->start(), HostError);
}

TEST_CASE("MSI takes the place of the pin, with as many vectors as the guest enables") {
    PassedGuest guest;
    add_pin(guest.device);
    add_msi(guest.device, 2);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(kMsi + 2, 2) == 0x0084);
    driver.set_config(kMsi + 4, 0xfee0'1003);
    CHECK(driver.config(kMsi + 4) == 0xfee0'1000);
    driver.set_config(kMsi + 12, 0x4043, 2);
    driver.set_config(kMsi + 2, 0x0011, 2);  // two of the four
    CHECK(guest.device.triggers(VfioDevice::kIntx).empty());
    CHECK(guest.device.triggers(VfioDevice::kMsi) == std::vector{fd_of(0), fd_of(1)});
    CHECK(guest.router.inner.routes.at(0) == MsiMessage{0xfee0'1000, 0x4042, kMessage.device});
    CHECK(guest.router.inner.routes.at(1) == MsiMessage{0xfee0'1000, 0x4043, kMessage.device});
    CHECK(guest.router.inner.masked == std::set<unsigned>{2, 3});
    // Neither the address nor the switch are the device's: the kernel has its own.
    CHECK(guest.device.get<std::uint16_t>(kMsi + 2) == 0x0084);
    CHECK(guest.device.get<std::uint32_t>(kMsi + 4) == 0);

    driver.set_config(kMsi + 2, 0x0010, 2);
    CHECK(guest.device.triggers(VfioDevice::kMsi).empty());
    CHECK(guest.device.triggers(VfioDevice::kIntx).size() == 1);
    CHECK(guest.router.inner.masked == std::set<unsigned>{0, 1, 2, 3});
}

TEST_CASE("a vector of MSI that moves or is masked, moves and is masked") {
    PassedGuest guest;
    add_msi(guest.device, 1, true);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_config(kMsi + 4, 0xfee0'1000);
    driver.set_config(kMsi + 12, 0x4040, 2);
    driver.set_config(kMsi + 2, 0x0011, 2);
    driver.set_config(kMsi + 16, 0xffff'ffff);
    CHECK(driver.config(kMsi + 16) == 3);
    CHECK(guest.router.inner.masked == std::set<unsigned>{0, 1});
    guest.router.signal(1);
    CHECK(driver.config(kMsi + 20) == 2);
    driver.set_config(kMsi + 4, 0xfee0'2000);
    driver.set_config(kMsi + 16, 0);
    CHECK(guest.router.inner.sent == std::vector{MsiMessage{0xfee0'2000, 0x4041, kMessage.device}});
    CHECK(driver.config(kMsi + 20) == 0);
}

TEST_CASE("more vectors of MSI than there are, are all that there are") {
    PassedGuest guest;
    add_msi(guest.device, 1);
    guest.start();
    guest.driver().set_config(kMsi + 2, 0x0071, 2);
    CHECK(guest.device.triggers(VfioDevice::kMsi).size() == 2);
}

/// Messages go to the vCPU with the number in bits 12 to 19, except for number 9, which stands for several.
MessageCpus two_vcpus() {
    return {.of_vcpus = {{4, 5}, {6}}, .target = [](std::uint64_t address) {
                const auto number = static_cast<unsigned>(address >> 12 & 0xff);
                return number == 9 ? std::nullopt : std::optional{number};
            }};
}

TEST_CASE("each vector of MSI-X comes on the CPUs of the vCPU that it is for, and moves with it") {
    PassedGuest guest;
    add_msix(guest.device, 4);
    guest.message_cpus = two_vcpus();
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    driver.set_config(kMsix + 2, 0x8000, 2);
    write_vector(driver, 0, {.address = 0xfee0'0000, .data = 0x41});
    write_vector(driver, 1, {.address = 0xfee0'1000, .data = 0x42});
    CHECK(guest.device.wait_placed(0, {4, 5}));
    CHECK(guest.device.wait_placed(1, {6}));
    write_vector(driver, 2, {.address = 0xfee0'9000, .data = 0x43});
    CHECK(guest.device.wait_placed(2, {4, 5, 6}));
    write_vector(driver, 0, {.address = 0xfee0'1000, .data = 0x41});
    CHECK(guest.device.wait_placed(0, {6}));
    // There is no such vCPU.
    write_vector(driver, 0, {.address = 0xfee0'7000, .data = 0x41});
    CHECK(guest.device.wait_placed(0, {4, 5, 6}));
}

TEST_CASE("messages of MSI move with their vCPU") {
    PassedGuest guest;
    add_msi(guest.device, 1);
    guest.message_cpus = two_vcpus();
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_config(kMsi + 4, 0xfee0'1000);
    driver.set_config(kMsi + 2, 0x0011, 2);
    CHECK(guest.device.wait_placed(0, {6}));
    CHECK(guest.device.wait_placed(1, {6}));
    driver.set_config(kMsi + 4, 0xfee0'0000);
    CHECK(guest.device.wait_placed(1, {4, 5}));
}

TEST_CASE("the MSI-X table is ours, and the pages around it are the guest's") {
    PassedGuest guest;
    add_msix(guest.device, 4);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    REQUIRE(guest.memory.all.size() == 2);
    CHECK(guest.memory.all[0].size == 0x2000);
    CHECK(guest.memory.all[1].at == PassedGuest::kWindow + 0x4000);
    CHECK(driver.config(kMsix + 2, 2) == 3);
    CHECK(driver.config(kMsix + 4) == 0x2002);
    write_vector(driver, 1, kMessage);
    CHECK(driver.read(2, 0x2010) == kMessage.address);
    CHECK(driver.read(2, 0x2018) == kMessage.data);
    std::array<std::byte, 4> data{};
    CHECK(guest.device.read(2, 0x2010, data));
    CHECK(pci::load(data) == 0);
    driver.write(2, 0x2800, 77);  // on the table's page, behind it
    CHECK(guest.device.read(2, 0x2800, data));
    CHECK(pci::load(data) == 77);
    CHECK(driver.read(2, 0x2800) == 77);
}

TEST_CASE("vectors of MSI-X are taken from the host as the guest lets them through") {
    PassedGuest guest;
    add_pin(guest.device);
    add_msix(guest.device, 8);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    guest.device.calls.clear();
    driver.set_msix(true, true);
    using Calls = std::vector<std::pair<unsigned, std::size_t>>;
    CHECK(guest.device.calls == Calls{{VfioDevice::kIntx, 0}, {VfioDevice::kMsix, 1}});
    for (unsigned vector = 0; vector < 8; ++vector) write_vector(driver, vector, kMessage, true);
    driver.set_msix(true);
    CHECK(guest.device.triggers(VfioDevice::kMsix).size() == 1);
    CHECK(guest.router.inner.masked.size() == 8);

    write_vector(driver, 0, kMessage);
    CHECK(guest.device.calls.size() == 2);
    CHECK_FALSE(guest.router.inner.masked.contains(0));
    CHECK(guest.router.inner.sent.empty());
    write_vector(driver, 2, kMessage);
    CHECK(guest.device.triggers(VfioDevice::kMsix) == std::vector{fd_of(0), fd_of(1), fd_of(2)});
    // What may have come while the kind was off: once too often is better.
    CHECK(guest.router.inner.sent == std::vector{kMessage});
    write_vector(driver, 1, kMessage);
    CHECK(guest.device.triggers(VfioDevice::kMsix).size() == 3);
    guest.device.calls.clear();
    write_vector(driver, 2, kMessage, true);
    CHECK(guest.device.calls.empty());
    CHECK(guest.router.inner.masked.contains(2));

    driver.set_msix(false);
    CHECK(guest.device.triggers(VfioDevice::kMsix).empty());
    CHECK(guest.device.triggers(VfioDevice::kIntx).size() == 1);
}

TEST_CASE("what a masked vector of MSI-X has got is pending, and comes when it opens") {
    PassedGuest guest;
    add_msix(guest.device, 4);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    driver.set_msix(true);
    write_vector(driver, 3, kMessage, true);
    guest.router.signal(3);
    CHECK(driver.read(2, 0x3000) == 8);
    CHECK(guest.router.inner.sent.empty());
    write_vector(driver, 3, kMessage);
    CHECK(guest.router.inner.sent == std::vector{kMessage});
    CHECK(driver.read(2, 0x3000) == 0);
}

TEST_CASE("vectors that the host does not give are not asked for again, and the guest goes on") {
    PassedGuest guest;
    add_msix(guest.device, 4);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    guest.device.refuse_interrupts = true;
    driver.set_msix(true);
    write_vector(driver, 3, kMessage);
    const std::size_t calls = guest.device.calls.size();
    write_vector(driver, 2, kMessage);
    write_vector(driver, 3, kMessage);
    CHECK(guest.device.calls.size() == calls);
}

TEST_CASE("a guest that has both kinds of message on gets MSI-X") {
    PassedGuest guest;
    add_msi(guest.device, 0);
    add_msix(guest.device, 2);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_config(kMsi + 2, 1, 2);
    driver.set_msix(true);
    CHECK(guest.device.triggers(VfioDevice::kMsi).empty());
    CHECK(guest.device.triggers(VfioDevice::kMsix).size() == 1);
}

TEST_CASE("a device that the host wants back or that fails for good ends the VM") {
    for (const unsigned kind : {VfioDevice::kErrors, VfioDevice::kRequest}) {
        PassedGuest guest;
        guest.device.add_interrupts(kind, 1);
        guest.start();
        guest.device.fire(kind);
        REQUIRE(guest.control.wait());
        CHECK(guest.control.cause() == EndCause::HostError);
        guest.function.reset();
        CHECK(guest.device.triggers(kind).empty());
    }
}

}  // namespace
}  // namespace qvm::test
