# SPDX-License-Identifier: Apache-2.0
"""What differs between the architectures that the lab emulates: the L1 and what its guests look like."""
from dataclasses import dataclass
from pathlib import Path

from .paths import ROOT


@dataclass(frozen=True)
class Board:
    """`name` is the machine, `arch` its architecture: cases are for one of these."""

    name: str
    arch: str
    needs: tuple[str, ...]  # programs of this machine
    qvm: Path
    flavours: tuple[str, ...]
    l1_modules: tuple[str, ...]
    guest_modules: tuple[str, ...]  # what makes a power button an input device
    ram: str
    form: str
    console: str
    vdevs: str
    machine: tuple[str, ...]  # of the emulator


_COMMON = ("busybox", "dpkg-deb", "apt-get")
_L1_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p")

# The emulator does not tell the L1's KVM of a nested guest's XSETBV. Without XSAVE
# nothing depends on it, and the guest's kernel does not warn of sizes that differ.
X86 = Board(
    name="x86",
    arch="x86",
    needs=("qemu-system-x86_64", "lz4", *_COMMON),
    qvm=ROOT / "build" / "release" / "bin" / "qvm",
    flavours=("std", "cloud"),
    l1_modules=(*_L1_MODULES, "kvm_amd"),
    guest_modules=("button", "evdev"),
    ram="256M",
    form="vmlinux",
    console="ttyS0",
    vdevs="vdev ser8250\n  hostdev -",
    machine=("-M", "q35,kernel-irqchip=split", "-cpu", "EPYC,-xsave"),
)


def _arm64(name: str, machine: str, vdevs: str) -> Board:
    return Board(
        name=name,
        arch="arm64",
        needs=("qemu-system-aarch64", "readelf", *_COMMON),
        qvm=ROOT / "build" / "arm64" / "bin" / "qvm",
        flavours=("std",),
        l1_modules=_L1_MODULES,
        guest_modules=("gpio-pl061", "gpio_keys", "evdev"),
        ram="0x80000000,256M",
        form="Image",
        console="ttyAMA0",
        vdevs=vdevs,
        machine=("-M", f"virt,virtualization=on,{machine}", "-cpu", "neoverse-n1"),
    )


ARM64 = _arm64("arm64", "gic-version=3,iommu=smmuv3", "vdev pl011\n  hostdev -")
# An older board, whose guests can have no newer interrupt controller.
ARM64_GICV2 = _arm64("arm64-gicv2", "gic-version=2", "vdev gic\n  version 2\n  msi 0x30000000,0x50,0x40\nvdev pl011\n  hostdev -")

BOARDS = {board.name: board for board in (X86, ARM64, ARM64_GICV2)}
