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
    const std::uint64_t withheld = ring != nullptr && *ring == "split" ? virtio_feature::kRingPacked : 0;
    if (context.on_pci()) return std::make_unique<VirtioPci>(context, virtio_label(spec), std::move(device), withheld);
    return std::make_unique<VirtioMmio>(context, virtio_label(spec), std::move(device), withheld);
}

}  // namespace qvm
