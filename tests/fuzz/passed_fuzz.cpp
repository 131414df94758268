// SPDX-License-Identifier: Apache-2.0
// A guest without manners and a passed function: any access to configuration space, BARs and the MSI-X table. After
// each the device has what it must have and nothing that is ours, and the guest sees its memory where the registers
// say.
#include <algorithm>

#include "fuzz/input.hpp"
#include "support/fake_vfio.hpp"
#include "support/passed_guest.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kMsi = 0x50, kPower = 0x44, kMsix = 0x70, kHidden = 0x100;
constexpr std::uint64_t kBarSize = 0x8000, kTable = 0x2000, kPending = 0x3000;
constexpr unsigned kVectors = 5;
/// What the device must never hear of: BARs, ROM, interrupt line and pin, MSI, MSI-X's control, a hidden capability.
constexpr std::array<std::pair<std::uint64_t, std::size_t>, 7> kOurs{
    {{0x10, 24}, {0x30, 4}, {0x3c, 2}, {kMsi, 24}, {kMsix + 1, 3}, {kHidden, 4}, {0x34, 1}}};

class Guest {
public:
    /// `straight`: its pin's line has an eventfd of the kernel's.
    explicit Guest(bool straight) {
        line_.fd = straight ? kTrigger : -1;
        make_device();
        const PciOwner owner{"passed", {}};
        function_.emplace(PassedServices{host_.services(), host_.wire(kSlot, owner), memory_, loop_, log(), control_},
                          device_, kSlot, owner);
        host_.attach(kSlot, *function_);
        host_.connect();
        function_->start();
        before_ = device_.config;
    }

    void step(FuzzInput& input) {
        switch (input.byte() % 8) {
            case 0:
            case 1:
                return access(host_.ecam(), kSlot.index() * 4096ULL + config_offset(input), input);
            case 2:
                return access(host_.window(), input.dword() % (PassedGuest::kWindowSize - 8), input);
            case 3:
                return access_bar(table_offset(input), input);
            case 4:
                return access_bar(input.word() % kBarSize, input);
            case 5:
                return router_.signal(input.byte() % (kVectors + 4));
            case 6:
                device_.refuse_interrupts = input.byte() % 4 == 0;
                refused_ |= device_.refuse_interrupts;
                return;
            default:
                shut_ = input.byte() % 2 == 0;
                shut_ ? line_.mask() : line_.end();
        }
    }

    void judge() {
        for (const auto& [offset, size] : kOurs)
            promise(std::ranges::equal(std::span{device_.config}.subspan(offset, size),
                                       std::span{before_}.subspan(offset, size)),
                    "the device does not hear of what is ours");
        promise((device_.get<std::uint8_t>(kPower) & 3) == 0, "the device stays awake");
        promise((device_.get<std::uint16_t>(0x04) & 0x401) == 0, "ports and the pin's gate are not the guest's");
        judge_memory();
        const auto on = [&](unsigned kind) { return device_.triggers(kind).empty() ? 0U : 1U; };
        promise(on(VfioDevice::kIntx) + on(VfioDevice::kMsi) + on(VfioDevice::kMsix) <= 1, "one kind is on at a time");
        promise(device_.triggers(VfioDevice::kMsix).size() <= kVectors, "there are no more vectors than there are");
        const bool keeps_out = shut_ || (config(0x04, 2) & PciDriver::kInterruptDisable) != 0;
        promise(line_.fd < 0 || refused_ || !keeps_out || on(VfioDevice::kIntx) == 0 || device_.masked(),
                "a pin that the guest keeps out does not signal");
        for (const unsigned gsi : router_.inner.waiting)
            promise(router_.inner.masked.contains(gsi), "only a masked vector waits");
    }

private:
    static constexpr PciSlot kSlot = PassedGuest::kSlot;
    static constexpr int kTrigger = 77;

    void make_device() {
        device_.add_interrupts(VfioDevice::kIntx, 1);
        device_.add_capability(0x01, 0x40);
        device_.add_capability(0x05, kMsi);
        device_.set<std::uint16_t>(kMsi + 2, 0x0184);
        device_.add_interrupts(VfioDevice::kMsi, 4);
        device_.add_bar(0, kBarSize, 0x4);
        device_.add_bar(2, 0x100);
        device_.add_capability(0x11, kMsix);
        device_.set<std::uint16_t>(kMsix + 2, kVectors - 1);
        device_.set<std::uint32_t>(kMsix + 4, kTable);
        device_.set<std::uint32_t>(kMsix + 8, kPending);
        device_.add_interrupts(VfioDevice::kMsix, kVectors);
        device_.set<std::uint32_t>(kHidden, 0x0001'0010);
    }

    void judge_memory() {
        const std::uint64_t base = (config(0x10, 4) & ~0xfULL) | config(0x14, 4) << 32;
        const bool decoded = (config(0x04, 2) & PciDriver::kMemorySpace) != 0 && (config(kPower, 1) & 3) == 0;
        const bool inside =
            base >= PassedGuest::kWindow && base - PassedGuest::kWindow <= PassedGuest::kWindowSize - kBarSize;
        promise(memory_.all.size() == 2 && memory_.all[0].size == kTable, "the table's page is ours");
        for (std::size_t i = 0; i < 2; ++i) {
            const std::uint64_t wanted = base + (i == 0 ? 0 : kPending + 0x1000);
            promise(memory_.all[i].at == (decoded && inside ? std::optional{wanted} : std::nullopt),
                    "memory is shown where the BAR is decoded");
        }
    }

    [[nodiscard]] std::uint64_t config(std::uint64_t offset, unsigned width) {
        return PciDriver::get(host_.ecam(), kSlot.index() * 4096ULL + offset, width);
    }
    /// Mostly where something is.
    static std::uint64_t config_offset(FuzzInput& input) {
        const std::uint8_t where = input.byte();
        return where < 0xc0 ? where % 0x80U : input.word() % 4096U;
    }
    static std::uint64_t table_offset(FuzzInput& input) { return kTable + input.word() % (kPending - kTable + 16); }
    void access_bar(std::uint64_t offset, FuzzInput& input) {
        const std::uint64_t at = (config(0x10, 4) & ~0xfULL) + offset - PassedGuest::kWindow;
        if (at < PassedGuest::kWindowSize - 8) access(host_.window(), at, input);
    }
    static void access(IoDevice& device, std::uint64_t offset, FuzzInput& input) {
        const std::uint8_t how = input.byte();
        const unsigned width = 1U << how % 4;
        if ((how & 0x80) != 0) return void(PciDriver::get(device, offset, width));
        PciDriver::put(device, offset, input.take<std::uint64_t>(), width);
    }

    static Log& log() {
        static Log silent{"fuzz", silence()};  // it has a thread, which is too much for each input
        return silent;
    }

    FakeVfio device_;
    NumberedRouter router_;
    RecordingDoorbells bells_;
    EndingIrq line_;
    FakeDeviceMemory memory_;
    EventLoop loop_{EventLoop::NeverRuns{}};
    RecordingControl control_;
    PciHost host_{{router_, bells_, log(), Range::make(PassedGuest::kWindow, PassedGuest::kWindowSize), {{line_, 16}}}};
    std::optional<PassedFunction> function_;
    std::array<std::byte, ConfigSpace::kSize> before_{};
    bool shut_ = false;     ///< the guest masks the line
    bool refused_ = false;  ///< there may be no pin: the host has had no interrupt left
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    qvm::test::FuzzInput input{data, size};
    qvm::test::Guest guest{input.byte() % 2 == 0};
    while (!input.empty()) {
        guest.step(input);
        guest.judge();
    }
    return 0;
}
