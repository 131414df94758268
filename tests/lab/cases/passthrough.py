# SPDX-License-Identifier: Apache-2.0
"""Devices of the host in Linux guests, by VFIO behind the L1's IOMMU."""
import re
from contextlib import contextmanager

from lab import Extras, Lab, case, check

from cases.common import check_calm

EDU = "1234 11e8"
CONSOLE = "vdev ser8250\n    hostdev -\n"
INTERRUPTS = 40

# A page of the L1 above the guest's memory, full of one byte; told what the guest does to it.
CANARY = """\
import ctypes, mmap, struct, sys
pages = 96 << 10
memory = mmap.mmap(-1, pages << 12, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
with open("/proc/self/pagemap", "rb") as pagemap:
    pagemap.seek(start >> 12 << 3)
    frames = struct.unpack(f"{pages}Q", pagemap.read(pages << 3))
number, frame = max(enumerate(entry & (1 << 55) - 1 for entry in frames), key=lambda each: each[1])
memory.seek(number << 12)
memory.write(bytes([0xC7]) * 4096)
print(f"CANARY {frame << 12:#x}", flush=True)
sys.stdin.readline()
memory.seek(number << 12)
print("CANARY-UNHARMED" if memory.read(4096) == bytes([0xC7]) * 4096 else "CANARY-HARMED", flush=True)
"""


def find(lab: Lab, identity: str) -> str:
    """The address of the L1's function with that vendor and device."""
    vendor, device = identity.split()
    script = (
        "cd /sys/bus/pci/devices; for each in *; do "
        f'[ "$(cat $each/vendor) $(cat $each/device)" = "0x{vendor} 0x{device}" ] && echo $each; done; true'
    )
    found = lab.run_in_l1("/bin/busybox", "sh", "-c", script).split()
    check(len(found) == 1, f"functions {identity} of the L1: {found}")
    return found[0]


@contextmanager
def bound(lab: Lab, *addresses: str):
    """VFIO has them, by qvmctl."""
    lab.load_in_l1("vfio-pci", "vfio_iommu_type1")
    qvmctl = str(lab.qvm.parent / "qvmctl")
    lab.run_in_l1(qvmctl, "pass", "bind", *addresses)
    try:
        yield
    finally:
        lab.run_in_l1(qvmctl, "pass", "unbind", *addresses)


@case(limit=120, init="iommu")
def edu_by_pin_and_dma(lab: Lab):
    """DMA both ways, byte exact; the pin as a level. What is not the guest's RAM stays as it is."""
    address = find(lab, EDU)
    with bound(lab, address):
        canary = lab.run("/usr/bin/python3", "-c", CANARY)
        outside = canary.expect(r"CANARY (0x[0-9a-f]+)")[1]
        check(int(outside, 16) >= 256 << 20, f"the canary at {outside} is where the guest's own memory is")
        script = (
            f"echo {EDU} >/sys/bus/pci/drivers/uio_pci_generic/new_id\n"
            f"lab_edu 0000:00:05.0 uio0 {INTERRUPTS} {outside}\n"
            "grep uio_pci_generic /proc/interrupts\n"
        )
        extras = Extras(modules=("uio_pci_generic",), programs=(str(lab.qvm.parent / "lab_edu"),))
        passed = "pass loc pci:0:5.0=pci:0x1234/0x11e8\n"
        vm = lab.start(lab.guest_with(script, extras, vdevs=CONSOLE + passed))
        vm.expect("EDU-REGISTERS")
        vm.expect("EDU-DMA")
        vm.expect(f"EDU-INTERRUPTS {INTERRUPTS}")
        read = vm.expect("EDU-OUTSIDE (..)")[1]
        check(read != "c7", "the device has read what is not the guest's")
        vm.expect("EDU-DMA")
        counted = vm.expect(r"^ *\d+: +(\d+) +IO-APIC.*fasteoi +uio_pci_generic")[1]
        check(int(counted) == INTERRUPTS, f"the guest counts {counted} interrupts of {INTERRUPTS}")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)
        canary.type("\n")
        canary.expect("CANARY-UNHARMED")
        faults = set(re.findall(rf"DMA (Read|Write).*{address[5:]}.*fault", lab.run_in_l1("/bin/dmesg")))
        check(faults == {"Read", "Write"}, f"the IOMMU has stopped {faults}")


@case(limit=90, init="iommu")
def refusals(lab: Lab):
    """What is in the way is one line with the way out, before the guest starts."""
    address = find(lab, EDU)
    lab.load_in_l1("vfio-pci", "vfio_iommu_type1")
    configuration = lab.guest("poweroff", vdevs=CONSOLE + "pass loc pci:0x1234/0x11e8\n")

    def refused(pattern: str, *wrapper: str) -> None:
        if wrapper:
            vm = lab.run(*wrapper, str(lab.qvm), "-f", "guest.qvmconf")
        else:
            vm = lab.start(configuration)
        vm.expect(pattern, stream="err")
        vm.ends(64)
        check("GUEST-UP" not in vm.stdout, "the guest has started")

    refused(f"{address} cannot be passed: it is not bound to vfio-pci\n +qvmctl pass bind {address}$")
    with bound(lab, address):
        link = lab.run_in_l1("/usr/bin/readlink", f"/sys/bus/pci/devices/{address}/iommu_group")
        group = f"/dev/vfio/{link.strip().rpartition('/')[2]}"
        holder = lab.run("/bin/busybox", "sh", "-c", f"exec 3<>{group}; echo HELD; read line")
        holder.expect("HELD")
        refused(f"cannot open {group}: .*busy\n +another process has the group")
        holder.type("\n")
        holder.ends(0)
        nobody = ("/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        refused(f"cannot open {group}: Permission denied\n.*udev rule", *nobody)
        lab.run_in_l1("/bin/busybox", "chmod", "666", group, "/dev/kvm")
        refused("devices cannot be given .*\n.*RLIMIT_MEMLOCK is 1024 KiB", "/usr/bin/prlimit", "--memlock=1048576", *nobody)
