// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/cpu_kvm.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>

#include "arch/arm64/layout.hpp"
#include "arch/arm64/psci.hpp"

namespace qvm::arm64 {
namespace {

// struct kvm_regs counts in words of 32 bits (Documentation/virt/kvm/api.rst, KVM_SET_ONE_REG).
constexpr std::uint64_t core_register(std::size_t offset) noexcept {
    return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / sizeof(std::uint32_t);
}
constexpr std::size_t kX0 = offsetof(kvm_regs, regs.regs);
constexpr std::size_t kSpEl0 = offsetof(kvm_regs, regs.sp);
constexpr std::size_t kPc = offsetof(kvm_regs, regs.pc);
constexpr std::size_t kPstate = offsetof(kvm_regs, regs.pstate);
constexpr std::size_t kSpEl1 = offsetof(kvm_regs, sp_el1);

bool get_register(const KvmVcpuFd& fd, std::size_t offset, std::uint64_t& value) noexcept {
    kvm_one_reg request{core_register(offset), reinterpret_cast<std::uint64_t>(&value)};
    return ::ioctl(fd.fd(), KVM_GET_ONE_REG, &request) == 0;
}

bool put_register(const KvmVcpuFd& fd, std::size_t offset, std::uint64_t value) noexcept {
    kvm_one_reg request{core_register(offset), reinterpret_cast<std::uint64_t>(&value)};
    return ::ioctl(fd.fd(), KVM_SET_ONE_REG, &request) == 0;
}

bool put_state(const KvmVcpuFd& fd, std::uint32_t state) noexcept {
    kvm_mp_state request{state};
    return ::ioctl(fd.fd(), KVM_SET_MP_STATE, &request) == 0;
}

kvm_vcpu_init preferred(const KvmVm& vm, unsigned number, const CpuFeatures& features) {
    kvm_vcpu_init init{};
    check("KVM_ARM_PREFERRED_TARGET", ::ioctl(vm.fd(), KVM_ARM_PREFERRED_TARGET, &init));
    const auto want = [&init](unsigned feature) { init.features[feature / 32] |= 1U << feature % 32; };
    want(KVM_ARM_VCPU_PSCI_0_2);
    if (number != 0) want(KVM_ARM_VCPU_POWER_OFF);
    if (features.pmu) want(KVM_ARM_VCPU_PMU_V3);
    if (features.sve) want(KVM_ARM_VCPU_SVE);
    if (features.pointer_authentication) {
        want(KVM_ARM_VCPU_PTRAUTH_ADDRESS);
        want(KVM_ARM_VCPU_PTRAUTH_GENERIC);
    }
    return init;
}

void set_vcpu_attribute(const KvmVcpuFd& fd, std::uint32_t group, std::uint64_t attribute, const void* value,
                        const char* what) {
    kvm_device_attr request{};
    request.group = group;
    request.attr = attribute;
    request.addr = reinterpret_cast<std::uint64_t>(value);
    fd.call(what, KVM_SET_DEVICE_ATTR, &request);
}

}  // namespace

CpuFeatures host_features(const KvmVm& vm) {
    return {.pmu = vm.extension(KVM_CAP_ARM_PMU_V3) != 0,
            .pointer_authentication =
                vm.extension(KVM_CAP_ARM_PTRAUTH_ADDRESS) != 0 && vm.extension(KVM_CAP_ARM_PTRAUTH_GENERIC) != 0,
            .sve = vm.extension(KVM_CAP_ARM_SVE) != 0};
}

Arm64Vcpu::Arm64Vcpu(const Kvm& kvm, const KvmVm& vm, unsigned number, const CpuFeatures& features,
                     const GuestMemory& memory)
    : KvmVcpu{kvm, vm, number}, number_{number}, memory_{memory}, reset_{preferred(vm, number, features)} {
    fd().call("KVM_ARM_VCPU_INIT", KVM_ARM_VCPU_INIT, &reset_);
    if (!features.sve) return;
    int feature = KVM_ARM_VCPU_SVE;
    fd().call("KVM_ARM_VCPU_FINALIZE", KVM_ARM_VCPU_FINALIZE, &feature);
}

void Arm64Vcpu::enter_at(const BootEntry& entry) {
    const bool set = put_register(fd(), kPc, entry.pc) && put_register(fd(), kX0, entry.x0);
    check("KVM_SET_ONE_REG", set ? 0 : -1);
}

void Arm64Vcpu::start_pmu() {
    const int id = static_cast<int>(Ppi::Pmu);
    set_vcpu_attribute(fd(), KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &id, "the PMU's interrupt");
    set_vcpu_attribute(fd(), KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, nullptr, "the start of the PMU");
}

void Arm64Vcpu::keep_stolen_time(std::uint64_t record) {
    set_vcpu_attribute(fd(), KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA, &record, "the record of stolen time");
}

/// Both kinds become an external abort, the exception of a bus that does not answer: the kernel drops the access that
/// it waits for, and the guest's handler finds the instruction that made it.
bool Arm64Vcpu::raise(Fault /*fault*/) noexcept {
    kvm_vcpu_events events{};
    events.exception.ext_dabt_pending = 1;
    return ::ioctl(fd().fd(), KVM_SET_VCPU_EVENTS, &events) == 0;
}

bool Arm64Vcpu::is_off() const noexcept {
    kvm_mp_state state{};
    return ::ioctl(fd().fd(), KVM_GET_MP_STATE, &state) == 0 && state.mp_state == KVM_MP_STATE_STOPPED;
}

/// The kernel has left all to this monitor (Documentation/virt/kvm/api.rst, KVM_SYSTEM_EVENT_SUSPEND).
Sleep Arm64Vcpu::sleep(bool alone) noexcept {
    CoreRegisters registers;
    if (!read(registers)) return Sleep::Failed;
    const auto verdict = judge_suspend({registers.x[0], registers.x[1], registers.x[2]}, alone, memory_);
    if (const auto* error = std::get_if<PsciError>(&verdict))
        return put_register(fd(), kX0, static_cast<std::uint64_t>(*error)) ? Sleep::Refused : Sleep::Failed;
    waking_ = std::get<BootEntry>(verdict);
    return put_state(fd(), KVM_MP_STATE_SUSPENDED) ? Sleep::Begun : Sleep::Failed;
}

/// Only now is it reset: until it woke up, its timer counted.
bool Arm64Vcpu::wake_up() noexcept {
    return ::ioctl(fd().fd(), KVM_ARM_VCPU_INIT, &reset_) == 0 && put_state(fd(), KVM_MP_STATE_RUNNABLE) &&
           put_register(fd(), kPc, waking_.pc) && put_register(fd(), kX0, waking_.x0);
}

bool Arm64Vcpu::read(CoreRegisters& registers) const noexcept {
    bool good = true;
    for (std::size_t i = 0; i < registers.x.size(); ++i)
        good = good && get_register(fd(), kX0 + i * sizeof(std::uint64_t), registers.x[i]);
    good = good && get_register(fd(), kPc, registers.pc) && get_register(fd(), kPstate, registers.pstate);
    return good && get_register(fd(), uses_own_stack(registers.pstate) ? kSpEl1 : kSpEl0, registers.sp);
}

std::vector<CoreNote> Arm64Vcpu::core_notes() {
    CoreRegisters registers;
    if (!read(registers)) return {};
    return {prstatus_note(registers, number_)};
}

std::string Arm64Vcpu::state() {
    CoreRegisters registers;
    if (!read(registers)) return errno_text(fmt::format("vCPU {}: its state cannot be read", number_), errno);
    return fmt::format("vCPU {} at ", number_) + describe(registers);
}

}  // namespace qvm::arm64
