// SPDX-License-Identifier: Apache-2.0
// What CPUID says in each vCPU: KVM_GET_SUPPORTED_CPUID's answer, corrected for this VM's topology (one socket, one
// thread per core; the APIC id is the vCPU's number). Leaves: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E;
// Linux Documentation/virt/kvm/x86/cpuid.rst.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qvm::x86 {

/// Field by field as struct kvm_cpuid_entry2.
struct CpuidEntry {
    std::uint32_t function = 0;
    std::uint32_t index = 0;
    std::uint32_t flags = 0;
    std::uint32_t eax = 0;
    std::uint32_t ebx = 0;
    std::uint32_t ecx = 0;
    std::uint32_t edx = 0;
    bool operator==(const CpuidEntry&) const = default;
};

/// KVM_CPUID_FLAG_SIGNIFCANT_INDEX: the entry answers for its index alone.
inline constexpr std::uint32_t kSignificantIndex = 1;

struct CpuidRequest {
    std::uint32_t apic_id = 0;
    std::uint32_t cpus = 1;
    bool tsc_deadline = false;  ///< KVM_CAP_TSC_DEADLINE_TIMER
    bool mwait = false;         ///< the guest may execute MWAIT (KVM_CAP_X86_DISABLE_EXITS)
};

[[nodiscard]] std::vector<CpuidEntry> make_cpuid(std::span<const CpuidEntry> supported, const CpuidRequest& request);

}  // namespace qvm::x86
