# SPDX-License-Identifier: Apache-2.0
"""Bare arm64 guests of our own (tests/guest/arm64): what a guest sees of the processor, the GIC and the firmware."""
import json
import signal

from lab import Lab, case, check

PROGRAMS = "guest"  # beside the directory of qvm's binary
ONES = "f" * 16


def guest(lab: Lab, name: str, more: str = "", cpus: int = 1) -> str:
    kernel = lab.qvm.parent.parent / PROGRAMS / name
    return f"ram 0x80000000,64M\n{more}" + "cpu\n" * cpus + f"load {kernel}\n{lab.board.vdevs}\n"


def says(lab: Lab, configuration: str, *lines: str, code: int = 0):
    vm = lab.start(configuration)
    for line in lines:
        vm.expect(f"^{line}\r?$")
    vm.ends(code, within=60)
    check("UNEXPECTED" not in vm.stdout and "exception=" not in vm.stdout, "an exception that should not be")
    return vm


# KVM extends signs by the syndrome that the processor gives it. That of QEMU 7.2 shifts the flag for it to a wrong place
# (do_gpr_ld_memidx), so that in its L1 nothing is extended, whoever the monitor is.
MMIO = (
    "tree=00000000edfe0dd0",
    "byte=0000000000000087", "signed_byte_32=00000000(ffffff|000000)87", "signed_byte_64=(f{14}|0{14})87",
    "half=0000000000009c87", "signed_half_32=00000000(ffff|0000)9c87", "signed_half_64=(f{12}|0{12})9c87",
    "word=0000000000009c87", "signed_word=0000000000009c87", "written_byte=0000000000000055",
    "double=0000000000000000",
    f"nowhere_64={ONES}", "nowhere_32=00000000ffffffff", "nowhere_signed=(f{8}|0{8})f{8}",
    "data abort", "pair_aborts=0000000000000001",
)  # fmt: skip


@case(board="arm64")
def accesses_of_all_sizes(lab: Lab):
    says(lab, guest(lab, "mmio.elf"), *MMIO)


@case(board="arm64")
def check_of_a_file_ends(lab: Lab):
    (lab.directory / "guest.qvmconf").write_text(guest(lab, "mmio.elf"))
    vm = lab.run_qvm("-f", "guest.qvmconf", "--check")
    vm.expect("^guest.qvmconf: ok")
    vm.ends(0)


@case(board="arm64")
def raw_image(lab: Lab):
    """Entered at its first byte, with the tree in x0 like the others."""
    configuration = guest(lab, "raw.bin").replace("load ", "load 0x80000000,")
    says(lab, configuration, *MMIO[:3])


@case(board="arm64")
def undecodable_access_ends_the_vm_if_told_so(lab: Lab):
    vm = says(lab, guest(lab, "mmio.elf", "unsupported instruction abort\n"), *MMIO[:14], code=5)
    check("an instruction that KVM cannot execute (0x40000000)" in vm.stderr, f"stderr does not tell: {vm.stderr!r}")
    check("EL1h" in vm.stderr, "the vCPU's state is not told")


@case(board="arm64")
def unclaimed_access_fails_if_told_so(lab: Lab):
    says(lab, guest(lab, "mmio.elf", "unsupported reference fail\n"), *MMIO[:11], "data abort")


@case(board="arm64")
def shared_interrupt_as_level_and_as_edge(lab: Lab):
    says(lab, guest(lab, "spi.elf"), " *level=0000000000000003", " *edge=0000000000000001",
         " *second_edge=0000000000000001")  # fmt: skip


@case(board="arm64")
def timer_ends_a_wait(lab: Lab):
    says(lab, guest(lab, "timer.elf"), "fresh_counter=0000000000000001", "timer=000000000000001b")


@case(board="arm64")
def firmware_interface(lab: Lab):
    """PSCI 1.x; -2 is INVALID_PARAMETERS, -1 NOT_SUPPORTED."""
    says(lab, guest(lab, "psci.elf", cpus=2),
         "version=000000000001000[0-9]", "on=0000000000000000", "context=0000000123456789",
         "affinity=0000000000000001", "off", "no_such_cpu=fffffffffffffffe", f"unknown={ONES}")  # fmt: skip


@case(board="arm64")
def other_firmware_calls(lab: Lab):
    """-1 is NOT_SUPPORTED; -2 is the random numbers' INVALID_PARAMETERS. What no service has is answered with -1."""
    vm = says(lab, guest(lab, "smccc.elf"),
              "smccc_version=0000000000010001", "arch_features=0000000000000000", f"arch_soc_id={ONES}",
              "trng_version=0000000000010000", "trng=0000000000000000", "some=0000000000000001",
              "trng_too_many=fffffffffffffffe", "time_features=0000000000000000", f"time_unknown={ONES}",
              "stolen_revision=0000000000000000", "end")  # fmt: skip
    check("answered=" not in vm.stdout, "a call that no service has is answered")


@case(board="arm64")
def writes_to_rom_are_lost(lab: Lab):
    rom = lab.directory / "rom.bin"
    rom.write_bytes(bytes(range(0x11, 0x19)))
    configuration = guest(lab, "rom.elf", "rom 0x90000000,0x1000\n") + f"data load 0x90000000,{rom}\n"
    says(lab, configuration, "before=1817161514131211", "after=1817161514131211")


@case(board="arm64")
def whole_machine_sleeps(lab: Lab):
    """-3 is DENIED, -9 INVALID_ADDRESS. A reset has been there between the call and its entry."""
    vm = lab.start("system sleeper\n" + guest(lab, "suspend.elf", cpus=2))
    for line in (
        "features=0000000000000000", "another_is_on=fffffffffffffffd", "no_memory=fffffffffffffff7",
        "odd=fffffffffffffff7", "timer=0123456789abcdef", "x25=0000000000000000", "alignment=0000000000000000",
        "timer_control=0000000000000000", " *uart=0000000089abcdef",
    ):  # fmt: skip
        vm.expect(f"^{line}\r?$")
    for _ in range(3):
        vm.expect("the guest has suspended itself", stream="err")
    phase = json.loads(lab.read("/run/qvm/sleeper/status"))["phase"]
    check(phase == "suspended", f"the status is {phase}")
    check("UNEXPECTED" not in vm.stdout, "it goes on by itself")
    vm.signal(signal.SIGQUIT)
    vm.ends(3)
