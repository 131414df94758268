# SPDX-License-Identifier: Apache-2.0
"""Devices of the host in Linux guests, by VFIO behind ARM's SMMUv3: messages through the translation services of host and
guest, the pin by the guest's shared interrupts."""
import re

from lab import Extras, Lab, case, check, skip

from cases.common import check_calm
from cases.passthrough import EDU, NVME, bound, find

INTERRUPTS = 40
OUTSIDE = 0x90000000  # RAM of the L1 behind the guest's

SCRIPT = """\
echo {edu} >/sys/bus/pci/drivers/uio_pci_generic/new_id
lab_edu 0000:00:05.0 uio0 {interrupts} {outside:#x}
until [ -b /dev/nvme0n1 ]; do usleep 50000; done
seq 1 1000000 | head -c 4194304 >/data
echo "WRITTEN $(md5sum </data)"
dd if=/data of=/dev/nvme0n1 bs=64k conv=fsync 2>/dev/null
dd if=/dev/nvme0n1 bs=64k count=64 iflag=direct 2>/dev/null >/back
echo "READ $(md5sum </back)"
grep -E "nvme0q|uio_pci" /proc/interrupts
"""


def demand_iommu(lab: Lab) -> None:
    if lab.board.name == "arm64-gicv2":
        skip("this machine is emulated without an IOMMU")


@case(board="arm64", limit=300, init="iommu")
def disk_by_messages_and_edu_by_pin(lab: Lab):
    """What the guest has written to an NVMe disk the host's driver reads; no DMA leaves the guest's RAM."""
    demand_iommu(lab)
    lab.load_in_l1("nvme")
    edu, nvme = find(lab, EDU), find(lab, NVME)
    script = SCRIPT.format(edu=EDU, interrupts=INTERRUPTS, outside=OUTSIDE)
    extras = Extras(modules=("uio_pci_generic", "nvme"), programs=(str(lab.qvm.parent / "lab_edu"),))
    passed = "".join(f"\npass loc pci:0:{slot}.0=pci:{int(each[5:7], 16)}:0.0" for slot, each in ((5, edu), (6, nvme)))
    with bound(lab, edu, nvme):
        vm = lab.start(lab.guest_with(script, extras, cpus=2, vdevs=lab.board.vdevs + passed))
        vm.expect("EDU-DMA")
        vm.expect(f"EDU-INTERRUPTS {INTERRUPTS}")
        vm.expect("EDU-OUTSIDE")
        vm.expect("EDU-DMA")
        written = vm.expect("WRITTEN ([0-9a-f]{32})")[1]
        check(vm.expect("READ ([0-9a-f]{32})")[1] == written, "the guest reads what it has not written")
        counted = vm.expect(r"^ *\d+:((?: +\d+)+) +GICv3 +2\d\d Level +uio_pci_generic", anywhere=True)[1]
        check(sum(map(int, counted.split())) == INTERRUPTS, f"the guest counts {counted} interrupts of {INTERRUPTS}")
        counted = vm.expect(r"^ *\d+:((?: +\d+)+) +ITS-MSI.* nvme0q1", anywhere=True)[1]
        check(sum(map(int, counted.split())) > 0, "no interrupts of the disk")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)
    check(re.search(r"event 0x10 received", lab.run_in_l1("/bin/busybox", "dmesg")) is not None, "the SMMU has stopped nothing")
    host = "until dd if=/dev/nvme0n1 of=/dev/shm/found bs=64k count=64 iflag=direct 2>/dev/null; do usleep 50000; done; md5sum </dev/shm/found"
    check(lab.run_in_l1("/bin/busybox", "sh", "-c", host).startswith(written), "the host's driver reads something else")


@case(board="arm64", limit=120, init="iommu")
def ram_where_messages_go(lab: Lab):
    """The IOMMU keeps a page for the messages of devices: no guest RAM can be there."""
    demand_iommu(lab)
    edu = find(lab, EDU)
    with bound(lab, edu):
        configuration = lab.guest("poweroff", ram="0x4000000,128M\nram 0x80000000,256M", vdevs=lab.board.vdevs + "\npass loc pci:0x1234/0x11e8")
        vm = lab.start(configuration)
        vm.expect(r"guest memory at 0x4000000, .*: devices cannot reach 0x8000000 to 0x80fffff,", stream="err")
        vm.ends(64)
