// SPDX-License-Identifier: Apache-2.0
// MSI-X by way of a function's configuration space and BAR. Source: PCI Local Bus Specification 3.0, 6.8.
#include "devices/pci/msix.hpp"

#include <catch2/catch.hpp>

#include "support/fake_context.hpp"

namespace qvm::test {
namespace {

constexpr unsigned kBar = 1;
constexpr unsigned kVectors = 70;
// As the function 0:1.0 sends them: the requester ID is its place.
constexpr std::uint32_t kRequester = 1U << 3;
constexpr MsiMessage kFirst{0xfee0'1000, 0x41, kRequester};
constexpr MsiMessage kSecond{0xfee0'2000, 0x42, kRequester};

/// A function with vectors that are wired up, and its driver.
struct Device {
    explicit Device(unsigned count = kVectors) {
        PciFunction& function = context.pci({.vendor = 1, .device = 2});
        vectors = &function.add_msix(kBar, count);
        pin = &function.intx();
        driver.emplace(context.pci_driver());
        driver->set_command(PciDriver::kMemorySpace);
    }
    [[nodiscard]] std::vector<MsiMessage>& sent() { return context.router.sent; }
    [[nodiscard]] bool pending(unsigned vector) const {
        const std::uint64_t table = driver->capability(PciDriver::kMsix);
        const std::uint64_t where = driver->config(table + 8);
        CHECK((where & 7) == kBar);
        return (driver->read(kBar, (where & ~7ULL) + vector / 64 * 8, 8) >> vector % 64 & 1) != 0;
    }

    FakeContext context;
    MsixVectors* vectors = nullptr;
    IrqLine* pin = nullptr;
    std::optional<PciDriver> driver;
};

}  // namespace

TEST_CASE(
    "the MSI-X capability tells the number of vectors and where table and pending bits are (6.8.2.1 to 6.8.2.5)") {
    const auto count = GENERATE(1U, 2U, 128U, 129U, 2048U);
    Device device{count};
    const std::uint64_t at = device.driver->capability(PciDriver::kMsix);
    CHECK(device.driver->config(at + 2, 2) == count - 1);
    CHECK(device.driver->config(at + 4) == kBar);
    const std::uint64_t pending = device.driver->config(at + 8);
    CHECK((pending & 7) == kBar);
    CHECK((pending & ~7ULL) >= 16ULL * count);
    device.driver->set_config(0x14, 0xffff'ffff);
    const std::uint64_t size = 0x1'0000'0000 - device.driver->config(0x14);
    CHECK((pending & ~7ULL) + (count + 63) / 64 * 8 <= size);
    CHECK(size == (count <= 128 ? 0x1000U : count == 129 ? 0x2000U : 0x10000U));
}

TEST_CASE("after reset every vector is masked, and MSI-X is off (6.8.2.3, 6.8.2.9)") {
    Device device;
    CHECK_FALSE(device.vectors->enabled());
    for (unsigned vector = 0; vector < kVectors; ++vector) {
        CHECK(device.driver->read(kBar, vector * 16ULL + 12) == 1);
        device.vectors->signal(vector);
    }
    CHECK(device.sent().empty());
    CHECK_FALSE(device.pending(0));
}

TEST_CASE("a vector sends its message") {
    Device device;
    device.driver->route_msix(kBar, 69, kFirst);
    device.driver->set_msix(true);
    CHECK(device.vectors->enabled());
    device.vectors->signal(69);
    device.vectors->signal(70);  // there is none
    device.vectors->signal(UINT_MAX);
    CHECK(device.sent() == std::vector{kFirst});
}

TEST_CASE("a masked vector is pending, as one, until it is let through (6.8.2.9, 6.8.2.10)") {
    Device device;
    device.driver->route_msix(kBar, 3, kFirst);
    device.driver->set_msix(true);
    device.driver->mask_msix(kBar, 3, true);
    device.vectors->signal(3);
    device.vectors->signal(3);
    CHECK(device.sent().empty());
    CHECK(device.pending(3));
    CHECK_FALSE(device.pending(2));
    device.driver->mask_msix(kBar, 3, false);
    CHECK(device.sent() == std::vector{kFirst});
    CHECK_FALSE(device.pending(3));
}

TEST_CASE("the function's mask holds all vectors back (6.8.2.3)") {
    Device device;
    device.driver->route_msix(kBar, 0, kFirst);
    device.driver->route_msix(kBar, 65, kSecond);
    device.driver->set_msix(true, true);
    device.vectors->signal(65);
    CHECK(device.sent().empty());
    CHECK(device.pending(65));
    device.driver->set_msix(true, false);
    CHECK(device.sent() == std::vector{kSecond});
    device.vectors->signal(0);
    CHECK(device.sent() == std::vector{kSecond, kFirst});
}

TEST_CASE("a vector may be moved while it is masked, and what is pending goes to the new place (6.8.3.5)") {
    Device device;
    device.driver->route_msix(kBar, 0, kFirst);
    device.driver->set_msix(true);
    device.driver->mask_msix(kBar, 0, true);
    device.vectors->signal(0);
    device.driver->route_msix(kBar, 0, kSecond);
    CHECK(device.sent() == std::vector{kSecond});
    device.driver->write(kBar, 8, 0x43);  // software should not, but may
    device.vectors->signal(0);
    CHECK(device.sent().back() == MsiMessage{kSecond.address, 0x43, kRequester});
}

TEST_CASE("a masked vector's message costs the kernel nothing until it is let through") {
    Device device;
    device.driver->set_msix(true);
    device.driver->write(kBar, 0, 0xfee0'3000);
    device.driver->write(kBar, 8, 0x44);
    CHECK(device.context.router.route_calls == 0);
    device.driver->mask_msix(kBar, 0, false);
    CHECK(device.context.router.route_calls == 1);
}

TEST_CASE("a table entry reads as it was written, by dwords and by quadwords (6.8.2)") {
    Device device;
    device.driver->write(kBar, 0x10, 0x1'fee0'1003, 8);
    device.driver->write(kBar, 0x18, 0xffff'fffe'0000'0041, 8);
    CHECK(device.driver->read(kBar, 0x10, 8) == 0x1'fee0'1000);  // the two lowest bits are always 0
    CHECK(device.driver->read(kBar, 0x18, 8) == 0x41);           // all but the mask is reserved
    CHECK(device.driver->read(kBar, 0x19, 1) == 0);
    CHECK(device.driver->read(kBar, 0x11, 2) == 0xe010);
    device.driver->write(kBar, 0x10, 0xff, 1);  // undefined: nothing
    device.driver->write(kBar, 0x12, 0xffff'ffff, 4);
    CHECK(device.driver->read(kBar, 0x10, 8) == 0x1'fee0'1000);
}

TEST_CASE("pending bits and what lies between are read-only") {
    Device device;
    for (const std::uint64_t at : {0x460ULL, 0x7fcULL, 0x800ULL, 0x808ULL, 0xffcULL}) {
        device.driver->write(kBar, at, 0xffff'ffff);
        CHECK(device.driver->read(kBar, at) == 0);
    }
}

TEST_CASE("the pin is silent while MSI-X is on (6.8.3.3)") {
    Device device;
    device.pin->set(true);
    CHECK(device.context.line.high());
    device.driver->set_msix(true);
    CHECK_FALSE(device.context.line.high());
    device.driver->set_msix(false);
    CHECK(device.context.line.high());
}

TEST_CASE("vectors of several functions are different inputs, behind those of the interrupt controllers") {
    FakeContext context;
    PciFunction& first = context.pci({.vendor = 1, .device = 2});
    MsixVectors& early = first.add_msix(0, 3);
    MsixVectors& late = context.pci_host->add({2, 0}, {.vendor = 1, .device = 2}, {"second", {}}).add_msix(0, 3);
    CHECK(context.router.reserve(24) == 0);  // a controller that comes after them
    const PciDriver one = context.pci_driver();
    const PciDriver two{*context.pci_host, {2, 0}, FakeContext::kPciWindow};
    for (const PciDriver* driver : {&one, &two}) {
        driver->set_command(PciDriver::kMemorySpace);
        driver->route_msix(0, 2, driver == &one ? kFirst : kSecond);
        driver->set_msix(true);
    }
    CHECK(context.router.routes.size() == 2);
    CHECK(context.router.routes.contains(24 + 2));
    CHECK(context.router.routes.contains(27 + 2));
    late.signal(2);
    early.signal(2);
    const MsiMessage from_two{kSecond.address, kSecond.data, 2U << 3};
    CHECK(context.router.sent == std::vector{from_two, kFirst});
}

TEST_CASE("before the interrupt controllers are there, a vector sends nothing and has no eventfd") {
    FakeMsiRouter router;
    Msix msix{router, 2};
    msix.control(true, false);
    msix.signal(0);
    CHECK(msix.trigger(0) == -1);
    CHECK(router.sent.empty());
}

}  // namespace qvm::test
