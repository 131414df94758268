// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/cpuid.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace qvm::x86;

namespace {

using List = std::vector<CpuidEntry>;

/// As KVM answers on an Intel host, as far as it matters here.
List intel() {
    return {{.function = 0, .eax = 0x1f, .ebx = 0x756e'6547, .ecx = 0x6c65'746e, .edx = 0x4965'6e69},
            {.function = 1, .ebx = 0x0710'0800, .ecx = 0x8120'0008, .edx = 0x1000'0001},
            {.function = 4, .index = 0, .flags = 1, .eax = 0x1c00'4121},  // L1, shared by two threads
            {.function = 4, .index = 3, .flags = 1, .eax = 0x1c03'c163},  // L3
            {.function = 4, .index = 4, .flags = 1, .eax = 0},
            {.function = 5, .eax = 64},
            {.function = 6, .eax = 0},
            {.function = 0xa, .eax = 0x0730'0402},
            {.function = 0xb, .index = 0, .flags = 1, .edx = 7},
            {.function = 0x1f, .index = 0, .flags = 1, .edx = 7},
            {.function = 0x4000'0000, .eax = 0x4000'0001, .ebx = 0x4b4d'564b, .ecx = 0x564b'4d56, .edx = 0x4d},
            {.function = 0x4000'0001, .eax = 0x0100'7efb},
            {.function = 0x8000'0000, .eax = 0x8000'0008},
            {.function = 0x8000'0001, .ecx = 0x121},
            {.function = 0x8000'0008, .eax = 0x3027}};
}

List amd() {
    return {{.function = 0, .eax = 0xd, .ebx = 0x6874'7541, .ecx = 0x444d'4163, .edx = 0x6974'6e65},
            {.function = 1, .ebx = 0x0010'0800},
            {.function = 0x8000'0000, .eax = 0x8000'0026},
            {.function = 0x8000'0001, .ecx = 1U << 22 | 1U << 29 | 1U << 1},
            {.function = 0x8000'0008, .eax = 0x3030, .ecx = 0x703f},
            {.function = 0x8000'001d, .index = 0, .flags = 1, .eax = 0x0000'4121},
            {.function = 0x8000'001d, .index = 3, .flags = 1, .eax = 0x0003'c163},
            {.function = 0x8000'001e, .eax = 7, .ebx = 0x103, .ecx = 0x301},
            {.function = 0x8000'0026, .index = 0, .flags = 1, .eax = 1, .edx = 7}};
}

CpuidEntry find(const List& list, std::uint32_t function, std::uint32_t index = 0) {
    const auto matches = [&](const CpuidEntry& e) { return e.function == function && e.index == index; };
    INFO("leaf " << std::hex << function << " index " << index);
    CHECK(std::count_if(list.begin(), list.end(), matches) == 1);
    const auto found = std::find_if(list.begin(), list.end(), matches);
    return found == list.end() ? CpuidEntry{} : *found;
}

bool has(const List& list, std::uint32_t function) {
    return std::any_of(list.begin(), list.end(), [&](const CpuidEntry& e) { return e.function == function; });
}

}  // namespace

TEST_CASE("leaf 1 has the vCPU's APIC id, the number of processors, and HTT when there are several") {
    const List list = make_cpuid(intel(), {.apic_id = 2, .cpus = 3});
    CHECK(find(list, 1).ebx == 0x0204'0800);  // ids for three need two bits
    CHECK((find(list, 1).edx & 1U << 28) != 0);
    CHECK(find(make_cpuid(amd(), {.apic_id = 2, .cpus = 3}), 1).ebx == 0x0203'0800);
    const List one = make_cpuid(intel(), {});
    CHECK(find(one, 1).ebx == 0x0001'0800);
    CHECK((find(one, 1).edx & 1U << 28) == 0);
}

TEST_CASE("leaf 1 has the hypervisor bit, keeps x2APIC, and TSC-deadline as asked") {
    constexpr std::uint32_t kX2apic = 1U << 21;
    constexpr std::uint32_t kTscDeadline = 1U << 24;
    constexpr std::uint32_t kHypervisor = 1U << 31;
    const auto ecx = [](bool deadline) { return find(make_cpuid(intel(), {.tsc_deadline = deadline}), 1).ecx; };
    CHECK((ecx(true) & (kX2apic | kTscDeadline | kHypervisor)) == (kX2apic | kTscDeadline | kHypervisor));
    CHECK((ecx(false) & (kX2apic | kTscDeadline | kHypervisor)) == (kX2apic | kHypervisor));
}

TEST_CASE("MONITOR is hidden unless the guest may wait with it") {
    const List hidden = make_cpuid(intel(), {});
    CHECK((find(hidden, 1).ecx & 1U << 3) == 0);
    CHECK_FALSE(has(hidden, 5));
    const List shown = make_cpuid(intel(), {.mwait = true});
    CHECK((find(shown, 1).ecx & 1U << 3) != 0);
    CHECK(find(shown, 5).eax == 64);
    CHECK((find(make_cpuid(amd(), {}), 0x8000'0001).ecx & 1U << 29) == 0);  // MWAITX
}

TEST_CASE("the APIC timer always runs (ARAT), and the PMU is as KVM gives it") {
    CHECK(find(make_cpuid(intel(), {}), 6).eax == 4);
    CHECK(find(make_cpuid(amd(), {}), 6).eax == 4);  // added
    CHECK(find(make_cpuid(intel(), {}), 0xa).eax == 0x0730'0402);
    CHECK_FALSE(has(make_cpuid(amd(), {}), 0xa));
}

TEST_CASE("leaf 4 shares the last cache among all cores and no other") {
    const List list = make_cpuid(intel(), {.cpus = 4});
    CHECK(find(list, 4, 0).eax == 0x0c00'0121);
    CHECK(find(list, 4, 3).eax == 0x0c00'c163);
    CHECK(find(list, 4, 4).eax == 0);
    CHECK(find(make_cpuid(intel(), {}), 4, 3).eax == 0x163);
    CHECK(find(make_cpuid(intel(), {.cpus = 200}), 4, 3).eax >> 26 == 63);
}

TEST_CASE("leaves 0xB and 0x1F tell one thread in a core, all cores in one socket, and the x2APIC id") {
    const List list = make_cpuid(intel(), {.apic_id = 4, .cpus = 6});
    for (const std::uint32_t leaf : {0xbU, 0x1fU}) {
        CHECK(find(list, leaf, 0) ==
              CpuidEntry{.function = leaf, .index = 0, .flags = 1, .eax = 0, .ebx = 1, .ecx = 0x100, .edx = 4});
        CHECK(find(list, leaf, 1) ==
              CpuidEntry{.function = leaf, .index = 1, .flags = 1, .eax = 3, .ebx = 6, .ecx = 0x201, .edx = 4});
        CHECK(find(list, leaf, 2) == CpuidEntry{.function = leaf, .index = 2, .flags = 1, .ecx = 2, .edx = 4});
    }
}

TEST_CASE("leaf 0xB is added where there is none, 0x1F is not, and the limit lets guests see it") {
    List old = intel();
    std::erase_if(old,
                  [](const CpuidEntry& e) { return e.function == 0xb || e.function == 0x1f || e.function == 0xa; });
    old[0].eax = 5;
    const List list = make_cpuid(old, {.cpus = 2});
    CHECK(find(list, 0xb, 1).ebx == 2);
    CHECK_FALSE(has(list, 0x1f));
    CHECK(find(list, 0).eax == 0xb);
    CHECK(find(make_cpuid(amd(), {}), 0).eax == 0xd);
}

TEST_CASE("AMD's own leaves tell the same topology") {
    const List list = make_cpuid(amd(), {.apic_id = 3, .cpus = 6});
    CHECK(find(list, 0x8000'0008).ecx == 0x3005);
    CHECK((find(list, 0x8000'0001).ecx & 2) == 2);
    CHECK(find(list, 0x8000'001d, 0).eax == 0x121);
    CHECK(find(list, 0x8000'001d, 3).eax == 0x0001'4163);
    CHECK(find(list, 0x8000'001e) == CpuidEntry{.function = 0x8000'001e, .eax = 3, .ebx = 3});
    CHECK_FALSE(has(list, 0x8000'0026));
    const List one = make_cpuid(amd(), {});
    CHECK(find(one, 0x8000'0008).ecx == 0);
    CHECK((find(one, 0x8000'0001).ecx & 2) == 0);
}

TEST_CASE("leaf 0x8000001E is added when TopologyExtensions promise it") {
    List list = amd();
    std::erase_if(list, [](const CpuidEntry& e) { return e.function >= 0x8000'001d; });
    list[2].eax = 0x8000'0008;
    list = make_cpuid(list, {.apic_id = 1, .cpus = 2});
    CHECK(find(list, 0x8000'001e).eax == 1);
    CHECK(find(list, 0x8000'0000).eax == 0x8000'001e);
}

TEST_CASE("Intel guests get no AMD leaves") {
    const List list = make_cpuid(intel(), {.cpus = 4});
    CHECK(find(list, 0x8000'0008).ecx == 0);
    CHECK_FALSE(has(list, 0x8000'001e));
}

TEST_CASE("KVM says its name, and what it offers stays") {
    const List list = make_cpuid(intel(), {});
    CHECK(find(list, 0x4000'0000).ebx == 0x4b4d'564b);
    CHECK(find(list, 0x4000'0001).eax == 0x0100'7efb);
    const CpuidEntry added = find(make_cpuid(amd(), {}), 0x4000'0000);
    CHECK(added.eax == 0x4000'0001);
    CHECK(added.ebx == 0x4b4d'564b);
}

TEST_CASE("any list of leaves can be corrected, even none") {
    for (const std::uint32_t cpus : {1U, 2U, 255U, 256U, 1024U}) {
        CHECK(find(make_cpuid({}, {.apic_id = cpus - 1, .cpus = cpus}), 0xb, 1).ebx == cpus);
        CHECK((find(make_cpuid({}, {.apic_id = cpus - 1, .cpus = cpus}), 1).ebx >> 24) == ((cpus - 1) & 0xff));
    }
}
