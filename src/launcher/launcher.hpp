// SPDX-License-Identifier: Apache-2.0
// The only place that sees every room: from a configuration to a running VM to the reason of its end.
#pragma once

#include "arch/machine.hpp"
#include "config/vm_config.hpp"
#include "devices/catalog.hpp"
#include "vmm/end_cause.hpp"

namespace qvm {

/// Every vdev type of this build.
[[nodiscard]] Catalog make_catalog();

/// Builds the VM and runs it to its end. If the configuration turns out to be wrong, `diagnostics` says why, nothing is
/// returned and nothing was started; a host that cannot give what is needed is a HostError. `catalog` must be the one
/// that `config` was parsed with. On the main thread, with no other thread around.
[[nodiscard]] std::optional<EndCause> run_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan,
                                             Diagnostics& diagnostics);

/// The process's exit code for it (qvmconf specification 5.3).
[[nodiscard]] int exit_code(EndCause cause) noexcept;
/// Whether stderr hears of it, wherever the log goes: every end but the guest's own power-off and reset.
[[nodiscard]] bool worth_an_alarm(EndCause cause) noexcept;
/// The cause in words.
[[nodiscard]] std::string_view describe(EndCause cause) noexcept;

inline constexpr int kExitHost = 64;    ///< the host cannot give what the VM needs; nothing was started
inline constexpr int kExitConfig = 65;  ///< the configuration is wrong; nothing was started

}  // namespace qvm
