// SPDX-License-Identifier: Apache-2.0
// What the bare guests see of the board, and how they end. Each guest prints; the judgement is here.
#include <catch2/catch.hpp>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kEndedWell{0};

/// Where KVM is itself paravirtual, it ends each interrupt itself while delivering it; then "before EOI" does not
/// exist.
bool eoi_is_the_guests(const Outcome& ended) {
    const bool real = ended.value("in_service") == 1;
    if (!real) WARN("not proven: this KVM ends interrupts itself, so nothing can be said about the time before EOI");
    return real;
}

std::string elf(std::string_view name) { return guest_file(std::string{name} + ".elf"); }

}  // namespace

TEST_CASE("port accesses of 1, 2 and 4 bytes reach the UART, and all ones answer where nobody does") {
    const auto ended = run_guest("port_io");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("byte=0000005a"));
    CHECK(ended.says("word=000000a7"));
    CHECK(ended.says("word_then_byte=000000a7"));
    CHECK(ended.says("dword=0000003c"));
    CHECK(ended.says("dword_then_byte=0000003c"));
    CHECK(ended.says("unclaimed_byte=000000ff"));
    CHECK(ended.says("unclaimed_word=0000ffff"));
    CHECK(ended.says("unclaimed_dword=ffffffff"));
}

TEST_CASE("string I/O moves every byte") {
    const auto ended = run_guest("port_io");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.says("by string I/O"));
    CHECK(ended.says("outsb_left=00000000"));
    CHECK(ended.says("insb_first=96969696"));
    CHECK(ended.says("insb_last=96969696"));
    CHECK(ended.says("insb_beyond=00000000"));
}

TEST_CASE("memory-mapped reads of every width are all ones where nobody answers") {
    const auto ended = run_guest("mmio");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("byte=000000ff"));
    CHECK(ended.says("word=0000ffff"));
    CHECK(ended.says("dword=ffffffff"));
    CHECK(ended.says("string_first=ffffffff"));
    CHECK(ended.says("string_last=ffffffff"));
    CHECK(ended.says("movzx=000000ff"));
    CHECK(ended.says("qword_low=ffffffff"));
    CHECK(ended.says("qword_high=ffffffff"));
}

TEST_CASE("the implicit IOAPIC has 24 pins") {
    const auto ended = run_guest("mmio");
    CAPTURE(ended.out, ended.err);
    CHECK((ended.value("ioapic_version") >> 16 & 0xff) == 23);
}

TEST_CASE("an IOAPIC at another place answers there") {
    const auto ended = run_text("ram 64M\ncpu\nload " + elf("mmio") +
                                "\ncmdline \"x\"\nvdev ioapic loc 0xf8000000 intr apic name myioapic\nvdev ser8250\n  "
                                "hostdev -\n  intr myioapic:4\n");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("ioapic_version=ffffffff"));
}

TEST_CASE("an edge is delivered once, and not at all while its pin is masked") {
    const auto ended = run_guest("ioapic_edge");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("four_events=00000004"));
    CHECK(ended.says("line_kept_high=00000001"));
    CHECK(ended.says("while_masked=00000000"));
    CHECK(ended.says("after_unmasking=00000000"));
    CHECK(ended.says("next_event=00000001"));
}

TEST_CASE("a level is delivered again after each EOI while the line is high, and not before") {
    const auto ended = run_guest("ioapic_level");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.value("entries") >= 3);
    CHECK(ended.says("remote_irr_at_rest=00000000"));
    CHECK(ended.says("while_masked=00000000"));
    CHECK(ended.value("after_unmasking") >= 1);
    if (!eoi_is_the_guests(ended)) return;
    CHECK(ended.says("entries=00000003"));
    CHECK(ended.says("remote_irr_before_eoi=00000001"));
    CHECK(ended.says("pending_before_eoi=00000000"));
    CHECK(ended.says("after_unmasking=00000001"));
}

TEST_CASE("a byte from the host wakes a halted processor") {
    const TempDir dir;
    Child qvm{qvm_command(dir, config_text({.kernel = elf("hlt_irq")}))};
    qvm.wait_for("ready\n");
    qvm.send("A");
    const auto ended = outcome(qvm);
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("got=00000041"));
}

