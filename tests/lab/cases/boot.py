# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels boot to user space and end by their own word."""
import re

from lab import Lab, case, check
from lab.paths import ROOT
from cases.common import boots, ends_by_word


# Each kernel, each form and each number of CPUs at least once.
OFTEN = {("std", "bzImage", 4), ("std", "vmlinux", 1), ("cloud", "bzImage", 2), ("cloud", "vmlinux", 1)}


@case(
    rare=lambda kernel, form, cpus: (kernel, form, cpus) not in OFTEN,
    kernel=["std", "cloud"],
    form=["bzImage", "vmlinux"],
    cpus=[1, 2, 4],
)
def boots_and_ends(lab: Lab, kernel: str, form: str, cpus: int):
    # Each kernel in each form sees both ends, and each end sees one and several vCPUs.
    task = "reboot" if (form == "vmlinux") == (cpus == 2) else "poweroff"
    vm = lab.start(lab.guest(task, kernel, form, cpus))
    boots(vm, cpus)
    ends_by_word(vm, task)


@case(limit=400)
def sixteen_cpus(lab: Lab):
    vm = lab.start(lab.guest("poweroff", cpus=16))
    boots(vm, 16)
    ends_by_word(vm, "poweroff")


@case()
def example_file(lab: Lab):
    """examples/linux-x86.qvmconf with the files it names in the current directory."""
    lab.provide("vmlinuz", lab.images.kernels["std"].bzimage)
    lab.provide("initrd.img", lab.images.guest_initrd["std"])
    vm = lab.run_qvm("-f", str(ROOT / "examples" / "linux-x86.qvmconf"))
    vm.expect(r", 2 CPU\(s\)")
    vm.expect("guest# ")
    vm.type("grep ttyS /proc/interrupts\n")
    vm.expect(r"[1-9].* IO-APIC +4-\w+ +ttyS0")
    vm.type("exit\n")
    ends_by_word(vm, "poweroff")


@case()
def vendor_style_board(lab: Lab):
    """The x86 example of the vendor's guide, without the devices still to come."""
    configuration = lab.guest("reboot", form="bzImage", cmdline="quiet reboot=k", vdevs=VENDOR_VDEVS)
    configuration = "system linux-guest\n" + configuration.replace("ram 256M\n", VENDOR_MEMORY)
    vm = lab.start(configuration)
    interrupts = boots(vm, 1)
    check(re.search(r"IO-APIC +4-\w+ +ttyS0", interrupts), f"ttyS0 is not line 4 of the IOAPIC: {interrupts}")
    ends_by_word(vm, "reboot")


VENDOR_MEMORY = """\
ram 0,0xa0000
reserve loc 0xa0000,0x20000
rom 0xc0000,0x40000
ram 1m,255m
"""
VENDOR_VDEVS = """\
vdev ioapic
    loc 0xf8000000
    intr apic
    name myioapic
vdev mc146818
    reg 0x0b,0x02
vdev pckeyboard
vdev ser8250
    hostdev >-
    intr myioapic:4
"""
