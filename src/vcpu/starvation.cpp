// SPDX-License-Identifier: Apache-2.0
#include "vcpu/starvation.hpp"

#include <sched.h>

#include <algorithm>
#include <limits>

#include "vcpu/thread_plan.hpp"

namespace qvm {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// Gives every CPU a vCPU of its own, by augmenting paths.
class Matching {
public:
    Matching(const CpuList& cpus, const std::vector<const PlannedThread*>& vcpus)
        : cpus_{cpus}, vcpus_{vcpus}, cpu_of_(vcpus.size(), kNone) {}

    bool complete() {
        for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
            tried_.assign(vcpus_.size(), false);
            if (!occupy(cpu)) return false;
        }
        return true;
    }
    [[nodiscard]] bool uses(std::size_t vcpu) const { return cpu_of_[vcpu] != kNone; }

private:
    bool occupy(std::size_t cpu) {
        for (std::size_t vcpu = 0; vcpu < vcpus_.size(); ++vcpu) {
            if (tried_[vcpu] || !std::ranges::binary_search(vcpus_[vcpu]->cpus, cpus_[cpu])) continue;
            tried_[vcpu] = true;
            if (cpu_of_[vcpu] != kNone && !occupy(cpu_of_[vcpu])) continue;
            cpu_of_[vcpu] = cpu;
            return true;
        }
        return false;
    }

    const CpuList& cpus_;
    const std::vector<const PlannedThread*>& vcpus_;
    std::vector<std::size_t> cpu_of_;  ///< by vCPU, index into cpus_
    std::vector<bool> tried_;
};

}  // namespace

bool is_fixed_priority(const LinuxSchedule& schedule) noexcept {
    return schedule.policy == SCHED_FIFO || schedule.policy == SCHED_RR;
}

std::vector<const PlannedThread*> who_starves(const PlannedThread& thread, const std::vector<PlannedThread>& vcpus) {
    std::vector<const PlannedThread*> able;
    for (const PlannedThread& vcpu : vcpus)
        if (is_fixed_priority(vcpu.schedule) && urgency(vcpu.schedule) >= urgency(thread.schedule))
            able.push_back(&vcpu);
    if (thread.cpus.empty() || able.size() < thread.cpus.size()) return {};
    Matching matching{thread.cpus, able};
    if (!matching.complete()) return {};
    std::vector<const PlannedThread*> out;
    for (std::size_t i = 0; i < able.size(); ++i)
        if (matching.uses(i)) out.push_back(able[i]);
    return out;
}

}  // namespace qvm