TEST_CASE("INIT and SIPI start all other processors") {
    const auto cpus = GENERATE(1U, 2U, 4U, 16U);
    const auto ended = run_text(config_text({.kernel = elf("smp"), .cmdline = std::to_string(cpus), .cpus = cpus}));
    CAPTURE(cpus, ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.value("boot_id") == 0);
    CHECK(ended.value("processors") == cpus);
    for (unsigned id = 1; id < cpus; ++id) CHECK(ended.says(std::string{"id=0000000"} + "0123456789abcdef"[id]));
}

TEST_CASE("a write to rom changes nothing and the guest goes on") {
    const TempDir dir;
    const auto image = dir.write("image", std::string("QVMROM..").append(4088, '\x55'));
    const auto ended = run_text(config_text({.kernel = elf("rom_write"),
                                             .cmdline = "983040",
                                             .ram = "ram 0xa0000\nrom 0xf0000,0x10000\nram 1M,63M\n",
                                             .more = "data load 0xf0000," + image + "\n"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("before=524d5651"));
    CHECK(ended.says("after=524d5651"));
    CHECK(ended.says("unchanged"));
}

TEST_CASE("a register that no processor has gives the guest #GP") {
    const auto ended = run_guest("unknown_msr");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("error_code=00000000"));
    CHECK(ended.says("faults=00000002"));
}

TEST_CASE("a bzImage is entered as the 64-bit boot protocol says") {
    const TempDir dir;
    const auto initrd = dir.write("initrd", "INITRD..");
    const auto ended = run_text(config_text(
        {.kernel = guest_file("bzimage"), .cmdline = "console=ttyS0 a=b", .more = "initrd load " + initrd + "\n"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("header=53726448"));
    CHECK(ended.says("cs=00000010"));
    CHECK(ended.says("ds=00000018"));
    CHECK(ended.says("interrupts=00000000"));
    CHECK(ended.value("loader") != 0);
    CHECK(ended.value("map_entries") >= 1);
    CHECK(ended.says("initrd_size=00000008"));
    CHECK(ended.says("initrd_first=54494e49"));
    CHECK(ended.says("cmdline=console=ttyS0 a=b"));
}

TEST_CASE("a triple fault ends the VM and is reported as one") {
    const auto ended = run_guest("triple_fault");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("about to fault"));
    CHECK(ended.complains("triple fault"));
}

TEST_CASE("a guest that executes garbage, or jumps to where nothing is, ends in a triple fault of its own") {
    const auto* const guest = GENERATE("garbage", "unmapped_jump");
    const auto ended = run_guest(guest);
    CAPTURE(guest, ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK_FALSE(ended.says("ran on"));
    CHECK(ended.complains("triple fault"));
}

TEST_CASE("a guest may rewrite its own code") {
    const auto ended = run_guest("self_modifying");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    // Three times 1 to 255 and 0, then 1 to 232.
    CHECK(ended.value("sum") == 3 * (255 * 256 / 2) + 232 * 233 / 2);
}

TEST_CASE("power-off by the guest is not taken for a triple fault") {
    const auto ended = run_guest("port_io");
    CAPTURE(ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK_FALSE(ended.complains("triple fault"));
}

TEST_CASE("the processor that powers off runs no further") {
    CAPTURE(GENERATE(range(0, 10)));  // it would be stopped a little later by others, so one run proves little
    const auto ended = run_guest("last_word");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.out == "last word\n");
}

TEST_CASE("the reset register ends the VM") {
    const auto ended = run_guest("reset_port");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("resetting"));
    CHECK_FALSE(ended.says("still here"));
    CHECK_FALSE(ended.complains("triple fault"));
}

TEST_CASE("the keyboard controller resets the VM") {
    const auto ended = run_text(config_text({.kernel = elf("reset_i8042"), .more = "vdev pckeyboard\n"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("resetting"));
    CHECK_FALSE(ended.says("still here"));
    CHECK_FALSE(ended.complains("triple fault"));
}

TEST_CASE("a guest that ends at once ends qvm with 0") {
    const auto ended = run_guest("exit_at_once");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.out.empty());
}

}  // namespace qvm::test
