# SPDX-License-Identifier: Apache-2.0
"""Unmodified virtio drivers find their devices by the device tree, and behind it on PCI."""
import hashlib

from lab import Extras, Lab, case, check
from cases.virtio import ends_well

VDEVS = """
vdev virtio-entropy
  loc 0x1c0e0000 intr gic:42
vdev virtio-console
  loc 0x1c0f0000 intr gic:43
  port data
    hostdev >{directory}/port.out
  tx-backpressure
"""
SCRIPT = """
cat /sys/class/misc/hw_random/rng_current
head -c 4096 /dev/hwrng | wc -c
until port=$(grep -lx data /sys/class/virtio-ports/*/name 2>/dev/null); do usleep 20000; done
port=${port%/name}; seq 1 4000 > /dev/${port##*/}
"""
SCRIPT_END = """
grep virtio /proc/interrupts | sed 's/^/IRQ /'
echo IRQ-END
"""


@case(board="arm64", limit=300)
def entropy_and_console_over_mmio(lab: Lab):
    extras = Extras(modules=("virtio_mmio", "virtio_rng", "virtio_console"))
    vdevs = lab.board.vdevs + VDEVS.format(directory=lab.directory)
    vm = lab.start(lab.guest_with(SCRIPT + SCRIPT_END, extras, cpus=2, vdevs=vdevs))
    vm.expect("virtio_rng.0")
    vm.expect("^4096")
    ends_well(vm, r"GIC\S+\s+42 Level\s+virtio(.*\n)+.*GIC\S+\s+43 Level\s+virtio")
    wanted = "".join(f"{number}\n" for number in range(1, 4001)).encode()
    found = (lab.directory / "port.out").read_bytes()
    check(found == wanted, f"{len(found)} bytes of {len(wanted)} came, or others")


@case(board="arm64", limit=300, rare=lambda cmdline: True, cmdline=["", "pci=nomsi"])
def entropy_over_pci(lab: Lab, cmdline: str):
    """By messages, through the GIC's translation service or its MSI frame, and by the shared interrupts of the pins."""
    extras = Extras(modules=("virtio_pci", "virtio_rng"))
    script = "cat /sys/class/misc/hw_random/rng_current\nhead -c 4096 /dev/hwrng | wc -c\n" + SCRIPT_END
    vm = lab.start(lab.guest_with(script, extras, cmdline=cmdline, vdevs=lab.board.vdevs + "\nvdev virtio-entropy\n"))
    vm.expect("virtio_rng.0")
    vm.expect("^4096")
    ends_well(vm, r"MSI.*Edge.*virtio" if cmdline == "" else r"GIC\S+\s+2\d\d Level.*virtio")


@case(board="arm64", limit=300)
def disks_over_mmio_and_pci(lab: Lab):
    """The guest reads what is on them; what it writes to the second is in the host's file."""
    busybox = "/bin/busybox"
    sums = set()
    for name, size in (("mmio", 1), ("pci", 2)):
        contents = bytes(range(256)) * (size << 12)
        (lab.directory / f"{name}.img").write_bytes(contents)
        lab.run_in_l1(busybox, "cp", f"{lab.directory}/{name}.img", f"/dev/shm/{name}.img")
        sums.add(hashlib.md5(contents).hexdigest())
    vdevs = (
        "\nvdev virtio-blk\n  loc 0x1c0d0000 intr gic:41\n  hostdev </dev/shm/mmio.img"
        "\nvdev virtio-blk\n  hostdev /dev/shm/pci.img\n"
    )
    script = (
        "until [ -b /dev/vda ] && [ -b /dev/vdb ]; do usleep 20000; done\n"
        "md5sum </dev/vda; md5sum </dev/vdb\n"
        "pci=vda; [ $(cat /sys/block/vda/size) = 4096 ] || pci=vdb\n"
        "echo hello | dd of=/dev/$pci bs=6 count=1 conv=notrunc,fsync 2>/dev/null\n" + SCRIPT_END
    )
    extras = Extras(modules=("virtio_pci", "virtio_mmio", "virtio_blk"))
    vm = lab.start(lab.guest_with(script, extras, cpus=2, vdevs=lab.board.vdevs + vdevs))
    found = {vm.expect("^([0-9a-f]{32}) ")[1] for _ in range(2)}
    check(found == sums, f"the disks have other contents: {found}")
    ends_well(vm, r"(?s)(?=.*GIC\S+\s+41 Level\s+virtio)(?=.*MSI[^\n]*Edge[^\n]*virtio)")
    check(lab.run_in_l1(busybox, "head", "-c", "6", "/dev/shm/pci.img") == "hello\n", "the file does not have it")
