// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_thread.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <string>

#include "vcpu/placement.hpp"
#include "vmm/error.hpp"

namespace qvm {

using Action = UnsupportedActions::Action;

namespace {

/// Off only to measure what they cost.
constexpr bool kStatistics = QVM_STATISTICS != 0;

}  // namespace

int kick_signal() noexcept { return SIGRTMIN; }

void install_kick_handler() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    check("sigaction for the kick signal", ::sigaction(kick_signal(), &action, nullptr));
}

UnsupportedActions unsupported_actions(const VmConfig& config) noexcept {
    UnsupportedActions actions;
    for (const UnsupportedSpec& each : config.unsupported) {
        if (each.type == UnsupportedSpec::Type::Instruction) actions.instruction = each.action;
        if (each.type == UnsupportedSpec::Type::Reference) actions.reference = each.action;
        if (each.type == UnsupportedSpec::Type::Register) actions.reg = each.action;
    }
    return actions;
}

VcpuThread::VcpuThread(unsigned number, std::unique_ptr<Vcpu> vcpu, const CpuSpec& cpu, const VcpuWorld& world,
                       VcpuStats stats)
    : world_{world}, vcpu_{std::move(vcpu)}, stats_{stats} {
    std::promise<void> placed;
    auto done = placed.get_future();
    thread_ =
        std::thread{[this, number, &cpu, ready = std::move(placed)]() mutable { main(number, cpu, std::move(ready)); }};
    try {
        done.get();
    } catch (...) {
        thread_.join();
        throw;
    }
}

VcpuThread::~VcpuThread() {
    if (!thread_.joinable()) return;
    give(Order::Stop);
    vcpu_->kick();
    ::pthread_kill(thread_.native_handle(), kick_signal());
    thread_.join();
}

void VcpuThread::give(Order order) noexcept {
    const std::uint32_t pauses = order_.load() & ~kOrderBits;
    order_.store((pauses + (order == Order::Pause ? kNextPause : 0)) | static_cast<std::uint32_t>(order));
    order_.notify_one();
}

void VcpuThread::release() noexcept { give(Order::Run); }

void VcpuThread::pause() noexcept {
    give(Order::Pause);
    vcpu_->kick();
    ::pthread_kill(thread_.native_handle(), kick_signal());
}

void VcpuThread::wait_until_paused() const noexcept {
    const std::uint32_t wanted = order_.load();
    for (std::uint32_t answered = answered_.load(); answered != wanted && answered != kGone;
         answered = answered_.load())
        answered_.wait(answered);
}

void VcpuThread::main(unsigned number, const CpuSpec& cpu, std::promise<void> placed) {
    ::pthread_setname_np(::pthread_self(), fmt::format("vcpu/{}", number).c_str());
    try {
        place_thread(0, fmt::format("vcpu/{}", number), place_of(cpu),
                     world_.best_effort_sched ? &world_.log : nullptr);
    } catch (...) {
        placed.set_exception(std::current_exception());
        return;
    }
    placed.set_value();
    run();
    answered_.store(kGone);
    answered_.notify_all();
}

void VcpuThread::run() {
    for (;;) {
        const std::uint32_t order = order_.load();
        switch (static_cast<Order>(order & kOrderBits)) {
            case Order::Wait:
                order_.wait(order);
                break;
            case Order::Run:
                if (slumber() == Slumber::Asks)
                    order_.wait(order);
                else if (!step())
                    return;
                break;
            case Order::Pause:
                if (!park(order)) return;
                break;
            case Order::Stop:
                return;
        }
    }
}

/// The exits until somebody wants something else, or the guest does that others must grant. False once the guest has
/// come to its end.
bool VcpuThread::step() {
    bool idle = false;
    do {
        if (world_.control.ended() || !turn(idle)) return false;
        if (slumber() == Slumber::Asks) return true;
    } while ((order_.load(std::memory_order_relaxed) & kOrderBits) == static_cast<std::uint32_t>(Order::Run));
    return true;
}

/// One stay in the guest and what follows from its exit. `idle`: the exit left nothing half done.
bool VcpuThread::turn(bool& idle) {
    const Exit exit = vcpu_->run();
    const std::uint64_t begin = kStatistics ? world_.arch.ticks() : 0;
    handling_.store(begin, std::memory_order_relaxed);
    const Judgement judgement = dispatch(exit, world_.buses, world_.arch);
    const bool goes_on = judgement.next == Next::Run || judge(judgement, exit);
    if constexpr (kStatistics) stats_.add(exit.index(), judgement.device, begin, world_.arch.ticks(), judgement.where);
    handling_.store(0, std::memory_order_relaxed);
    idle = std::holds_alternative<Resume>(exit);
    return goes_on;
}

