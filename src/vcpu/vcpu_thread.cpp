// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_thread.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>

#include "vcpu/placement.hpp"
#include "vmm/error.hpp"

namespace qvm {

int kick_signal() noexcept { return SIGRTMIN; }

void install_kick_handler() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    check("sigaction for the kick signal", ::sigaction(kick_signal(), &action, nullptr));
}

VcpuThread::VcpuThread(unsigned number, std::unique_ptr<Vcpu> vcpu, const CpuSpec& cpu, const VcpuWorld& world)
    : world_{world}, vcpu_{std::move(vcpu)} {
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
    gate_.store(Gate::Stopped);
    gate_.notify_one();
    vcpu_->kick();
    ::pthread_kill(thread_.native_handle(), kick_signal());
    thread_.join();
}

void VcpuThread::release() noexcept {
    gate_.store(Gate::Open);
    gate_.notify_one();
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
    gate_.wait(Gate::Closed);
    run();
}

void VcpuThread::run() {
    while (gate_.load(std::memory_order_relaxed) == Gate::Open && !world_.control.ended()) {
        const Exit exit = vcpu_->run();
        const Next next = dispatch(exit, world_.buses, world_.arch);
        if (next != Next::Run) return finish(next, exit);
    }
}

void VcpuThread::finish(Next next, const Exit& exit) {
    switch (next) {
        case Next::Run:
            return;
        case Next::PowerOff:
            return world_.control.end(EndCause::PowerOff);
        case Next::Reset:
            return world_.control.end(EndCause::Reset);
        case Next::TripleFault:
            // AMD processors have reset the vCPU by now, so what is left of its state may be that of a reset.
            world_.log.error("the guest caused a triple fault; what the processor left of its state:\n" +
                             vcpu_->state());
            return world_.control.end(EndCause::TripleFault);
        case Next::HostError:
            world_.log.write(Severity::Fatal,
                             errno_text("KVM_RUN", std::get<RunFailed>(exit).error) + '\n' + vcpu_->state());
            return world_.control.end(EndCause::HostError);
        case Next::Stuck: {
            const auto& stuck = std::get<Stuck>(exit);
            world_.log.write(Severity::Fatal, fmt::format("vCPU cannot go on: {} ({:#x})\n{}", stuck.reason, stuck.code,
                                                          vcpu_->state()));
            return world_.control.end(EndCause::Unexpected);
        }
    }
}

}  // namespace qvm
