// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/vdevs.hpp"

#include <algorithm>
#include <array>

#include "arch/arm64/layout.hpp"
#include "config/board_vdevs.hpp"

namespace qvm::arm64 {

extern const VdevType kGic;

namespace {

/// The board has made the controller from the same options before any vdev.
class NamedGic final : public Vdev {};

constexpr const VdevType* kTypes[]{&kGic};

/// How ACPI calls virtio over memory-mapped registers; the tree has one name for all of them, too.
constexpr std::string_view kVirtioHid = "LNRO0005";
constexpr std::array<std::string_view, 1> kVirtioCompatible{"virtio,mmio"};

struct Kind {
    std::string_view type;
    std::string_view kind;
};
/// Names of units (qvmconf specification 5.6); all others are `virtio`.
constexpr std::array kVirtioKinds{
    Kind{"virtio-blk", "disk"},
    Kind{"virtio-net", "net"},
    Kind{"virtio-console", "console"},
    Kind{"virtio-entropy", "rng"},
};

struct Place {
    std::string_view type;
    std::uint64_t address;
    unsigned line;
};
constexpr std::array kPlaces{
    Place{"pl011", kUart, kUartId},
    Place{"wdt-sp805", kWatchdog, kWatchdogId},
    Place{"rtc-pl031", kRtc, kRtcId},
};

std::string_view virtio_kind(std::string_view type) noexcept {
    const auto found = std::ranges::find(kVirtioKinds, type, &Kind::type);
    return found == kVirtioKinds.end() ? "virtio" : found->kind;
}

}  // namespace

constinit const VdevType kGic{
    .syntax = kGicSyntax, .acpi_hid = {}, .make = [](const VdevSpec&, VdevContext&) -> std::unique_ptr<Vdev> {
        return std::make_unique<NamedGic>();
    }};

std::span<const VdevType* const> vdev_types() noexcept { return kTypes; }

std::optional<TreeVdev> tree_vdev(const PlacedVdev& vdev) {
    const bool virtio = vdev.type->acpi_hid == kVirtioHid;
    const VdevTreeNode& row = vdev.type->tree;
    if (vdev.windows.empty() || (row.kind.empty() && !virtio)) return std::nullopt;
    const auto compatible = virtio ? std::span<const std::string_view>{kVirtioCompatible} : row.compatible;
    TreeVdev node{.kind = std::string{virtio ? virtio_kind(vdev.type->syntax.type) : row.kind},
                  .compatible = {compatible.begin(), compatible.end()},
                  .window = vdev.windows.front().range,
                  .edge = !vdev.type->level,
                  .clocks = {row.clocks.begin(), row.clocks.end()},
                  .masters = virtio};
    for (const IrqTable::Claim& claim : vdev.interrupts) node.interrupts.push_back(claim.line);
    return node;
}

TreeVdev power_key_node() {
    return {.kind = "gpio",
            .compatible = {"arm,pl061", "arm,primecell"},
            .window = Range::make(kPowerKey, kDeviceWindow).value(),
            .interrupts = {kPowerKeyId},
            .clocks = {"apb_pclk"}};
}

Machine::Defaults usual_place(const VdevType& type, unsigned ordinal) {
    const auto found = std::ranges::find(kPlaces, type.syntax.type, &Place::type);
    if (found == kPlaces.end() || ordinal != 0) return {};
    return {GuestLocation{GuestLocation::Space::Memory, found->address, {}}, found->line};
}

}  // namespace qvm::arm64