/// False once the guest has come to its end.
bool VcpuThread::park(std::uint32_t order) {
    vcpu_->kick();  // again: that of pause() may have been taken back at the end of the pause before
    // The last exit may have left an access half done; the kernel ends it when KVM_RUN begins. With the kick pending
    // nothing else is executed. A string access can bring more exits of its own first.
    for (bool idle = false; !idle;)
        if (world_.control.ended() || !turn(idle)) return false;
    answered_.store(order);
    answered_.notify_all();
    order_.wait(order);
    vcpu_->unkick();
    return true;
}

bool VcpuThread::judge(const Judgement& judgement, const Exit& exit) {
    switch (judgement.next) {
        case Next::Run:
            return true;
        case Next::PowerOff:
            return end(EndCause::PowerOff);
        case Next::Reset:
            return end(EndCause::Reset);
        case Next::TripleFault:
            // AMD processors have reset the vCPU by now, so what is left of its state may be that of a reset.
            return end(EndCause::TripleFault, Severity::Error,
                       "the guest caused a triple fault; what the processor left of its state:");
        case Next::HostError:
            return end(EndCause::HostError, Severity::Fatal, errno_text("KVM_RUN", std::get<RunFailed>(exit).error));
        case Next::Stuck: {
            const auto& stuck = std::get<Stuck>(exit);
            return end(EndCause::Unexpected, Severity::Fatal,
                       fmt::format("vCPU cannot go on: {} ({:#x})", stuck.reason, stuck.code));
        }
        case Next::UnsupportedReference:
            return unsupported(world_.unsupported.reference, Fault::Reference,
                               "an access that no device and no memory claims", judgement.where);
        case Next::UnsupportedInstruction:
            // An instruction that cannot be decoded cannot be skipped either: `ignore` is `fail`.
            return unsupported(world_.unsupported.instruction == Action::Abort ? Action::Abort : Action::Fail,
                               Fault::Instruction, "an instruction that KVM cannot execute", judgement.where);
        case Next::UnsupportedRegister:
            return unknown_register(std::get<UnknownRegister>(exit));
        case Next::Suspend:
            return ask_for_sleep();
        case Next::WakeUp:
            return wake_up();
    }
    return true;
}

bool VcpuThread::ask_for_sleep() noexcept {
    answer(Slumber::Asks);
    if (world_.slumber != nullptr) world_.slumber->signal();
    return true;
}

bool VcpuThread::wake_up() {
    if (!vcpu_->wake_up())
        return end(EndCause::HostError, Severity::Fatal, errno_text("the kernel does not let a vCPU wake up", errno));
    answer(Slumber::Awake);
    if (world_.slumber != nullptr) world_.slumber->signal();
    return true;
}

bool VcpuThread::unsupported(Action action, Fault fault, std::string_view what, std::uint64_t where) {
    switch (action) {
        case Action::Ignore:
            return true;
        case Action::Fail:
            if (vcpu_->raise(fault)) return true;
            return end(EndCause::Unexpected, Severity::Fatal,
                       fmt::format("vCPU cannot go on: the kernel takes no exception for {} ({:#x})", what, where));
        case Action::Abort:
            break;
    }
    return end(EndCause::UnsupportedAbort, Severity::Fatal, fmt::format("the guest made {} ({:#x})", what, where));
}

bool VcpuThread::unknown_register(const UnknownRegister& exit) {
    const Action action = world_.unsupported.reg;
    *exit.failed = action == Action::Ignore ? 0 : 1;
    if (action == Action::Ignore && !exit.write) *exit.value = 0;
    if (action != Action::Abort) return true;
    return end(
        EndCause::UnsupportedAbort, Severity::Fatal,
        fmt::format("the guest {} a register that does not exist ({:#x})", exit.write ? "wrote" : "read", exit.index));
}

/// Always false: the vCPU does not go on.
bool VcpuThread::end(EndCause cause) {
    world_.control.end(cause);
    return false;
}

bool VcpuThread::end(EndCause cause, Severity severity, const std::string& what) {
    world_.log.write(severity, what + '\n' + vcpu_->state());
    return end(cause);
}

}  // namespace qvm
