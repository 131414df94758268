# SPDX-License-Identifier: Apache-2.0
"""Debian's arm64 kernel boots to user space on every kind of board and ends by its own word."""
import signal

from lab import Extras, Lab, case, check
from cases.common import boots, ends_by_word


@case(board="arm64", limit=300, rare=lambda cpus: cpus != 2, cpus=[1, 2, 4])
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


SLEEP = """
for module in /modules/*.ko; do insmod "$module"; done
md5sum </dev/vda
echo mem >/sys/power/state
echo WOKEN
echo 3 >/proc/sys/vm/drop_caches
md5sum </dev/vda
"""


@case(board="arm64", limit=300)
def sleeps_and_is_woken_by_the_power_key(lab: Lab):
    """With a second CPU, which Linux switches off for it, and a disk that works before and after it."""
    vdevs = lab.board.vdevs + "\nvdev virtio-blk\n  hostdev <disk.img\n"
    (lab.directory / "disk.img").write_bytes(bytes(range(256)) * 4096)
    extras = Extras(modules=("virtio_pci", "virtio_blk"))
    vm = lab.start(lab.guest_with(SLEEP, extras, cpus=2, vdevs=vdevs))
    before = vm.expect("^([0-9a-f]{32}) ")[1]
    vm.expect("the guest has suspended itself", stream="err")
    vm.signal(signal.SIGTERM)
    vm.expect("the guest has been woken up", stream="err")
    vm.expect("^WOKEN")
    check(vm.expect("^([0-9a-f]{32}) ")[1] == before, "the disk is another one after the sleep")
    vm.expect("TASK-ENDED 0")
    ends_by_word(vm, "poweroff")
