// SPDX-License-Identifier: Apache-2.0
// The registers of virtio over PCI (virtio 1.2, 4.1), with the function's configuration space and MSI-X table.
#include "devices/virtio/pci.hpp"
#include "fuzz/virtio_fuzz.hpp"
#include "support/fake_pci.hpp"

namespace {

using namespace qvm;
using namespace qvm::test;

class PciFuzz final : public VirtioFuzz {
public:
    PciFuzz() : VirtioFuzz{Interface::Pci} { context_.pci_host->connect(); }

private:
    /// The driver may have moved BARs, and masked and routed vectors.
    void begin() override {
        place();
        for (unsigned vector = 0; vector < kVectors; ++vector) pci_.mask_msix(VirtioPci::kMsixBar, vector, true);
        pci_.set_msix(false);
        settle();
        context_.router.sent.clear();
    }
    void place() const {
        pci_.set_command(0);
        pci_.set_config(PciDriver::kBar0 + 4 * VirtioPci::kBar, FakeContext::kPciWindow);
        pci_.set_config(PciDriver::kBar0 + 4 * VirtioPci::kMsixBar, FakeContext::kPciWindow + 0x8000);
        pci_.set_command(PciDriver::kMemorySpace);
    }

    void reset() override {
        place();
        write(kStatus, 0, 1);
        settle();
    }
    std::uint8_t status() override {
        place();
        return static_cast<std::uint8_t>(read(kStatus, 1));
    }
    void set_status(std::uint8_t bits) override { write(kStatus, bits, 1); }
    void accept(std::uint64_t features) override {
        for (const std::uint64_t half : {0U, 1U}) {
            write(8, half, 4);
            write(12, features >> (32 * half), 4);
        }
    }
    void set_up_queue(const QueueSetup& setup) override {
        write(22, 0, 2);
        write(24, setup.size, 2);
        write(32, raw(setup.descriptors), 8);
        write(40, raw(setup.driver), 8);
        write(48, raw(setup.device), 8);
        write(28, 1, 2);
    }
    void notify(std::uint16_t queue) override { write(VirtioPci::kNotify + 4ULL * queue, queue, 2); }

    void poke(FuzzInput& input) override {
        const std::uint8_t choice = input.byte();
        const unsigned size = width(choice);
        const bool reads = (choice & 4) != 0;
        const std::uint64_t value = (choice & 8) != 0 ? input.take<std::uint64_t>() : input.byte();
        switch (choice >> 4 & 3) {
            case 0:
                return access(choice >> 6, reads, input.byte(), size, value);
            case 1:
                return configure(reads, input.byte(), size, value);
            case 2:
                return pci_.set_msix((choice & 0x40) != 0, (choice & 0x80) != 0);
            default:
                return access(0, reads, input.word(), size, value);
        }
    }
    /// Page `page` of the BAR, or beyond it with a large offset: the MSI-X table is not far.
    void access(std::uint64_t page, bool reads, std::uint64_t offset, unsigned size, std::uint64_t value) {
        const std::uint64_t at = std::min(page * 0x1000 + offset, kMiB - size);
        if (reads) return (void)PciDriver::get(context_.pci_host->window(), at, size);
        PciDriver::put(context_.pci_host->window(), at, value, size);
        settle();
    }
    void configure(bool reads, std::uint64_t offset, unsigned size, std::uint64_t value) {
        if (reads) return (void)pci_.config(offset / size * size, size);
        pci_.set_config(offset / size * size, value, size);
        settle();
    }

    [[nodiscard]] std::uint64_t read(std::uint64_t at, unsigned size) {
        return PciDriver::get(context_.pci_host->window(), at, size);
    }
    void write(std::uint64_t at, std::uint64_t value, unsigned size) {
        place();
        PciDriver::put(context_.pci_host->window(), at, value, size);
    }

    static constexpr std::uint64_t kStatus = 20;
    static constexpr unsigned kVectors = 2;
    PciDriver pci_{*context_.pci_host, PciSlot{1, 0}, FakeContext::kPciWindow};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static PciFuzz fuzz;
    fuzz.run(data, size);
    return 0;
}
