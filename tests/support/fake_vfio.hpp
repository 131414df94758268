// SPDX-License-Identifier: Apache-2.0
// A device of VFIO's without a kernel: its configuration space and BARs are bytes, its interrupts are remembered.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "devices/pci/config_space.hpp"
#include "devices/pci/registers.hpp"
#include "devices/vfio/vfio_device.hpp"
#include "support/fake_context.hpp"
#include "vmm/device_memory.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

class FakeVfio final : public VfioDevice {
public:
    static constexpr std::uint64_t kPage = 4096;

    /// A function of PCI Express without capabilities and BARs.
    FakeVfio() {
        regions_[kConfigRegion] = {.size = ConfigSpace::kSize, .readable = true, .writable = true};
        set<std::uint32_t>(0x00, 0x56781234);
    }

    // -- how the test makes it
    template <typename T>
    void set(std::size_t offset, T value) {
        pci::store(std::span{config}.subspan(offset, sizeof value), value);
    }
    template <typename T>
    [[nodiscard]] T get(std::size_t offset) const {
        return static_cast<T>(pci::load(std::span{config}.subspan(offset, sizeof(T))));
    }
    /// `flags` are the low bits of its register. Whole pages can be mapped.
    void add_bar(unsigned index, std::uint64_t size, std::uint32_t flags = 0) {
        regions_[index] = {.size = size, .readable = true, .writable = true};
        if (const auto whole = Range::make(0, size); whole && size % kPage == 0) regions_[index].mappable = {*whole};
        set<std::uint32_t>(0x10 + index * 4, 0xc000'0000 | flags);
        files_[index] = UniqueFd{::memfd_create("a BAR of the double", MFD_CLOEXEC)};
        if (::ftruncate(files_[index].get(), static_cast<off_t>(size)) != 0) throw std::logic_error{"memfd"};
    }
    /// Links it in as the last one; the bytes behind the two of the list are the test's.
    void add_capability(std::uint8_t id, std::size_t offset) {
        set<std::uint16_t>(0x06, 0x0010);
        set<std::uint8_t>(link_, static_cast<std::uint8_t>(offset));
        set<std::uint8_t>(offset, id);
        set<std::uint8_t>(offset + 1, 0);
        link_ = offset + 1;
    }
    void add_interrupts(unsigned kind, unsigned count) { interrupts_[kind] = count; }
    void limit_region(unsigned index, bool readable, bool writable) {
        regions_[index].readable = readable;
        regions_[index].writable = writable;
    }

    // -- what it is to the program
    [[nodiscard]] Kind kind() const noexcept override { return what; }
    [[nodiscard]] unsigned regions() const noexcept override { return kRegions; }
    [[nodiscard]] const VfioRegion& region(unsigned index) const noexcept override { return regions_.at(index); }
    bool read(unsigned region, std::uint64_t offset, std::span<std::byte> out) noexcept override {
        const std::scoped_lock lock{mutex_};
        std::ranges::fill(out, std::byte{0xff});
        if (gone || !holds(region, offset, out.size())) return false;
        if (region == kConfigRegion)
            std::ranges::copy(std::span{config}.subspan(offset, out.size()), out.begin());
        else
            (void)!::pread(files_[region].get(), out.data(), out.size(), static_cast<off_t>(offset));
        return true;
    }
    bool write(unsigned region, std::uint64_t offset, std::span<const std::byte> in) noexcept override {
        const std::scoped_lock lock{mutex_};
        if (gone || !holds(region, offset, in.size())) return false;
        if (region == kConfigRegion)
            std::ranges::copy(in, std::span{config}.subspan(offset, in.size()).begin());
        else
            (void)!::pwrite(files_[region].get(), in.data(), in.size(), static_cast<off_t>(offset));
        return true;
    }
    [[nodiscard]] Mapping map(unsigned region, const Range& part) override {
        return Mapping{"map", files_.at(region).get(), part.size(), static_cast<off_t>(part.start())};
    }
    [[nodiscard]] unsigned interrupts(unsigned index) const noexcept override {
        const auto found = interrupts_.find(index);
        return found == interrupts_.end() ? 0 : found->second;
    }
    [[nodiscard]] bool set_triggers(unsigned index, std::span<const int> fds) noexcept override {
        const std::scoped_lock lock{mutex_};
        calls.emplace_back(index, fds.size());
        triggers_[index].assign(fds.begin(), fds.end());
        if (index == kIntx) masked_ = false;
        return !refuse_interrupts || fds.empty();
    }
    [[nodiscard]] bool masks(unsigned) const noexcept override { return masks_itself; }
    bool unmask(unsigned) noexcept override {
        const std::scoped_lock lock{mutex_};
        ++unmasks_;
        masked_ = false;
        return !gone;
    }
    void mask(unsigned) noexcept override {
        const std::scoped_lock lock{mutex_};
        masked_ = true;
    }
    [[nodiscard]] std::uint64_t messages() const noexcept override { return message_count; }
    unsigned place_messages(std::span<const CpuList> by_vector) noexcept override {
        const std::scoped_lock lock{mutex_};
        for (unsigned vector = 0; vector < by_vector.size(); ++vector)
            if (!by_vector[vector].empty()) places_[vector] = by_vector[vector];
        placed_.notify_all();
        return keeps_messages;
    }
    bool reset() noexcept override {
        ++*resets;
        return resettable;
    }

    // -- what it has seen
    [[nodiscard]] std::vector<int> triggers(unsigned kind) const {
        const std::scoped_lock lock{mutex_};
        const auto found = triggers_.find(kind);
        return found == triggers_.end() ? std::vector<int>{} : found->second;
    }
    [[nodiscard]] unsigned unmasks() const {
        const std::scoped_lock lock{mutex_};
        return unmasks_;
    }
    /// Waits until messages of the vector come there.
    [[nodiscard]] bool wait_placed(unsigned vector, const CpuList& cpus) {
        std::unique_lock lock{mutex_};
        return placed_.wait_for(lock, kPatience, [&] { return places_[vector] == cpus; });
    }
    /// Since the last unmask().
    [[nodiscard]] bool masked() const {
        const std::scoped_lock lock{mutex_};
        return masked_;
    }
    /// As the kernel does when the device interrupts.
    void fire(unsigned kind, unsigned vector = 0) const {
        const std::uint64_t one = 1;
        const std::vector<int> fds = triggers(kind);
        if (::write(fds.at(vector), &one, sizeof one) != sizeof one) throw std::logic_error{"eventfd"};
    }

    std::array<std::byte, ConfigSpace::kSize> config{};
    std::vector<std::pair<unsigned, std::size_t>> calls;  ///< of set_triggers(): kind, number of vectors
    std::uint64_t message_count = 0;                      ///< of the host
    unsigned keeps_messages = 0;                          ///< that many stay
    std::shared_ptr<unsigned> resets = std::make_shared<unsigned>(0);
    Kind what = Kind::Pci;
    bool resettable = true;
    bool masks_itself = true;
    bool gone = false;               ///< it does not answer
    bool refuse_interrupts = false;  ///< the host has none left

private:
    static constexpr unsigned kRegions = 9;
    [[nodiscard]] bool holds(unsigned region, std::uint64_t offset, std::size_t length) const noexcept {
        return region < kRegions && offset <= regions_[region].size && length <= regions_[region].size - offset;
    }

    mutable std::mutex mutex_;
    std::array<VfioRegion, kRegions> regions_{};
    std::array<UniqueFd, 6> files_{};
    std::map<unsigned, unsigned> interrupts_;
    std::map<unsigned, std::vector<int>> triggers_;
    unsigned unmasks_ = 0;
    bool masked_ = false;
    std::map<unsigned, CpuList> places_;  ///< of messages
    std::condition_variable placed_;
    std::size_t link_ = 0x34;
};

/// Where device memory is shown.
class FakeDeviceMemory final : public DeviceMemory {
public:
    [[nodiscard]] unsigned add(std::span<std::byte> host) override {
        all.push_back({host.size(), {}});
        return static_cast<unsigned>(all.size() - 1);
    }
    [[nodiscard]] unsigned add_read_only(std::span<std::byte> host) override {
        const unsigned number = add(host);
        all[number].read_only = true;
        return number;
    }
    bool show(unsigned number, Gpa at) noexcept override {
        all[number].at = raw(at);
        return true;
    }
    void hide(unsigned number) noexcept override { all[number].at.reset(); }

