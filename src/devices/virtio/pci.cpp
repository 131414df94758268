// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/pci.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace qvm {
namespace {

// Virtio 1.2, 4.1.2. Drivers look for this vendor, whoever has made the device.
constexpr std::uint16_t kVendor = 0x1af4;
constexpr std::uint16_t kFirstDevice = 0x1040;
constexpr std::uint16_t kFirstSubsystem = 0x40;
constexpr std::uint8_t kRevision = 1;

constexpr std::uint8_t kVendorCapability = 0x09;  // PCI_CAP_ID_VNDR
/// Virtio 1.2, 4.1.4.
enum class CfgType : std::uint8_t { Common = 1, Notify = 2, Isr = 3, Device = 4 };
constexpr std::size_t kCapSize = 16;  // struct virtio_pci_cap
constexpr std::size_t kListSize = 2;  // what of it is the list's

// Virtio 1.2, 4.1.4.3: struct virtio_pci_common_cfg. The rest of it is in kFields.
constexpr std::uint32_t kCommonSize = 60;
constexpr std::size_t kHalf = 4;  // of the largest access
constexpr std::uint64_t kConfigMsixVector = 16;
constexpr std::uint64_t kQueueMsixVector = 26;
constexpr std::uint64_t kQueueNotifyOff = 30;

struct Field {
    std::uint64_t offset;
    std::size_t width;
    VirtioReg reg;
};
constexpr std::array kFields{
    Field{0, 4, VirtioReg::DeviceFeaturesSel}, Field{4, 4, VirtioReg::DeviceFeatures},
    Field{8, 4, VirtioReg::DriverFeaturesSel}, Field{12, 4, VirtioReg::DriverFeatures},
    Field{18, 2, VirtioReg::NumQueues},        Field{20, 1, VirtioReg::Status},
    Field{21, 1, VirtioReg::ConfigGeneration}, Field{22, 2, VirtioReg::QueueSel},
    Field{24, 2, VirtioReg::QueueNum},         Field{28, 2, VirtioReg::QueueReady},
    Field{32, 4, VirtioReg::QueueDescLow},     Field{36, 4, VirtioReg::QueueDescHigh},
    Field{40, 4, VirtioReg::QueueDriverLow},   Field{44, 4, VirtioReg::QueueDriverHigh},
    Field{48, 4, VirtioReg::QueueDeviceLow},   Field{52, 4, VirtioReg::QueueDeviceHigh},
};

/// Fields have one width: theirs (4.1.3.1). Null if no field is there with that one.
const Field* field(std::uint64_t offset, std::size_t width) noexcept {
    const auto found = std::ranges::lower_bound(kFields, offset, {}, &Field::offset);
    return found != kFields.end() && found->offset == offset && found->width == width ? &*found : nullptr;
}

PciIdentity identity_of(const VirtioDevice& device) noexcept {
    return {.vendor = kVendor,
            .device = static_cast<std::uint16_t>(kFirstDevice + device.type()),
            .revision = kRevision,
            .class_code = device.pci_class(),
            .subsystem_vendor = kVendor,
            .subsystem = static_cast<std::uint16_t>(kFirstSubsystem + device.type())};
}

void put(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) noexcept {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// A struct virtio_pci_cap, followed by `extra`, for a structure in the BAR.
void add_structure(PciFunction& function, CfgType type, std::uint32_t offset, std::uint32_t length,
                   std::span<const std::byte> extra = {}) {
    std::vector<std::byte> whole(kCapSize + extra.size());
    whole[2] = static_cast<std::byte>(whole.size());  // cap_len
    whole[3] = static_cast<std::byte>(type);
    whole[4] = std::byte{VirtioPci::kBar};
    put(whole, 8, offset);
    put(whole, 12, length);
    std::ranges::copy(extra, whole.begin() + kCapSize);
    function.add_capability(kVendorCapability, std::span{whole}.subspan(kListSize));
}

}  // namespace

VirtioPci::VirtioPci(VdevContext& context, std::string name, std::unique_ptr<VirtioDevice> device, VirtioStyle style)
    : VirtioPci{context.pci(identity_of(*device)),
                {context.loop(), context.log(), std::move(name), style},
                std::move(device)} {}

VirtioPci::VirtioPci(PciFunction& function, VirtioHost host, std::unique_ptr<VirtioDevice> device)
    : interrupts_{function, kMsixBar, static_cast<unsigned>(device->queue_sizes().size())},
      core_{std::move(device), interrupts_, std::move(host)} {
    if (core_.config_size() > kNotify - kDeviceConfig || core_.queues() > (kBarSize - kNotify) / kNotifyMultiplier)
        throw std::logic_error{"virtio: too large for PCI"};
    interrupts_.on_switch([this] { core_.interrupts_moved(); });
    function.add_bar(kBar, kBarSize, *this);
    add_structures(function);
    for (unsigned queue = 0; queue < core_.queues(); ++queue)
        function.add_doorbell(kBar, {.address = kNotify + kNotifyMultiplier * queue}, core_.kick(queue).fd());
}

void VirtioPci::add_structures(PciFunction& function) {
    add_structure(function, CfgType::Common, 0, kCommonSize);
    add_structure(function, CfgType::Isr, kIsr, 1);
    if (core_.config_size() != 0)
        add_structure(function, CfgType::Device, kDeviceConfig, static_cast<std::uint32_t>(core_.config_size()));
    const std::uint32_t multiplier = kNotifyMultiplier;
    add_structure(function, CfgType::Notify, kNotify, kNotifyMultiplier * core_.queues(),
                  std::as_bytes(std::span{&multiplier, 1}));
    function.add_capability(kVendorCapability, VirtioPciWindow::kSize, window_);
}

void VirtioPci::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (offset >= kDeviceConfig && offset < kNotify) return core_.read_config(offset - kDeviceConfig, data);
    std::ranges::fill(data, std::byte{0});
    if (offset == kIsr) {
        data[0] = std::byte{interrupts_.take_status()};
        return;
    }
    if (offset >= kIsr) return;  // notifications are write-only
    // 64-bit fields are pairs of 32-bit ones (4.1.3).
    for (; !data.empty(); data = data.subspan(std::min(data.size(), kHalf)), offset += kHalf) {
        const auto piece = data.first(std::min(data.size(), kHalf));
        const std::uint32_t value = read_common(offset, piece.size());
        std::memcpy(piece.data(), &value, piece.size());
    }
}

