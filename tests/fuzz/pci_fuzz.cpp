// SPDX-License-Identifier: Apache-2.0
// A guest without manners on PCI: configuration space by ECAM and by ports, BARs, the MSI-X table, while the devices
// signal vectors and drive their pins. After each step the wires, the doorbells and the messages are what the registers
// say.
#include <optional>

#include "fuzz/input.hpp"
#include "support/fake_context.hpp"
#include "support/fake_pci.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kWindow = 0xe000'0000;
constexpr std::uint64_t kWindowSize = 0x10'0000;
constexpr std::uint64_t kRegisters = 0x4000;
constexpr std::uint8_t kBody = 14;
constexpr unsigned kVectors = 5;
constexpr std::array kSlots{PciSlot{1, 0}, PciSlot{1, 4}, PciSlot{5, 0}};

/// Registers that see to it that accesses stay inside.
class Bounded final : public IoDevice {
public:
    explicit Bounded(std::uint64_t size) : size_{size} {}
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        judge(offset, data.size());
        std::ranges::fill(data, std::byte{0x5a});
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override { judge(offset, data.size()); }

private:
    void judge(std::uint64_t offset, std::size_t length) const {
        promise(length >= 1 && length <= 8, "an access has one to eight bytes");
        promise(offset < size_ && length <= size_ - offset, "an access lies inside");
    }
    std::uint64_t size_;
};

/// A function with everything that there is, and what it must have done.
class Function {
public:
    Function(PciHost& host, FakeMsiRouter& router, PciSlot slot)
        : slot_{slot},
          endpoint_{host.add(slot, {.vendor = 0x1234, .device = 0x5678}, {"function", {}})},
          router_{router} {
        endpoint_.add_bar(0, kRegisters, registers_);
        endpoint_.add_capability(9, kBody, body_);
        msix_ = &endpoint_.add_msix(1, kVectors);
        endpoint_.add_doorbell(0, {.address = 0x100, .width = 2}, fd());
        pin_ = &endpoint_.intx();
    }

    void signal(unsigned vector) {
        const std::size_t sent = router_.sent.size();
        msix_->signal(vector);
        const std::size_t now = router_.sent.size() - sent;
        promise(now <= (vector < kVectors && msix_enabled() ? 1U : 0U), "a signal is one message at most");
    }
    void drive(bool high) {
        pin_->set(high);
        high_ = high;
    }

    [[nodiscard]] bool pulls() {
        return high_ && !msix_enabled() && (config(0x04, 2) & PciDriver::kInterruptDisable) == 0;
    }
    /// Where its doorbell must be.
    [[nodiscard]] std::optional<std::uint64_t> bell() {
        const std::uint64_t base = config(0x10, 4);
        const bool decoded = (config(0x04, 2) & PciDriver::kMemorySpace) != 0;
        const bool inside = base >= kWindow && base - kWindow <= kWindowSize - kRegisters;
        return decoded && inside ? std::optional{base + 0x100} : std::nullopt;
    }
    [[nodiscard]] int fd() const { return static_cast<int>(slot_.index()); }

    void judge() {
        promise(config(0x00, 4) == 0x5678'1234, "the identity stays");
        promise(config(0x10, 4) % kRegisters == 0, "a BAR is aligned");
        promise(((config(0x06, 2) & 8) != 0) == high_, "Interrupt Status is the pin's level");
        promise(msix_->enabled() == msix_enabled(), "MSI-X is on if Message Control says so");
    }

private:
    [[nodiscard]] std::uint64_t config(std::uint64_t offset, std::size_t width) {
        std::array<std::byte, 8> data{};
        endpoint_.read_config(offset, std::span{data}.first(width));
        return pci::load(data);
    }
    [[nodiscard]] bool msix_enabled() { return (config(kMessageControl, 2) & 0x8000) != 0; }

    static constexpr std::uint64_t kMessageControl = 0x40 + 2 + kBody + 2;

    Bounded registers_{kRegisters};
    Bounded body_{kBody};
    PciSlot slot_;
    PciEndpoint& endpoint_;
    FakeMsiRouter& router_;
    MsixVectors* msix_ = nullptr;
    IrqLine* pin_ = nullptr;
    bool high_ = false;
};

class Bus {
public:
    Bus() {
        for (const PciSlot slot : kSlots) functions_.emplace_back(host_, router_, slot);
        host_.connect();
    }

    void step(FuzzInput& input) {
        switch (input.byte() % 6) {
            case 0:
                return access(host_.ecam(), ecam_offset(input), input);
            case 1:
                return access(host_.ports(), input.byte() % 8, input);
            case 2:
                return PciDriver::put(host_.ports(), 0, config_address(ecam_offset(input)), 4);
            case 3:
                return access(host_.window(), window_offset(input), input);
            case 4:
                return function(input).signal(input.byte() % (kVectors + 2));
            default:
                return function(input).drive(input.byte() % 2 != 0);
        }
    }

    void judge() {
        std::vector<std::pair<Doorbell, int>> bells;
        bool pulled = false;
        for (Function& function : functions_) {
            function.judge();
            if (const auto at = function.bell()) bells.push_back({{.address = *at, .width = 2}, function.fd()});
            pulled = function.pulls() || pulled;
        }
        promise(std::ranges::is_permutation(bells, bells_.attached), "doorbells are where their BARs are");
        // Pins of devices 1 and 5 share a line, functions 0 and 4 a pin.
        promise(lines_[1].high() == pulled, "a line is high while somebody pulls");
        for (const unsigned gsi : router_.waiting) promise(router_.masked.contains(gsi), "only a masked vector waits");
    }

private:
    [[nodiscard]] Function& function(FuzzInput& input) { return functions_[input.byte() % functions_.size()]; }

    /// Mostly where somebody is.
    static std::uint64_t ecam_offset(FuzzInput& input) {
        const std::uint8_t where = input.byte();
        const unsigned slot = where % 4 == 3 ? input.byte() : kSlots[where % 3].index();
        const std::uint64_t offset = where < 0xf0 ? input.byte() : input.word() % 4096;
        return slot * 4096ULL + offset;
    }
    static std::uint64_t config_address(std::uint64_t ecam) { return 0x8000'0000 | ecam >> 12 << 8 | (ecam & 0xfc); }
    static std::uint64_t window_offset(FuzzInput& input) {
        const std::uint8_t page = input.byte();
        return (page * 4096ULL + input.word() % 4096) % (kWindowSize - 8);
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

    FakeMsiRouter router_;
    RecordingDoorbells bells_;
    std::array<RecordingIrq, 4> lines_;
    PciHost host_{{router_,
                   bells_,
                   log(),
                   Range::make(kWindow, kWindowSize),
                   {{lines_[0], 16}, {lines_[1], 17}, {lines_[2], 18}, {lines_[3], 19}}}};
    std::deque<Function> functions_;
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    qvm::test::FuzzInput input{data, size};
    qvm::test::Bus bus;
    while (!input.empty()) {
        bus.step(input);
        bus.judge();
    }
    return 0;
}
