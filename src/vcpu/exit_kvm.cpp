// SPDX-License-Identifier: Apache-2.0
#include "vcpu/exit_kvm.hpp"

#include <algorithm>

namespace qvm {
namespace {

Exit decode_io(kvm_run& run) noexcept {
    auto* const data = reinterpret_cast<std::byte*>(&run) + run.io.data_offset;
    const std::size_t bytes = std::size_t{run.io.size} * run.io.count;
    if (run.io.direction == KVM_EXIT_IO_IN) return PortIn{Port{run.io.port}, run.io.size, {data, bytes}};
    return PortOut{Port{run.io.port}, run.io.size, {data, bytes}};
}

Exit decode_mmio(kvm_run& run) noexcept {
    auto* const data = reinterpret_cast<std::byte*>(run.mmio.data);
    const std::size_t bytes = std::min<std::size_t>(run.mmio.len, sizeof run.mmio.data);
    if (run.mmio.is_write != 0) return MmioWrite{Gpa{run.mmio.phys_addr}, {data, bytes}};
    return MmioRead{Gpa{run.mmio.phys_addr}, {data, bytes}};
}

Exit decode_system_event(const kvm_run& run) noexcept {
    switch (run.system_event.type) {
        case KVM_SYSTEM_EVENT_SHUTDOWN:
            return SystemPowerOff{};
        case KVM_SYSTEM_EVENT_RESET:
            return SystemReset{};
        case KVM_SYSTEM_EVENT_SUSPEND:
            return SystemSuspend{};
        case KVM_SYSTEM_EVENT_WAKEUP:
            return SystemWakeUp{};
        default:
            return Stuck{"system event", run.system_event.type};
    }
}

std::string_view internal_error(std::uint32_t suberror) noexcept {
    switch (suberror) {
        case KVM_INTERNAL_ERROR_SIMUL_EX:
            return "KVM met an exception while it delivered another";
        case KVM_INTERNAL_ERROR_DELIVERY_EV:
            return "KVM left the guest while an event was being delivered";
        case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
            return "the processor left the guest for a reason KVM does not know";
        default:
            return "KVM internal error";
    }
}

Exit decode_register(kvm_run& run, bool write) noexcept {
    return UnknownRegister{run.msr.index, write, reinterpret_cast<std::uint64_t*>(&run.msr.data), &run.msr.error};
}

}  // namespace

Exit decode(kvm_run& run) noexcept {
    switch (run.exit_reason) {
        case KVM_EXIT_IO:
            return decode_io(run);
        case KVM_EXIT_MMIO:
            return decode_mmio(run);
        case KVM_EXIT_IOAPIC_EOI:
            return EndOfInterrupt{run.eoi.vector};
        case KVM_EXIT_SHUTDOWN:
            return TripleFault{};
        case KVM_EXIT_SYSTEM_EVENT:
            return decode_system_event(run);
        // With the local APIC in the kernel these carry no work; the vCPU simply goes on.
        case KVM_EXIT_INTR:
        case KVM_EXIT_HLT:
        case KVM_EXIT_NMI:
        case KVM_EXIT_IRQ_WINDOW_OPEN:
        case KVM_EXIT_SET_TPR:
        case KVM_EXIT_TPR_ACCESS:
        case KVM_EXIT_X86_BUS_LOCK:
            return Resume{};
        case KVM_EXIT_FAIL_ENTRY:
            return Stuck{"the processor refused the guest's state", run.fail_entry.hardware_entry_failure_reason};
        case KVM_EXIT_INTERNAL_ERROR:
            if (run.internal.suberror == KVM_INTERNAL_ERROR_EMULATION) return UnknownInstruction{};
            return Stuck{internal_error(run.internal.suberror), run.internal.suberror};
        case KVM_EXIT_UNKNOWN:
            return Stuck{"unknown hardware exit", run.hw.hardware_exit_reason};
        case KVM_EXIT_EXCEPTION:
            return Stuck{"unexpected exception exit", run.ex.exception};
        case KVM_EXIT_DEBUG:
            return Stuck{"unexpected debug exit", 0};
        case KVM_EXIT_ARM_NISV:
            return UnknownInstruction{run.arm_nisv.fault_ipa};
        case KVM_EXIT_HYPERCALL:
            return Hypercall{run.hypercall.nr, reinterpret_cast<std::uint64_t*>(&run.hypercall.ret)};
        case KVM_EXIT_X86_RDMSR:
            return decode_register(run, false);
        case KVM_EXIT_X86_WRMSR:
            return decode_register(run, true);
        default:
            return Stuck{"exit reason that qvm does not ask KVM for", run.exit_reason};
    }
}

}  // namespace qvm
