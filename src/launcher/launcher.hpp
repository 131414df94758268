// SPDX-License-Identifier: Apache-2.0
// The only place that sees every room: from a configuration to a running VM to the reason of its end.
#pragma once

#include <memory>
#include <optional>

#include "arch/machine.hpp"
#include "config/vm_config.hpp"
#include "devices/catalog.hpp"
#include "launcher/guest_map.hpp"
#include "launcher/unavailable.hpp"
#include "vcpu/thread_plan.hpp"
#include "vmm/end_cause.hpp"

namespace qvm {

/// Every vdev type of this build.
[[nodiscard]] Catalog make_catalog();

/// Everything of a VM, ready to go.
class Vm {
public:
    virtual ~Vm() = default;
    /// Starts the guest and stays until its end. Once.
    [[nodiscard]] virtual EndCause run() = 0;
};

/// Where its threads will be on this host, as the calling thread has it; make_thread_plan() says what can be wrong. Of
/// a configuration for the other board nothing is. Throws HostError.
[[nodiscard]] ThreadPlan plan_threads(const VmConfig& config, const Catalog& catalog, Purpose purpose,
                                      Diagnostics& diagnostics);

/// Builds the VM. If the configuration turns out to be wrong, `diagnostics` says why and nothing is returned; a host
/// that cannot give what is needed is a HostError. `catalog` must be the one that `config` was parsed with; both and
/// the plans must outlive the VM. On the main thread, with no other thread around.
[[nodiscard]] std::unique_ptr<Vm> build_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan,
                                           const ThreadPlan& threads, Diagnostics& diagnostics);

/// Judges the images and what this version cannot do; the plan for the other two. Never null. `config` may have lost
/// what its errors were about. It must outlive the plan.
[[nodiscard]] std::unique_ptr<BoardPlan> plan_vm(const VmConfig& config, const Catalog& catalog, Purpose purpose,
                                                 Diagnostics& diagnostics);

/// Takes the steps of build_vm() that need neither KVM nor guest memory, and opens no host end. Nothing is returned if
/// `diagnostics` got an error.
[[nodiscard]] std::optional<GuestMap> check_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan,
                                               Diagnostics& diagnostics);

inline constexpr int kExitHost = 64;    ///< the host cannot give what the VM needs; nothing was started
inline constexpr int kExitConfig = 65;  ///< the configuration is wrong; nothing was started

}  // namespace qvm
