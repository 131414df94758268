# SPDX-License-Identifier: Apache-2.0
"""Devices of the host without VFIO, in Linux and bare guests: by UIO, by /dev/mem, by ports; and memory of the host's."""
import re
from contextlib import contextmanager
from pathlib import Path

from lab import Extras, Lab, case, check
from lab.passed import RESERVED

from cases.blk import LOOP, block_device
from cases.common import check_calm
from cases.passthrough import NVME, bound, find

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
    """Linux's driver finds it by the host's node, chosen by its path. Without a UIO driver nobody gives it. RAM is not passed on this board."""
    ram = lab.start(lab.guest("poweroff", vdevs=lab.board.vdevs + "\npass loc 0xa0000000,1M,rwcxm=0x90000000\n"))
    ram.ends(65)
    check("'pass' of memory as the guest's RAM (m) on arm64 is not in this version" in ram.stderr, ram.stderr)
    if not lab.read("/proc/modules").count("lab_uio"):
        vm = lab.start(lab.guest("poweroff", vdevs=lab.board.vdevs + "\n" + PASSED))
        vm.ends(64)
        check("cannot be passed: no device of VFIO's or UIO's has it, /proc/iomem names rtc-pl031" in vm.stderr, vm.stderr)
    give_clock_to_uio(lab)
    listed = lab.run_in_l1(str(lab.qvm.parent / "qvmctl"), "pass", "list")
    check(re.search(rf"^uio0 +lab_uio +{RTC_ID} +{RTC:#x},0x1000$", listed, re.MULTILINE) is not None, f"listed is {listed}")
    vm = lab.start(lab.guest("poweroff", vdevs=lab.board.vdevs + "\n" + PASSED + "  node /intc\n"))
    vm.ends(65)
    check("is another device: none of its registers is passed" in vm.stderr, vm.stderr)
    passed = PASSED + "  node /pl031\n"  # there is one: without its address it is clear
    vm = lab.start(lab.guest_with(ALARMS, Extras(), vdevs=lab.board.vdevs + "\n" + passed))
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


# Puts files into memory that the L1's kernel does not have, each where it is told, or zeroes.
FILL = """\
import mmap, os, sys
memory = os.open("/dev/mem", os.O_RDWR)
for path, start in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    data = open(path, "rb").read()
    with mmap.mmap(memory, len(data) + 4096, offset=start) as there:
        there[: len(data)] = data
"""

# Pages that the disks' DMA and the L1's kernel fill, and the guest's programs: all of it lies in passed memory.
USE = """\
grep MemTotal /proc/meminfo
mkdir -p /tmp
mount -t tmpfs none /tmp
dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
for disk in /dev/nvme0n1 /dev/vda; do
    until [ -b $disk ]; do usleep 20000; done
    dd if=/tmp/data of=$disk bs=1M conv=fsync 2>/dev/null
    echo 3 >/proc/sys/vm/drop_caches
    dd if=$disk bs=1M count=8 2>/dev/null | cmp - /tmp/data && echo "SAME $disk"
done
"""


@case(limit=180, init="iommu", rare=lambda: True)
def memory_that_is_all_the_guest_has(lab: Lab):
    """Linux in RAM of the host's, with a kernel that is read from there and an initrd that lies in it; a disk by VFIO, and
    one of qvm's that cannot have direct I/O from such memory."""
    start, kernel = RESERVED.start, lab.images.kernels["std"].vmlinux
    task = lab.guest_with(USE, Extras(modules=("nvme", "virtio_pci", "virtio_blk")))
    initrd = Path(re.search("initrd load (.*)", task)[1])
    kernel_at, initrd_at = start + (160 << 20), start + (144 << 20)
    files = {kernel: kernel_at, initrd: initrd_at, "/bin/busybox": start}
    lab.run_in_l1("/usr/bin/python3", "-c", FILL, *(str(word) for each in files.items() for word in each))
    ram = f"pass loc 0,640K,rwcxm={start:#x}\n  loc 1M,143M,rwcxm={start + (1 << 20):#x}\n"
    ram += f"initrd pass loc 144M,{initrd.stat().st_size + 4095 & -4096:#x},rwcxm={initrd_at:#x}\n"
    image = f"guest pass loc 0xb0000000,{kernel.stat().st_size},rc={kernel_at:#x}\n"
    rest = 'cpu\ncpu\ncmdline "console=ttyS0 panic=-1 quiet lab.do=script"\nvdev ser8250\n  hostdev -\n'
    allowed = "set host-devmem on\n"
    for text, code, says in (
        (ram + image + rest, 64, "cannot be passed: no device of VFIO's or UIO's has it, /proc/iomem names Reserved"),
        (allowed + ram.replace(f"{start:#x}", "0x1000000") + image + rest, 64, "is the host's own RAM"),
        (allowed + ram + image.replace(f"{kernel_at:#x}", f"{initrd_at:#x}") + rest, 65, "is no kernel for x86: it is a gzip file"),
    ):
        refused = lab.start(text)
        refused.ends(code)
        check(says in refused.stderr, refused.stderr)
    with bound(lab, find(lab, NVME)), block_device(lab, 32):
        disks = f"pass loc pci:0:6.0=pci:0x1b36/0x0010\nvdev virtio-blk\n  hostdev {LOOP}\n  dio enable\n"
        vm = lab.start(allowed + ram + image + rest + disks)
        total = int(vm.expect(r"MemTotal: +(\d+) kB")[1])
        check(90 << 10 < total < 150 << 10, f"the guest has {total} kB")
        vm.expect("SAME /dev/nvme0n1")
        vm.expect("SAME /dev/vda")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)
        check("RAM at 0x100000 to 0x8ffffff is the host's memory at 0x80100000 by /dev/mem" in vm.stderr, vm.stderr)
        check("direct I/O failed; from now on it goes through the page cache" in vm.stderr, vm.stderr)
