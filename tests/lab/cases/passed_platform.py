# SPDX-License-Identifier: Apache-2.0
"""Devices of the host without VFIO, in Linux and bare guests: by UIO, by /dev/mem, by ports."""
import re
from contextlib import contextmanager

from lab import Extras, Lab, case, check

from cases.passthrough import find

RTC, RTC_ID = 0x9010000, 34  # QEMU's board virt
DRIVER = "/sys/bus/amba/drivers/rtc-pl031"
INTERRUPTS, STORM = 200, 50  # of the bare guests
PASSED = f"pass\n  loc 0x1d000000,0x1000,rwn={RTC:#x}\n  intr gic:44={RTC_ID}\n"

# An alarm is in whole seconds, and the kernel sets none that has passed.
ALARMS = """\
rtc=/sys/class/rtc/rtc0
echo "CLOCK $(cat $rtc/name)"
count() { awk '/rtc-pl031/ { print $2 }' /proc/interrupts; }
for i in 1 2; do
    before=$(count)
    echo +2 >$rtc/wakealarm
    until [ "$(count)" -gt "$before" ]; do usleep 20000; done
done
grep rtc-pl031 /proc/interrupts
"""


def in_l1(lab: Lab, script: str) -> str:
    return lab.run_in_l1("/bin/busybox", "sh", "-c", script)


def give_clock_to_uio(lab: Lab) -> None:
    in_l1(lab, f"[ ! -e {DRIVER}/{RTC:x}.pl031 ] || echo {RTC:x}.pl031 >{DRIVER}/unbind")
    lab.load_in_l1("uio")
    lab.load_own_in_l1("lab_uio", f"node=/pl031@{RTC:x}")


def interrupts_of(lab: Lab, driver: str) -> int:
    row = re.search(rf"^ *\d+:((?: +\d+)+) .*{driver}$", lab.read("/proc/interrupts"), re.MULTILINE)
    return sum(map(int, row[1].split()))


@case(board="arm64", limit=300)
def clock_with_alarms(lab: Lab):
    """Linux's driver finds it by the host's node. Without a UIO driver nobody gives it."""
    if not lab.read("/proc/modules").count("lab_uio"):
        vm = lab.start(lab.guest("poweroff", vdevs=lab.board.vdevs + "\n" + PASSED))
        vm.ends(64)
        check("cannot be passed: no device of VFIO's or UIO's has it, /proc/iomem names rtc-pl031" in vm.stderr, vm.stderr)
    give_clock_to_uio(lab)
    listed = lab.run_in_l1(str(lab.qvm.parent / "qvmctl"), "pass", "list")
    check(re.search(rf"^uio0 +lab_uio +{RTC_ID} +{RTC:#x},0x1000$", listed, re.MULTILINE) is not None, f"listed is {listed}")
    vm = lab.start(lab.guest_with(ALARMS, Extras(), vdevs=lab.board.vdevs + "\n" + PASSED))
    vm.expect("CLOCK rtc-pl031 1d000000.pl031")
    vm.expect(r"^ *\d+: +2 +GIC\S+ +44 Level +rtc-pl031")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)


@case(board="arm64")
def clock_that_does_not_stop_to_pull(lab: Lab):
    """A bare guest: each interrupt once, and of those that it does not acknowledge one for each that it ends."""
    give_clock_to_uio(lab)
    before = interrupts_of(lab, "lab_uio")
    guest = f"ram 0x80000000,64M\nload {lab.qvm.parent.parent}/guest/passed.elf\n{lab.board.vdevs}\n"
    vm = lab.start(guest + PASSED)
    vm.expect("part=0000000000000031")
    vm.expect(f"interrupts={INTERRUPTS:016x}")
    vm.expect(f"storm={STORM:016x}")
    vm.ends(0)
    count = interrupts_of(lab, "lab_uio") - before
    check(count == INTERRUPTS + STORM, f"the host counts {count} interrupts")


FW_CFG, EDU = "pass loc io:0x510,12\n", "1234 11e8"


def bar(lab: Lab, device: str, number: int) -> str:
    return lab.read(f"{device}/resource").splitlines()[number].split()[0]


@contextmanager
def edu_by_uio(lab: Lab):
    """UIO has its pin. Tells the address of its registers and the host's number of the interrupt."""
    lab.load_in_l1("uio_pci_generic")
    device = f"/sys/bus/pci/devices/{find(lab, EDU)}"
    in_l1(lab, f"echo uio_pci_generic >{device}/driver_override && echo {device[-12:]} >/sys/bus/pci/drivers_probe")
    try:
        row = re.search(r"(\d+)-fasteoi +uio_pci_generic", lab.read("/proc/interrupts"))
        check(row is not None, "the L1 has no interrupt of uio_pci_generic")
        yield bar(lab, device, 0), row[1]
    finally:
        in_l1(lab, f"echo >{device}/driver_override; echo {device[-12:]} >{device}/driver/unbind")


@case(limit=120, init="iommu")
def ports_and_registers_without_a_driver(lab: Lab):
    """A bare guest has the ports of fw_cfg, registers of an AHCI by /dev/mem, only to be read, and registers and pin of `edu`
    by UIO: interrupts, and a device that does not stop to pull."""
    with edu_by_uio(lab) as (start, number):
        before = interrupts_of(lab, "uio_pci_generic")
        passed = f"pass loc 0xd0000000,0x100000,rwn={start}\n  intr ioapic:10={number}\n"
        passed += f"pass loc 0xd0200000,r={bar(lab, '/sys/bus/pci/devices/0000:00:1f.2', 5)}\n"
        guest = f"ram 16M\nload {lab.qvm.parent.parent}/guest/passed.elf\nvdev ser8250 hostdev -\n"
        refused = lab.start(guest + FW_CFG)
        refused.ends(64)
        check("0x510 to 0x51b cannot be passed: no driver gives them away" in refused.stderr, refused.stderr)
        vm = lab.start(guest + FW_CFG + passed + "set host-devmem on\n")
        vm.expect("bytes=51454d55")  # "QEMU"
        vm.expect("word=00004551")
        vm.expect("dword=554d4551")
        vm.expect("identification=010000ed")
        vm.expect("liveness=edcba987")
        vm.expect("version=0001[0-9a-f]{4}")
        vm.expect("unwritten=00000002")
        vm.expect(f"interrupts={INTERRUPTS:08x}")
        vm.expect(f"storm={STORM:08x}")
        vm.ends(0)
        check("the guest has the host's ports 0x510 to 0x51b" in vm.stderr, "no warning of the ports")
        check("by /dev/mem: no driver of the host has agreed" in vm.stderr, "no warning of /dev/mem")
        count = interrupts_of(lab, "uio_pci_generic") - before
        check(count == INTERRUPTS + STORM, f"the host counts {count} interrupts")
        taken = lab.start(guest + "pass loc io:0x60\nset host-devmem on\n")
        taken.ends(64)
        check("0x60 to 0x60 cannot be passed: keyboard has them" in taken.stderr, taken.stderr)
