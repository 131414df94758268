// SPDX-License-Identifier: Apache-2.0
#include "launcher/passed_ram_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace qvm {

void check_passed_ram(const VmConfig& config, Diagnostics& diagnostics) {
    constexpr std::array<std::string_view, 2> kServedByOthers{"vhost-user", "virtio-fs"};
    const auto passed =
        std::ranges::find_if(config.memory, [](const MemorySpec& memory) { return memory.host.has_value(); });
    if (passed == config.memory.end()) return;
    for (const VdevSpec& vdev : config.vdevs) {
        if (std::ranges::find(kServedByOthers, vdev.syntax->type) == kServedByOthers.end()) continue;
        diagnostics.error(
            vdev.where,
            fmt::format("another program serves vdev {}, and it cannot have RAM that is passed (m)", vdev.syntax->type),
            "give the guest its RAM by 'ram', or leave the vdev out");
        diagnostics.note(passed->where, "this RAM");
    }
}

}  // namespace qvm
