// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/vfio_chip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "vmm/error.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {
namespace {

/// The kernel accesses the registers in pieces of at most four bytes.
class Registers final : public IoDevice {
public:
    Registers(VfioDevice& device, unsigned region) : device_{device}, region_{region} {}
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        (void)device_.read(region_, offset, data);
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        (void)device_.write(region_, offset, data);
    }

private:
    VfioDevice& device_;
    const unsigned region_;
};

/// A level is masked by the kernel when it fires, an edge is not and needs no unmasking.
class Interrupt final : public HostInterrupt {
public:
    Interrupt(VfioDevice& device, unsigned index) : device_{device}, index_{index} {}
    ~Interrupt() override {
        if (armed_) (void)device_.set_triggers(index_, {});
    }
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    [[nodiscard]] int fd() const noexcept override { return event_.fd(); }
    [[nodiscard]] Taken take() noexcept override { return event_.drain() ? Taken::Fired : Taken::Nothing; }
    /// Until the first time the device's interrupt is nobody's.
    bool unmask() noexcept override {
        const int fd = event_.fd();
        if (!armed_.exchange(true) && !device_.set_triggers(index_, {&fd, 1})) return false;
        return !device_.masks(index_) || device_.unmask(index_);
    }

private:
    VfioDevice& device_;
    const unsigned index_;
    const EventFd event_;
    std::atomic<bool> armed_ = false;
};

std::string text(const Range& range) { return fmt::format("{:#x} to {:#x}", range.start(), range.last()); }

}  // namespace

VfioChip::VfioChip(HostChip chip, std::unique_ptr<VfioDevice> device)
    : chip_{std::move(chip)}, device_{std::move(device)} {
    if (device_->kind() != VfioDevice::Kind::Platform)
        throw HostError{fmt::format("{} is no platform device, says VFIO", chip_.name)};
    for (unsigned i = 0; i < chip_.registers.size(); ++i)
        if (device_->region(i).size != chip_.registers[i].size())
            throw HostError{fmt::format("{}: registers {} have {:#x} bytes, says VFIO, and lie at {} in sysfs",
                                        chip_.name, i, device_->region(i).size, text(chip_.registers[i]))};
}

VfioChip::~VfioChip() { (void)device_->reset(); }

HostRegion VfioChip::map(const Range& host) const {
    const unsigned index = chip_.region_of(host).value();
    const VfioRegion& region = device_->region(index);
    if (!region.readable && !region.writable)
        throw HostError{fmt::format("{} of {} cannot be passed: VFIO gives no access to it", text(host), chip_.name)};
    const std::uint64_t first = host.start() - chip_.registers[index].start();
    const auto whole =
        std::ranges::find_if(region.mappable, [&](const Range& each) { return each.contains(first, host.size()); });
    // A mapping is for both.
    if (whole == region.mappable.end() || !region.readable || !region.writable)
        return {.first = first,
                .length = host.size(),
                .title = chip_.name,
                .registers = std::make_unique<Registers>(*device_, index)};
    try {
        return {.pages = device_->map(index, *whole),
                .first = first - whole->start(),
                .length = host.size(),
                .title = chip_.name};
    } catch (const HostError& error) {
        throw HostError{fmt::format("{} of {} cannot be mapped: {}", text(host), chip_.name, error.what())};
    }
}

unsigned VfioChip::interrupts() const noexcept {
    unsigned count = 0;
    while (device_->interrupts(count) != 0) ++count;
    return count;
}

std::optional<unsigned> VfioChip::interrupt(unsigned index) const noexcept {
    return index < chip_.interrupts.size() ? chip_.interrupts[index] : std::nullopt;
}

std::unique_ptr<HostInterrupt> VfioChip::open_interrupt(unsigned index) const {
    if (device_->interrupts(index) == 0)
        throw HostError{fmt::format("{} has no interrupt {} that can be passed, says VFIO", chip_.name, index)};
    return std::make_unique<Interrupt>(*device_, index);
}

}  // namespace qvm
