// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/cpuid.hpp"

#include <algorithm>
#include <bit>

namespace qvm::x86 {
namespace {

// Leaf 1.
constexpr std::uint32_t kEcxMonitor = 1U << 3;
constexpr std::uint32_t kEcxTscDeadline = 1U << 24;
constexpr std::uint32_t kEcxHypervisor = 1U << 31;
constexpr std::uint32_t kEdxHtt = 1U << 28;
// Leaf 6.
constexpr std::uint32_t kEaxArat = 1U << 2;
// Leaf 0x80000001, AMD.
constexpr std::uint32_t kEcxCmpLegacy = 1U << 1;
constexpr std::uint32_t kEcxTopoExt = 1U << 22;
constexpr std::uint32_t kEcxMwaitx = 1U << 29;
// Level types of leaves 0xB and 0x1F, in ECX[15:8].
constexpr std::uint32_t kLevelSmt = 1U << 8;
constexpr std::uint32_t kLevelCore = 2U << 8;

constexpr std::uint32_t kBasic = 0;
constexpr std::uint32_t kKvm = 0x4000'0000;
constexpr std::uint32_t kExtended = 0x8000'0000;

constexpr std::uint32_t bits(std::uint32_t value, unsigned high, unsigned low, std::uint32_t field) {
    const std::uint32_t mask = (UINT32_MAX >> (31 - (high - low))) << low;
    return (value & ~mask) | (field << low & mask);
}

class Cpuid {
public:
    Cpuid(std::span<const CpuidEntry> supported, const CpuidRequest& request)
        : request_{request}, list_{supported.begin(), supported.end()} {
        const CpuidEntry vendor = at(kBasic);
        const auto is = [&](std::uint32_t ebx, std::uint32_t edx, std::uint32_t ecx) {
            return vendor.ebx == ebx && vendor.edx == edx && vendor.ecx == ecx;
        };
        amd_ = is(0x6874'7541, 0x6974'6e65, 0x444d'4163)      // AuthenticAMD
               || is(0x6f67'7948, 0x6e65'4765, 0x656e'6975);  // HygonGenuine
    }

    std::vector<CpuidEntry> corrected() {
        correct_features();
        correct_monitor();
        entry(6).eax |= kEaxArat;  // KVM's local APIC timer never stops
        correct_intel_caches();
        const bool has_v2 = has(0x1f);
        write_topology(0xb);
        if (has_v2) write_topology(0x1f);
        if (amd_) correct_amd();
        correct_signature();
        raise_limit(kBasic, 0x3fff'ffff);
        raise_limit(kExtended, 0xbfff'ffff);
        return std::move(list_);
    }

private:
    /// APIC ids are numbered through; so many bits tell the cores of the one socket apart.
    [[nodiscard]] unsigned core_bits() const { return static_cast<unsigned>(std::bit_width(request_.cpus - 1)); }
    [[nodiscard]] bool has(std::uint32_t function) const {
        return std::any_of(list_.begin(), list_.end(), [&](const CpuidEntry& e) { return e.function == function; });
    }

    [[nodiscard]] CpuidEntry at(std::uint32_t function) const {
        const auto found =
            std::find_if(list_.begin(), list_.end(), [&](const CpuidEntry& e) { return e.function == function; });
        return found == list_.end() ? CpuidEntry{.function = function} : *found;
    }

    /// The first entry of the leaf; a new one, all zero, if there is none.
    CpuidEntry& entry(std::uint32_t function) {
        const auto found =
            std::find_if(list_.begin(), list_.end(), [&](const CpuidEntry& e) { return e.function == function; });
        if (found != list_.end()) return *found;
        return list_.emplace_back(CpuidEntry{.function = function});
    }

    void erase(std::uint32_t function) {
        std::erase_if(list_, [&](const CpuidEntry& e) { return e.function == function; });
    }

    void correct_features() {
        CpuidEntry& leaf = entry(1);
        // Intel counts the ids that the socket could have, AMD the processors that it has.
        const std::uint32_t count = amd_ ? request_.cpus : 1U << core_bits();
        leaf.ebx = bits(leaf.ebx, 31, 24, request_.apic_id);
        leaf.ebx = bits(leaf.ebx, 23, 16, std::min(count, 255U));
        leaf.edx = request_.cpus > 1 ? leaf.edx | kEdxHtt : leaf.edx & ~kEdxHtt;
        leaf.ecx |= kEcxHypervisor;
        leaf.ecx = request_.tsc_deadline ? leaf.ecx | kEcxTscDeadline : leaf.ecx & ~kEcxTscDeadline;
    }

    void correct_monitor() {
        if (request_.mwait) return;
        entry(1).ecx &= ~kEcxMonitor;
        erase(5);
        if (has(kExtended + 1)) entry(kExtended + 1).ecx &= ~kEcxMwaitx;
    }

    /// Leaf 4: what shares each cache, and how many cores there may be.
    void correct_intel_caches() {
        if (amd_) return;
        const std::uint32_t ids = (1U << core_bits()) - 1;
        for (CpuidEntry& leaf : list_) {
            if (leaf.function != 4 || (leaf.eax & 0x1f) == 0) continue;
            const std::uint32_t level = leaf.eax >> 5 & 7;
            leaf.eax = bits(leaf.eax, 25, 14, level >= 3 ? ids : 0);
            leaf.eax = bits(leaf.eax, 31, 26, std::min(ids, 63U));
        }
    }

    /// Leaves 0xB and 0x1F: one thread in a core, all cores in a socket, and the end of the list.
    void write_topology(std::uint32_t function) {
        erase(function);
        const auto add = [&](std::uint32_t index, std::uint32_t shift, std::uint32_t count, std::uint32_t type) {
            list_.push_back({.function = function,
                             .index = index,
                             .flags = kSignificantIndex,
                             .eax = shift,
                             .ebx = count,
                             .ecx = type | index,
                             .edx = request_.apic_id});
        };
        add(0, 0, 1, kLevelSmt);
        add(1, core_bits(), request_.cpus, kLevelCore);
        add(2, 0, 0, 0);
    }

    void correct_amd() {
        if (!has(kExtended)) return;
        CpuidEntry& features = entry(kExtended + 1);
        features.ecx = request_.cpus > 1 ? features.ecx | kEcxCmpLegacy : features.ecx & ~kEcxCmpLegacy;
        const bool extended_topology = features.ecx & kEcxTopoExt;

        CpuidEntry& sizes = entry(kExtended + 8);
        sizes.ecx = bits(sizes.ecx, 7, 0, std::min(request_.cpus - 1, 255U));  // NC
        sizes.ecx = bits(sizes.ecx, 15, 12, core_bits());                      // ApicIdSize
        correct_amd_caches();
        if (extended_topology) write_amd_topology();
        // It tells the host's topology; without it guests use leaf 0xB.
        if (has(kExtended + 0x26)) erase(kExtended + 0x26);
    }

    /// Leaf 0x8000001D: the last level is shared by all, the others by none.
    void correct_amd_caches() {
        for (CpuidEntry& leaf : list_) {
            if (leaf.function != kExtended + 0x1d || (leaf.eax & 0x1f) == 0) continue;
            const std::uint32_t level = leaf.eax >> 5 & 7;
            leaf.eax = bits(leaf.eax, 25, 14, level >= 3 ? request_.cpus - 1 : 0);
        }
    }

    /// Leaf 0x8000001E: extended APIC id; core id, one thread per core; node 0 of one.
    void write_amd_topology() {
        CpuidEntry& leaf = entry(kExtended + 0x1e);
        leaf.eax = request_.apic_id;
        leaf.ebx = request_.apic_id & 0xff;
        leaf.ecx = 0;
        leaf.edx = 0;
    }

    /// Guests look for KVM by its name; what it offers is in leaf 0x40000001, which stays as KVM gave it.
    void correct_signature() {
        CpuidEntry& leaf = entry(kKvm);
        leaf.eax = std::max(leaf.eax, kKvm + 1);
        leaf.ebx = 0x4b4d'564b;  // KVMK
        leaf.ecx = 0x564b'4d56;  // VMKV
        leaf.edx = 0x4d;         // M
    }

    /// The highest leaf of a range must not hide one that is there.
    void raise_limit(std::uint32_t base, std::uint32_t last) {
        if (!has(base)) return;
        std::uint32_t highest = entry(base).eax;
        for (const CpuidEntry& leaf : list_)
            if (leaf.function >= base && leaf.function <= last) highest = std::max(highest, leaf.function);
        entry(base).eax = highest;
    }

    CpuidRequest request_;
    std::vector<CpuidEntry> list_;
    bool amd_ = false;
};

}  // namespace

std::vector<CpuidEntry> make_cpuid(std::span<const CpuidEntry> supported, const CpuidRequest& request) {
    return Cpuid{supported, request}.corrected();
}

}  // namespace qvm::x86
