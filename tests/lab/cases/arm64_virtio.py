# SPDX-License-Identifier: Apache-2.0
"""Unmodified virtio drivers find their devices by the device tree."""
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
grep virtio /proc/interrupts | sed 's/^/IRQ /'
echo IRQ-END
"""


@case(board="arm64", limit=300)
def entropy_and_console_over_mmio(lab: Lab):
    extras = Extras(modules=("virtio_mmio", "virtio_rng", "virtio_console"))
    vdevs = lab.board.vdevs + VDEVS.format(directory=lab.directory)
    vm = lab.start(lab.guest_with(SCRIPT, extras, cpus=2, vdevs=vdevs))
    vm.expect("virtio_rng.0")
    vm.expect("^4096")
    ends_well(vm, r"GIC\S+\s+42 Level\s+virtio(.*\n)+.*GIC\S+\s+43 Level\s+virtio")
    wanted = "".join(f"{number}\n" for number in range(1, 4001)).encode()
    found = (lab.directory / "port.out").read_bytes()
    check(found == wanted, f"{len(found)} bytes of {len(wanted)} came, or others")
