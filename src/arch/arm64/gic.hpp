// SPDX-License-Identifier: Apache-2.0
// What the guest's interrupt controller is to be: the implicit vdev `gic` and its options (qvmconf specification 4.2).
// Pure; gic_kvm.hpp makes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm::arm64 {

/// Where messages become shared interrupts, and which (`msi`).
struct GicMsiFrame {
    Range at;
    unsigned first;  ///< interrupt ID
    unsigned count;
    [[nodiscard]] bool has(unsigned id) const noexcept { return id >= first && id - first < count; }
};

struct GicPlan {
    unsigned version = 3;
    Range distributor = Range::make(0, 1).value();
    Range cpus =
        Range::make(0, 1).value();  ///< the redistributors of all vCPUs (version 3), or the CPU interface (version 2)
    std::optional<Range> its{};     ///< version 3: where PCI functions send their messages
    std::optional<GicMsiFrame> frame{};  ///< version 2: the same
    std::string name{};                  ///< as `intr` knows it
    std::optional<Place> where{};        ///< of the vdev, if it is named
};

/// Reports what is wrong with the vdev `gic`; with errors the plan is that of a gic without options.
[[nodiscard]] GicPlan plan_gic(const VmConfig& config, Diagnostics& diagnostics);

/// The windows that the guest must find nothing else in, with what they are.
struct GicWindow {
    Range at;
    const char* what;
};
[[nodiscard]] std::vector<GicWindow> windows_of(const GicPlan& gic);

}  // namespace qvm::arm64
