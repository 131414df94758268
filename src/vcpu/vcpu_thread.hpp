// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <exception>
#include <future>
#include <memory>
#include <thread>

#include "config/vm_config.hpp"
#include "vcpu/dispatch.hpp"
#include "vcpu/vcpu.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What every vCPU thread of a VM works with. All of it outlives the threads.
struct VcpuWorld {
    const Buses& buses;
    ArchExits& arch;
    VmControl& control;
    Log& log;
    bool best_effort_sched = false;  ///< a place that the host refuses is a warning
};

/// The signal that brings a vCPU thread out of KVM_RUN. Its handler does nothing.
[[nodiscard]] int kick_signal() noexcept;
/// Installs that handler; once per process, before the first VcpuThread. Throws HostError.
void install_kick_handler();

/// One vCPU and its thread, named `vcpu/N`. Destruction stops it from any state and joins it.
class VcpuThread {
public:
    /// Starts the thread, puts it in its place and leaves it waiting. Throws what the placement threw.
    VcpuThread(unsigned number, std::unique_ptr<Vcpu> vcpu, const CpuSpec& cpu, const VcpuWorld& world);
    ~VcpuThread();
    VcpuThread(const VcpuThread&) = delete;
    VcpuThread& operator=(const VcpuThread&) = delete;

    /// Lets guest code run.
    void release() noexcept;

private:
    enum class Gate : int { Closed, Open, Stopped };

    void main(unsigned number, const CpuSpec& cpu, std::promise<void> placed);
    void run();
    void finish(Next next, const Exit& exit);

    VcpuWorld world_;
    std::unique_ptr<Vcpu> vcpu_;
    std::atomic<Gate> gate_{Gate::Closed};
    std::thread thread_;  // last: it uses everything above
};

}  // namespace qvm
