// SPDX-License-Identifier: Apache-2.0
// The registers of virtio over MMIO (virtio 1.2, 4.2), of the interface that the first byte chooses.
#include "fuzz/virtio_fuzz.hpp"

namespace {

using namespace qvm;
using namespace qvm::test;

class MmioFuzz final : public VirtioFuzz {
public:
    explicit MmioFuzz(Interface interface) : VirtioFuzz{interface}, legacy_{interface == Interface::LegacyMmio} {}

private:
    void begin() override {
        if (read(0) != 0x74726976) promise(false, "the magic value stays");
    }
    void reset() override { write(0x070, 0); }
    std::uint8_t status() override { return static_cast<std::uint8_t>(read(0x070)); }
    void set_status(std::uint8_t bits) override { write(0x070, bits); }
    void accept(std::uint64_t features) override {
        write(0x024, 0);
        write(0x020, static_cast<std::uint32_t>(features));
        if (legacy_) return;
        write(0x024, 1);
        write(0x020, static_cast<std::uint32_t>(features >> 32));
    }
    void set_up_queue(const QueueSetup& setup) override {
        write(0x030, 0);
        write(0x038, setup.size);
        if (legacy_) {
            constexpr std::uint32_t kPage = 0x1000;
            write(0x028, kPage);
            write(0x03c, 4);
            return write(0x040, static_cast<std::uint32_t>(raw(setup.descriptors) / kPage));
        }
        write_address(0x080, setup.descriptors);
        write_address(0x090, setup.driver);
        write_address(0x0a0, setup.device);
        write(0x044, 1);
    }
    void write_address(std::uint64_t reg, Gpa at) const {
        write(reg, static_cast<std::uint32_t>(raw(at)));
        write(reg + 4, static_cast<std::uint32_t>(raw(at) >> 32));
    }
    void notify(std::uint16_t queue) override { write(0x050, queue); }
    void poke(FuzzInput& input) override {
        const std::uint8_t choice = input.byte();
        const unsigned size = width(choice);
        const std::uint64_t at = std::min(input.word() % context_.window, context_.window - size);
        if ((choice & 4) != 0) return (void)context_.read(at, size);
        const std::uint64_t value = (choice & 8) != 0 ? input.take<std::uint64_t>() : input.byte();
        context_.write(at, value, size);
    }

    [[nodiscard]] std::uint32_t read(std::uint64_t reg) const {
        return static_cast<std::uint32_t>(context_.read(reg, 4));
    }
    void write(std::uint64_t reg, std::uint32_t value) const { context_.write(reg, value, 4); }

    const bool legacy_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static MmioFuzz modern{VirtioFuzz::Interface::Mmio};
    static MmioFuzz legacy{VirtioFuzz::Interface::LegacyMmio};
    if (size != 0) ((data[0] & 1) != 0 ? legacy : modern).run(data + 1, size - 1);
    return 0;
}
