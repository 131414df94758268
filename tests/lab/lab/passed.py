# SPDX-License-Identifier: Apache-2.0
"""Devices of an L1 with an IOMMU that its guests can have: each behind a port of its own, which gives it a group of its
own and a reset. The L1 has a network card beside them, on one cable with the one to pass."""
import shutil
from pathlib import Path

from .images import root_image

DISKS = {"nvme": 256, "blk": 320, "sata": 64}  # MiB
CARD = "02:00:00:00:01:01"  # the L1's own

DEVICES = (
    "edu,dma_mask=0xffffffffffff",
    "nvme,drive=nvme,serial=lab-nvme",
    "e1000e,netdev=passed,mac=02:00:00:00:01:02",
    "virtio-blk-pci,drive=blk,serial=lab-blk,iommu_platform=on,disable-legacy=on",
    "ich9-ahci,id=ahci",
)


def make_disks(directory: Path) -> None:
    """The virtio disk begins with a root file system."""
    shutil.copyfile(root_image(), directory / "blk.img")
    for name, megabytes in DISKS.items():
        with open(directory / f"{name}.img", "ab") as disk:
            disk.truncate(megabytes << 20)


def devices_to_pass() -> list[str]:
    """Arguments of the emulator. The IOMMU comes first."""
    options = ["-device", "intel-iommu,intremap=on"]
    for name in DISKS:
        options += ["-drive", f"if=none,id={name},format=raw,file={name}.img"]
    for name in ("passed", "own"):
        options += ["-netdev", f"hubport,id={name},hubid=0"]
    options += ["-device", f"virtio-net-pci,netdev=own,mac={CARD}"]
    for number, device in enumerate(DEVICES, start=1):
        options += ["-device", f"pcie-root-port,id=port{number},chassis={number},slot={number}"]
        options += ["-device", f"{device},bus=port{number}"]
    options += ["-device", "ide-hd,drive=sata,bus=ahci.0"]
    return options
