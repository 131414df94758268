# SPDX-License-Identifier: Apache-2.0
"""The files that machines boot from: kernels, the L1's initramfs, the guests' initrd."""
from dataclasses import dataclass
from pathlib import Path

from . import debian
from .initramfs import Initramfs
from .paths import BUILD, LAB

L1_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "kvm_amd"]
GUEST_MODULES = ["button", "evdev"]  # what makes a power button an input device


@dataclass(frozen=True)
class Images:
    kernels: dict[str, debian.Kernel]
    guest_initrd: dict[str, Path]
    l1_initramfs: Path


def prepare(flavours=("std", "cloud")) -> Images:
    """Makes what is missing. Initramfs files are cheap and made anew each time."""
    kernels = {flavour: debian.kernel(flavour) for flavour in flavours}
    directory = BUILD / "images"
    directory.mkdir(parents=True, exist_ok=True)
    initrds = {name: _guest_initrd(kernel, directory) for name, kernel in kernels.items()}
    return Images(kernels, initrds, _l1_initramfs(kernels["std"], directory))


def _guest_initrd(kernel: debian.Kernel, directory: Path) -> Path:
    initrd = Initramfs(LAB / "guest-init")
    initrd.modules(kernel, GUEST_MODULES)
    return initrd.write(directory / f"guest-{kernel.flavour}.gz")


def _l1_initramfs(kernel: debian.Kernel, directory: Path) -> Path:
    initramfs = Initramfs(LAB / "l1-init")
    initramfs.modules(kernel, L1_MODULES)
    return initramfs.write(directory / "l1.gz")
