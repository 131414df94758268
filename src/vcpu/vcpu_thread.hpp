// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <exception>
#include <future>
#include <memory>
#include <thread>

#include "config/vm_config.hpp"
#include "vcpu/dispatch.hpp"
#include "vcpu/exit_stats.hpp"
#include "vcpu/vcpu.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// `unsupported`: what is done about each type (qvmconf specification 2.10).
struct UnsupportedActions {
    using Action = UnsupportedSpec::Action;
    Action instruction = Action::Fail;
    Action reference = Action::Ignore;
    Action reg = Action::Fail;
};
[[nodiscard]] UnsupportedActions unsupported_actions(const VmConfig& config) noexcept;

/// What every vCPU thread of a VM works with. All of it outlives the threads.
struct VcpuWorld {
    const Buses& buses;
    ArchExits& arch;
    VmControl& control;
    Log& log;
    UnsupportedActions unsupported{};
    bool best_effort_sched = false;    ///< a place that the host refuses is a warning
    const EventFd* slumber = nullptr;  ///< signalled when some vCPU's slumber() has changed by itself
};

/// The signal that brings a vCPU thread out of KVM_RUN. Its handler does nothing.
[[nodiscard]] int kick_signal() noexcept;
/// Installs that handler; once per process, before the first VcpuThread. Throws HostError.
void install_kick_handler();

/// One vCPU and its thread, named `vcpu/N`. Destruction stops it from any state and joins it.
class VcpuThread {
public:
    /// Starts the thread, puts it in its place and leaves it waiting. Throws what the placement threw.
    VcpuThread(unsigned number, std::unique_ptr<Vcpu> vcpu, const CpuSpec& cpu, const VcpuWorld& world,
               VcpuStats stats = {});
    ~VcpuThread();
    VcpuThread(const VcpuThread&) = delete;
    VcpuThread& operator=(const VcpuThread&) = delete;

    /// Lets guest code run: for the first time, or after a pause.
    void release() noexcept;
    /// Asks for a pause. Not on a vCPU thread, and by one caller at a time until release().
    void pause() noexcept;
    /// Until no guest code runs and no exit is half done, or until the thread is past its guest's end.
    void wait_until_paused() const noexcept;
    /// When the exit in hand began, in ticks; 0 while there is none. From any thread.
    [[nodiscard]] std::uint64_t handling_since() const noexcept { return handling_.load(std::memory_order_relaxed); }
    /// Its part in the system's sleep. One that asks executes nothing until it is answered.
    enum class Slumber : std::uint8_t { Awake, Asks, Sleeps };
    [[nodiscard]] Slumber slumber() const noexcept { return slumber_.load(std::memory_order_relaxed); }
    /// What it asked for, or more of its own life. By who has paused it, and before that ends.
    void answer(Slumber slumber) noexcept { slumber_.store(slumber, std::memory_order_relaxed); }
    /// The vCPU, for those who have paused it.
    [[nodiscard]] Vcpu& vcpu() const noexcept { return *vcpu_; }

private:
    /// What the thread is to do, in the lowest two bits; above them a number that each pause() raises, so that the
    /// thread cannot take a new pause for one that it has answered already.
    enum class Order : std::uint32_t { Wait = 0, Run = 1, Pause = 2, Stop = 3 };
    static constexpr std::uint32_t kOrderBits = 3;
    static constexpr std::uint32_t kNextPause = 4;
    static constexpr std::uint32_t kGone = UINT32_MAX;

    void main(unsigned number, const CpuSpec& cpu, std::promise<void> placed);
    void run();
    bool step();
    bool turn(bool& idle);
    bool park(std::uint32_t order);
    bool judge(const Judgement& judgement, const Exit& exit);
    bool unsupported(UnsupportedActions::Action action, Fault fault, std::string_view what, std::uint64_t where);
    bool ask_for_sleep() noexcept;
    bool wake_up();
    bool unknown_register(const UnknownRegister& exit);
    bool end(EndCause cause);
    bool end(EndCause cause, Severity severity, const std::string& what);
    void give(Order order) noexcept;

    VcpuWorld world_;
    std::unique_ptr<Vcpu> vcpu_;
    VcpuStats stats_;
    std::atomic<std::uint32_t> order_{static_cast<std::uint32_t>(Order::Wait)};
    std::atomic<std::uint32_t> answered_{0};  ///< the order of the last pause that the thread is in, or kGone
    std::atomic<std::uint64_t> handling_{0};
    std::atomic<Slumber> slumber_{Slumber::Awake};
    std::thread thread_;  // last: it uses everything above
};

}  // namespace qvm
