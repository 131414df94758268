// SPDX-License-Identifier: Apache-2.0
// All vCPUs of a VM, started, paused and stopped together.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "vcpu/vcpu_thread.hpp"

namespace qvm {

class VcpuGroup {
public:
    /// Holds all vCPUs still; several may exist at a time. The VM goes on when the last one is gone. Must not outlive
    /// the group.
    class Pause {
    public:
        explicit Pause(VcpuGroup& group) : group_{&group} {}
        Pause(Pause&& other) noexcept : group_{std::exchange(other.group_, nullptr)} {}
        Pause& operator=(Pause&&) = delete;
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;
        ~Pause() {
            if (group_ != nullptr) group_->resume();
        }

    private:
        VcpuGroup* group_;
    };

    /// Set-up only, in the order of their numbers.
    void add(std::unique_ptr<VcpuThread> vcpu) { vcpus_.push_back(std::move(vcpu)); }
    [[nodiscard]] std::size_t size() const noexcept { return vcpus_.size(); }
    [[nodiscard]] const std::vector<std::unique_ptr<VcpuThread>>& vcpus() const noexcept { return vcpus_; }

    /// Lets the guest run.
    void release();
    /// When it returns no guest code runs and no exit is half done; devices may still work. From any thread but a
    /// vCPU's. A vCPU whose guest has come to its end counts as paused.
    [[nodiscard]] Pause pause();
    /// Whether some vCPU is still in the exit that it was in at the last call: it hangs in a device or in the host.
    /// Callers keep some time between calls; one thread only.
    [[nodiscard]] bool is_stuck();
    /// Stops and joins all threads, from any state.
    void stop() { vcpus_.clear(); }

private:
    void resume();

    std::mutex mutex_;
    unsigned pauses_ = 0;
    bool released_ = false;
    std::vector<std::unique_ptr<VcpuThread>> vcpus_;
    std::vector<std::uint64_t> last_seen_;  ///< handling_since() of each at the last is_stuck()
};

}  // namespace qvm
