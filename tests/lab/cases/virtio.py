# SPDX-License-Identifier: Apache-2.0
"""Unmodified virtio drivers over both transports and every kind of interrupt."""
import re

from lab import Extras, Lab, case, check
from cases.common import check_calm

SERIAL = "vdev ser8250\n  hostdev -\n"
MMIO = "  loc 0xd0000000 intr ioapic:20\n"
TRANSPORTS = {"mmio": (MMIO, "virtio_mmio", ""), "msix": ("", "virtio_pci", ""), "intx": ("", "virtio_pci", "pci=nomsi")}


def run(lab: Lab, transport: str, vdev: str, module: str, script: str):
    place, driver, cmdline = TRANSPORTS[transport]
    extras = Extras(modules=(driver, module))
    script += "grep virtio /proc/interrupts | sed 's/^/IRQ /'\necho IRQ-END\n"
    return lab.start(lab.guest_with(script, extras, cmdline="quiet " + cmdline, vdevs=SERIAL + vdev + "\n" + place))


def ends_well(vm, interrupt: str) -> None:
    lines = vm.expect(r"((?:IRQ .*\n)+)IRQ-END")[1]
    check(re.search(interrupt, lines), f"no {interrupt}: {lines}")
    counts = [int(number) for line in lines.splitlines() for number in re.findall(r":\s+(\d+)\s", line)]
    check(any(counts), f"no interrupt came: {lines}")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)


INTERRUPTS = {"mmio": "IO-APIC.*20-.*virtio", "msix": "PCI-MSI.*virtio", "intx": "IO-APIC.*virtio"}


@case(rare=lambda transport: transport == "msix", transport=list(TRANSPORTS))
def entropy(lab: Lab, transport: str):
    script = "cat /sys/class/misc/hw_random/rng_current\nhead -c 65536 /dev/hwrng | wc -c\n"
    vm = run(lab, transport, "vdev virtio-entropy", "virtio_rng", script)
    vm.expect("virtio_rng.0")
    vm.expect("^65536")
    ends_well(vm, INTERRUPTS[transport])


@case(rare=lambda transport: transport == "mmio", transport=["mmio", "msix"])
def console_port(lab: Lab, transport: str):
    """What a guest writes to a named port is in the host's file, every byte of it."""
    script = (
        "until port=$(grep -lx data /sys/class/virtio-ports/*/name 2>/dev/null); do usleep 20000; done\n"
        "port=${port%/name}; seq 1 40000 > /dev/${port##*/}\n"
    )
    vdev = f"vdev virtio-console\n  port data\n    hostdev >{lab.directory}/port.out\n  tx-backpressure"
    vm = run(lab, transport, vdev, "virtio_console", script)
    ends_well(vm, INTERRUPTS[transport])
    wanted = "".join(f"{number}\n" for number in range(1, 40001)).encode()
    found = (lab.directory / "port.out").read_bytes()
    check(found == wanted, f"{len(found)} bytes of {len(wanted)} came, or others")
