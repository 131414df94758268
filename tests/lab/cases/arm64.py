# SPDX-License-Identifier: Apache-2.0
"""Debian's arm64 kernel boots to user space on every kind of board and ends by its own word."""
import signal

from lab import Lab, case, check
from cases.common import boots, ends_by_word


@case(board="arm64", limit=300, cpus=[1, 2, 4])
def boots_and_ends(lab: Lab, cpus: int):
    task = "reboot" if cpus == 2 else "poweroff"
    vm = lab.start(lab.guest(task, cpus=cpus))
    # A PL011 that takes all at once is never waited for.
    interrupts = boots(vm, cpus, counts=False)
    gic = "GIC-0" if lab.board.name == "arm64-gicv2" else "GICv3"  # Linux's names for versions 2 and 3
    check(f"{gic}  37 Level" in interrupts, f"the UART is not on the GIC: {interrupts}")
    ends_by_word(vm, task)


@case(board="arm64", limit=300)
def shell_hears_and_the_power_key_ends_it(lab: Lab):
    vm = lab.start(lab.guest("shell", cpus=2))
    boots(vm, 2, counts=False)
    vm.expect("guest# ")
    vm.type("grep uart-pl011 /proc/interrupts\n")
    vm.expect(r"[1-9]\d* .*GIC\S+ +37 Level +uart-pl011")
    vm.signal(signal.SIGTERM)
    ends_by_word(vm, "poweroff")


@case(board="arm64", limit=300)
def tree_has_nothing_to_complain_about(lab: Lab):
    """Linux's own boot reports errors (levels 0 to 3) of the tree among others."""
    vm = lab.start(lab.guest("poweroff", cpus=2))
    boots(vm, 2, counts=False)
    ends_by_word(vm, "poweroff")
    check("GUEST-DMESG" not in vm.stdout, "the guest's kernel reports errors")
