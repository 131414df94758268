// SPDX-License-Identifier: Apache-2.0
// What others are told of the VM's life: the runtime directory, and the service manager.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/vm_config.hpp"
#include "ops/runtime_dir.hpp"
#include "ops/service_manager.hpp"
#include "ops/user.hpp"
#include "ops/vm_facts.hpp"
#include "vmm/clock.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// From construction (the VM is being built) to destruction (nothing of it is left). What of this cannot be told costs
/// a warning and never the VM. Main thread only.
class Life {
public:
    /// Takes the VM's name. Throws ConfigError at `system` if a VM of that name runs. A VM without a runtime directory
    /// is warned about if it has a name. In a dry run nobody is told anything. All that is passed must outlive it.
    Life(const VmConfig& config, Log& log, const NotifySettings& settings);
    ~Life();
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    /// Before the process becomes that user.
    void give_to(const Identity& user);
    /// All is built, nothing runs yet. `facts`: what the caller knows; the rest is filled in here.
    void built(EnvFacts facts);
    /// The first vCPU has been released.
    void running();
    /// The guest sleeps until something wakes it up, and has been woken up.
    void asleep();
    void awake();
    /// A line for whoever watches the service.
    void note(std::string_view text) const noexcept { manager_.status(text); }
    /// There is a cause; the vCPUs have not been stopped yet.
    void stopping(EndCause cause);

    /// For the poll(2) of the main thread's wait: when tick() wants to be called at the latest.
    [[nodiscard]] int poll_timeout() const noexcept { return watchdog_.poll_timeout(); }
    /// Shows the service manager that the VM lives, if that is due and true: the caller runs, and `vcpus_live` says
    /// that no vCPU thread is stuck in the host.
    void tick(const std::function<bool()>& vcpus_live);

    /// Its path; empty if there is none.
    [[nodiscard]] std::string runtime_directory() const { return directory_ ? directory_->path() : std::string{}; }
    /// Null if there is none.
    [[nodiscard]] const RuntimeDir* directory() const noexcept { return directory_ ? &*directory_ : nullptr; }

private:
    void take_directory(const VmConfig& config);
    void enter(Phase phase);
    [[nodiscard]] std::string status(Phase phase) const;
    /// Runs `work` on the runtime directory, if there is one.
    template <typename Work>
    void publish(Work work) noexcept;

    const std::string& system_;
    Log& log_;
    HostClock clock_{};
    ServiceManager manager_;
    WatchdogSchedule watchdog_;
    WallTime start_;
    std::optional<RuntimeDir> directory_{};
    std::optional<EndCause> cause_{};
    bool stuck_ = false;
};

}  // namespace qvm
