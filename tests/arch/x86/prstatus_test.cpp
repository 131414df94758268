// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/prstatus.hpp"

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <catch2/catch.hpp>
#include <cstring>

using namespace qvm::x86;

namespace {

CoreRegisters numbered() {
    CoreRegisters r{.rax = 1, .rbx = 2, .rcx = 3, .rdx = 4, .rsi = 5, .rdi = 6, .rsp = 7, .rbp = 8};
    r.r8 = 9;
    r.r15 = 16;
    r.rip = 0xffffffff81000000;
    r.rflags = 0x202;
    r.cs = {.base = 0,
            .limit = 0xffffffff,
            .selector = 0x10,
            .type = 0xb,
            .present = true,
            .s = true,
            .l = true,
            .g = true};
    r.ss.selector = 0x18;
    r.gs.base = 0x1234;
    r.cr3 = 0x5000;
    r.idt_base = 0x7000;
    r.idt_limit = 0xfff;
    r.kernel_gs_base = 77;
    return r;
}

template <typename T>
T at(const std::vector<std::byte>& bytes, std::size_t offset) {
    T value;
    REQUIRE(offset + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

}  // namespace

TEST_CASE("NT_PRSTATUS is what the C library calls elf_prstatus") {
    const auto note = prstatus_note(numbered(), 3);
    CHECK(note.name == "CORE");
    CHECK(note.type == NT_PRSTATUS);
    REQUIRE(note.bytes.size() == sizeof(elf_prstatus));
    const auto status = at<elf_prstatus>(note.bytes, 0);
    CHECK(status.pr_pid == 4);
    CHECK(status.pr_cursig == 0);
    user_regs_struct r{};
    static_assert(sizeof r == sizeof status.pr_reg);
    std::memcpy(&r, &status.pr_reg, sizeof r);
    CHECK(r.rax == 1);
    CHECK(r.rbx == 2);
    CHECK(r.rcx == 3);
    CHECK(r.rdx == 4);
    CHECK(r.rsi == 5);
    CHECK(r.rdi == 6);
    CHECK(r.rsp == 7);
    CHECK(r.rbp == 8);
    CHECK(r.r8 == 9);
    CHECK(r.r15 == 16);
    CHECK(r.rip == 0xffffffff81000000);
    CHECK(r.eflags == 0x202);
    CHECK(r.cs == 0x10);
    CHECK(r.ss == 0x18);
    CHECK(r.gs_base == 0x1234);
}

TEST_CASE("QEMU's note has the segments as descriptors have them, and the control registers") {
    const auto note = qemu_note(numbered());
    CHECK(note.name == "QEMU");
    CHECK(note.type == 0);
    CHECK(at<std::uint32_t>(note.bytes, 0) == 1);
    CHECK(at<std::uint32_t>(note.bytes, 4) == note.bytes.size());
    constexpr std::size_t kCs = 8 + 18 * 8;
    CHECK(at<std::uint32_t>(note.bytes, kCs) == 0x10);
    CHECK(at<std::uint32_t>(note.bytes, kCs + 8) == 0xa09b00);
    constexpr std::size_t kIdt = kCs + 9 * 24;
    CHECK(at<std::uint64_t>(note.bytes, kIdt + 16) == 0x7000);
    constexpr std::size_t kCr3 = kCs + 10 * 24 + 3 * 8;
    CHECK(at<std::uint64_t>(note.bytes, kCr3) == 0x5000);
    CHECK(at<std::uint64_t>(note.bytes, kCr3 + 16) == 77);
}
