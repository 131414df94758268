// SPDX-License-Identifier: Apache-2.0
// A driver without manners on the registers of a virtio device, which is a real one: virtio-entropy.
#pragma once

#include <chrono>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/registers.hpp"
#include "fuzz/input.hpp"
#include "support/fake_context.hpp"

namespace qvm {

extern const VdevType kVirtioEntropy;

namespace test {

/// The device under test, the same for all inputs: each begins and ends with a reset.
class VirtioFuzz {
public:
    static constexpr std::uint64_t kRam = 64 * kKiB;

    enum class Interface { Pci, Mmio, LegacyMmio };
    explicit VirtioFuzz(Interface interface) : interface_{interface} {
        const bool on_pci = interface == Interface::Pci;
        if (interface == Interface::LegacyMmio) spec_.with("legacy", std::monostate{});
        context_.pci_wanted = on_pci;
        context_.ram.add(Range::make(0, kRam).value(), GuestMemory::Kind::Ram);
        spec_.with("rate", std::uint64_t{1} << 30);
        vdev_ = kVirtioEntropy.make(spec_.get(), context_);
    }
    virtual ~VirtioFuzz() = default;
    VirtioFuzz(const VirtioFuzz&) = delete;
    VirtioFuzz& operator=(const VirtioFuzz&) = delete;

    void run(const std::uint8_t* data, std::size_t size) {
        FuzzInput input{data, size};
        begin();
        for (unsigned steps = 0; !input.empty() && steps < 512; ++steps) step(input);
        reset();
        promise(status() == 0, "a reset is complete");
        const auto bytes = context_.ram.span(Gpa{0}, kRam).value();
        std::ranges::fill(bytes, std::byte{0});
        context_.fake_clock.advance(std::chrono::seconds{1});
    }

protected:
    /// After a reset; brings the rest of the world back to where it was before the first input.
    virtual void begin() = 0;
    virtual void reset() = 0;
    virtual std::uint8_t status() = 0;
    virtual void set_status(std::uint8_t bits) = 0;
    virtual void accept(std::uint64_t features) = 0;
    virtual void set_up_queue(const QueueSetup& setup) = 0;
    virtual void notify(std::uint16_t queue) = 0;
    /// Any access to anything.
    virtual void poke(FuzzInput& input) = 0;

    /// The loop has done what it was asked to.
    void settle() {
        run_on_loop(context_.loop(), [] {});
    }
    [[nodiscard]] static unsigned width(std::uint8_t choice) { return 1U << (choice & 3); }

    FakeContext context_;

private:
    void step(FuzzInput& input) {
        switch (input.byte() % 8) {
            case 0:
                negotiate(input);
                break;
            case 1:
                set_up_queue({.size = static_cast<std::uint16_t>(1U << input.byte() % 5),
                              .descriptors = Gpa{0x1000},
                              .driver = Gpa{0x2000},
                              .device = Gpa{0x3000U + input.byte() % 16U}});
                break;
            case 2:
                set_status(0xf);
                settle();
                break;
            case 3:
                write_memory(input);
                break;
            case 4:
                notify(input.byte() % 2);
                settle();
                break;
            case 5:
                offer();
                break;
            default:
                poke(input);
        }
        judge();
    }
    void judge() {
        const std::uint8_t bits = status();
        const bool agreed = (bits & virtio_status::kFeaturesOk) != 0;
        if (interface_ == Interface::LegacyMmio)
            promise(!agreed, "the legacy interface has no FEATURES_OK");
        else
            promise((bits & virtio_status::kDriverOk) == 0 || agreed, "no DRIVER_OK without FEATURES_OK");
        promise((bits & virtio_status::kNeedsReset) == 0 || (bits & virtio_status::kDriverOk) != 0,
                "nobody needs a reset who was not started");
    }
    void negotiate(FuzzInput& input) {
        set_status(3);
        accept(virtio_feature::kVersion1 | static_cast<std::uint64_t>(input.byte()) << 28);
        set_status(0xb);
    }
    void write_memory(FuzzInput& input) {
        const Gpa at{(0x1000U << input.byte() % 2U) + input.byte()};
        (void)context_.ram.write(at, input.bytes(1 + input.byte() % 32U));
    }
    /// A descriptor that is right, available in both kinds of rings.
    void offer() {
        struct Descriptor {
            std::uint64_t at;
            std::uint32_t length;
            std::uint16_t id_or_flags, flags_or_next;
        };
        (void)context_.ram.write(Gpa{0x1000}, Descriptor{0x8000, 64, 2, 0x82});
        const auto index = context_.ram.read<std::uint16_t>(Gpa{0x2002}).value_or(0);
        (void)context_.ram.write(Gpa{0x2002}, static_cast<std::uint16_t>(index + 1));
    }

    const Interface interface_;
    FakeSpec spec_{kVirtioEntropy.syntax};
    std::unique_ptr<Vdev> vdev_;
};

}  // namespace test
}  // namespace qvm