void VirtioPci::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (offset >= kNotify) return notify(offset - kNotify);
    if (offset >= kDeviceConfig) return core_.write_config(offset - kDeviceConfig, data);
    if (offset >= kIsr) return core_.misused();
    for (; !data.empty(); data = data.subspan(std::min(data.size(), kHalf)), offset += kHalf) {
        const auto piece = data.first(std::min(data.size(), kHalf));
        std::uint32_t value = 0;
        std::memcpy(&value, piece.data(), piece.size());
        write_common(offset, piece.size(), value);
    }
}

std::uint32_t VirtioPci::read_common(std::uint64_t offset, std::size_t width) noexcept {
    if (const Field* const found = field(offset, width)) return core_.read(found->reg);
    if (width == sizeof(std::uint16_t) && offset == kConfigMsixVector) return interrupts_.config_vector();
    if (width == sizeof(std::uint16_t) && offset == kQueueMsixVector)
        return interrupts_.queue_vector(core_.read(VirtioReg::QueueSel));
    if (width == sizeof(std::uint16_t) && offset == kQueueNotifyOff) return queue_notify_off();
    core_.misused();
    return 0;
}

void VirtioPci::write_common(std::uint64_t offset, std::size_t width, std::uint32_t value) noexcept {
    if (const Field* const found = field(offset, width)) return core_.write(found->reg, value);
    if (width != sizeof(std::uint16_t) || (offset != kConfigMsixVector && offset != kQueueMsixVector))
        return core_.misused();
    const bool moved = offset == kConfigMsixVector ? interrupts_.map_config(value)
                                                   : interrupts_.map_queue(core_.read(VirtioReg::QueueSel), value);
    if (moved) core_.interrupts_moved();
}

/// Each queue has its own place, in their order.
std::uint32_t VirtioPci::queue_notify_off() noexcept {
    const std::uint32_t queue = core_.read(VirtioReg::QueueSel);
    return queue < core_.queues() ? queue : 0;
}

/// What the kernel's doorbell did not take. The place says which queue it is, whatever the driver writes there.
void VirtioPci::notify(std::uint64_t offset) noexcept {
    core_.notify(static_cast<std::uint32_t>(offset / kNotifyMultiplier));
}

}  // namespace qvm