    struct Part {
        std::size_t size;
        std::optional<std::uint64_t> at;
        bool read_only = false;
    };
    std::vector<Part> all;
};

/// A line of a controller that tells the end of interrupts.
class EndingIrq final : public IrqLine {
public:
    void set(bool high) noexcept override { wire.set(high); }
    bool tell_end(EndListener& listener) override {
        listeners_.push_back(&listener);
        return true;
    }
    /// As the guest does.
    void end() const {
        for (EndListener* listener : listeners_) listener->ended();
    }
    void mask() const {
        for (EndListener* listener : listeners_) listener->shut();
    }
    [[nodiscard]] int trigger() noexcept override { return fd; }
    RecordingIrq wire;
    int fd = -1;  ///< its trigger

private:
    std::vector<EndListener*> listeners_;
};

/// As FakeMsiRouter; the eventfd of an input is a number.
class NumberedRouter final : public MsiRouter {
public:
    static constexpr int kFirst = 10'000;
    unsigned reserve(unsigned count) override { return inner.reserve(count); }
    void route(unsigned gsi, MsiMessage message) noexcept override { inner.route(gsi, message); }
    void signal(unsigned gsi) noexcept override { inner.signal(gsi); }
    void mask(unsigned gsi) noexcept override { inner.mask(gsi); }
    void unmask(unsigned gsi) noexcept override { inner.unmask(gsi); }
    [[nodiscard]] bool pending(unsigned gsi) noexcept override { return inner.pending(gsi); }
    [[nodiscard]] int trigger(unsigned gsi) noexcept override { return kFirst + static_cast<int>(gsi); }
    FakeMsiRouter inner;
};

}  // namespace qvm::test
