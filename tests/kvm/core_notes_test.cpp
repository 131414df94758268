// SPDX-License-Identifier: Apache-2.0
// What a dump says of a real vCPU: in its reset state (Intel SDM volume 3, table 10-1) and after changes.
#include <sys/procfs.h>
#include <sys/user.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "arch/x86/cpu_kvm.hpp"

namespace qvm::x86 {
namespace {

user_regs_struct registers_in(const CoreNote& note) {
    elf_prstatus status{};
    REQUIRE(note.bytes.size() == sizeof status);
    std::memcpy(&status, note.bytes.data(), sizeof status);
    user_regs_struct registers{};
    std::memcpy(&registers, &status.pr_reg, sizeof registers);
    return registers;
}

}  // namespace

TEST_CASE("the notes of a vCPU have its registers") {
    const Kvm kvm;
    const KvmVm vm{kvm};
    const KvmVcpuFd vcpu{kvm, vm, 0};
    const auto reset = core_notes(vcpu, 0);
    REQUIRE(reset.size() == 2);
    CHECK(registers_in(reset[0]).rip == 0xfff0);
    CHECK(registers_in(reset[0]).cs == 0xf000);
    kvm_regs regs{};
    vcpu.call("KVM_GET_REGS", KVM_GET_REGS, &regs);
    regs.r13 = 0x1234;
    vcpu.call("KVM_SET_REGS", KVM_SET_REGS, &regs);
    CHECK(registers_in(core_notes(vcpu, 0)[0]).r13 == 0x1234);
}

TEST_CASE("QEMU's note has what lies behind the selectors") {
    const Kvm kvm;
    const KvmVm vm{kvm};
    const KvmVcpuFd vcpu{kvm, vm, 0};
    const auto notes = core_notes(vcpu, 0);
    REQUIRE(notes.size() == 2);
    std::uint64_t cs_base = 0;
    std::memcpy(&cs_base, notes[1].bytes.data() + 8 + 18 * 8 + 16, sizeof cs_base);
    CHECK(cs_base == 0xffff0000);
}

}  // namespace qvm::x86
