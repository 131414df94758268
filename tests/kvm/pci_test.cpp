// SPDX-License-Identifier: Apache-2.0
// PCI with a real kernel behind it: masked vectors, moved ones, doorbells, the pin. The guest is tests/guest/pci.s.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>

#include "devices/pci/function.hpp"
#include "devices/pci/registers.hpp"
#include "kvm/bare_vm.hpp"
#include "kvm/guest.hpp"
#include "vmm/event_fd.hpp"

namespace qvm::test {
namespace {

constexpr std::size_t kResults = 22;

/// What the guest reported; one VM at a time.
std::array<std::uint32_t, kResults>& results() {
    static std::array<std::uint32_t, kResults> all{};
    return all;
}

/// The function that the guest drives.
class Probe final : public Vdev, public IoDevice {
public:
    explicit Probe(VdevContext& context) : Probe{context.pci({.vendor = 0x1234, .device = 0x5678})} {}

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        std::uint64_t value = 0;
        if (offset == kRang) value = (bell_.drain() ? 1U : 0U) | (matching_bell_.drain() ? 2U : 0U);
        if (offset == kExits) value = exits_;
        pci::store(data, value);
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        const auto value = static_cast<std::uint32_t>(pci::load(data));
        if (offset == kSignal) vectors_.signal(value);
        if (offset == kDrive) pin_.set(value != 0);
        if (offset == kBell || offset == kMatchingBell) ++exits_;
        const std::uint64_t index = (offset - kResultsAt) / sizeof value;
        if (offset >= kResultsAt && index < kResults) results()[index] = value;
    }

private:
    static constexpr std::uint64_t kSignal = 0x00, kDrive = 0x04, kRang = 0x08, kExits = 0x0c, kBell = 0x10,
                                   kMatchingBell = 0x14;
    static constexpr std::uint64_t kResultsAt = 0x100;

    explicit Probe(PciFunction& function) : vectors_{function.add_msix(1, 2)}, pin_{function.intx()} {
        function.add_bar(0, 0x1000, *this);
        function.add_doorbell(0, {.address = kBell, .width = 4}, bell_.fd());
        function.add_doorbell(0, {.address = kMatchingBell, .width = 4, .value = 7}, matching_bell_.fd());
    }

    EventFd bell_;
    EventFd matching_bell_;
    std::atomic<std::uint32_t> exits_{0};
    MsixVectors& vectors_;
    IrqLine& pin_;
};

constexpr VdevType kProbe{.syntax = {.type = "probe", .summary = "for the test", .footprint = {.pci = PciUse::Always}},
                          .acpi_hid = {},
                          .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
                              return std::make_unique<Probe>(context);
                          }};
constexpr const VdevType* kTypes[]{&kProbe};

/// Runs the guest once; the cases below each look at some of what it found.
const std::array<std::uint32_t, kResults>& found() {
    results().fill(0xdead'dead);
    BareVm vm{"ram 64M\nload " + guest_file("pci.elf") + "\nvdev probe",
              Catalog{common_vdev_types(), board_vdev_types(), kTypes}};
    CHECK(vm.run() == EndCause::PowerOff);
    return results();
}

}  // namespace

TEST_CASE("a masked MSI-X vector keeps its interrupt and delivers it once, where the vector is then") {
    const auto& got = found();
    CAPTURE(got);
    CHECK(got[0] == 0x5678'1234);
    CHECK(got[1] == 1);  // unmasked
    CHECK(got[2] == 1);  // masked
    CHECK(got[3] == 1);  // pending
    CHECK(got[4] == 2);  // unmasked: one of the two
    CHECK(got[5] == 0);
    CHECK(got[6] == 2);  // all masked
    CHECK(got[7] == 1);  // moved meanwhile
    CHECK(got[8] == 2);
}

TEST_CASE("a doorbell rings without an exit, where its BAR is, while it is decoded") {
    const auto& got = found();
    CAPTURE(got);
    CHECK(got[9] == 1);
    CHECK(got[10] == 0);  // at the old place
    CHECK(got[11] == 1);  // at the new one
    CHECK(got[12] == 0);
    CHECK(got[13] == 0);  // not decoded
}

TEST_CASE("a doorbell for one value leaves the others to the registers") {
    const auto& got = found();
    CAPTURE(got);
    CHECK(got[19] == 0);
    CHECK(got[20] == 2);
    CHECK(got[21] == 1);
}

TEST_CASE("the pin is a level of the IOAPIC, silent under MSI-X and Interrupt Disable") {
    const auto& got = found();
    CAPTURE(got);
    CHECK(got[14] == 0);
    CHECK(got[15] == 1);
    CHECK(got[16] == 1);
    CHECK((got[17] >> 16 & 0x8) != 0);
    CHECK(got[18] == 2);
}

}  // namespace qvm::test
