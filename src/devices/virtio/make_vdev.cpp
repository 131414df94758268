// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "devices/virtio/mmio.hpp"
#include "devices/virtio/pci.hpp"
#include "devices/virtio/virtio_device.hpp"

namespace qvm {

std::string virtio_label(const VdevSpec& spec) {
    if (spec.name().empty()) return std::string{spec.syntax->type};
    return fmt::format("{} '{}'", spec.syntax->type, spec.name());
}

std::unique_ptr<Vdev> make_virtio_vdev(const VdevSpec& spec, VdevContext& context,
                                       std::unique_ptr<VirtioDevice> device) {
    const auto* const ring = spec.get<std::string>("ring");
    VirtioStyle style;
    if (ring != nullptr && *ring == "split") style.withheld = virtio_feature::kRingPacked;
    const bool legacy = spec.has("legacy");
    std::string label = virtio_label(spec);
    if (context.on_pci()) {
        if (legacy)
            context.log().warn(label + ": 'legacy' has no effect on PCI, where the interface is that of virtio 1.x");
        return std::make_unique<VirtioPci>(context, std::move(label), std::move(device), style);
    }
    style.legacy = legacy;
    return std::make_unique<VirtioMmio>(context, std::move(label), std::move(device), style);
}

}  // namespace qvm
