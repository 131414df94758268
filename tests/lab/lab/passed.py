# SPDX-License-Identifier: Apache-2.0
"""Devices of an L1 with an IOMMU that its guests can have: each behind a port of its own, which gives it a group of its
own and a reset. A PC has a network card beside them, on one cable with the one to pass."""
import shutil
from pathlib import Path

from .board import Board
from .images import root_image

DISKS = {"nvme": 256, "blk": 320, "sata": 64}  # MiB
CARD = "02:00:00:00:01:01"  # the L1's own
RESERVED = range(0x80000000, 0x90000000)  # memory of a PC, above that of its kernel

SIMPLE_DEVICES = (
    "edu,dma_mask=0xffffffffffff",
    "nvme,drive=nvme,serial=lab-nvme",
)
PC_DEVICES = (
    *SIMPLE_DEVICES,
    "e1000e,netdev=passed,mac=02:00:00:00:01:02",
    "virtio-blk-pci,drive=blk,serial=lab-blk,iommu_platform=on,disable-legacy=on",
    "ich9-ahci,id=ahci",
)


def make_disks(board: Board, directory: Path) -> None:
    """The virtio disk begins with a root file system, of this machine's programs."""
    if board.arch == "x86":
        shutil.copyfile(root_image(), directory / "blk.img")
    for name in _disks(board):
        with open(directory / f"{name}.img", "ab") as disk:
            disk.truncate(DISKS[name] << 20)


def _disks(board: Board) -> tuple[str, ...]:
    return tuple(DISKS) if board.arch == "x86" else ("nvme",)


def devices_to_pass(board: Board, remapping: bool) -> list[str]:
    """Arguments of the emulator. A PC's IOMMU is one of them, and comes first; it may lack the remapping of interrupts."""
    options = []
    for name in _disks(board):
        options += ["-drive", f"if=none,id={name},format=raw,file={name}.img"]
    if board.arch != "x86":
        return options + _behind_ports(SIMPLE_DEVICES)
    for name in ("passed", "own"):
        options += ["-netdev", f"hubport,id={name},hubid=0"]
    own = ["-device", f"virtio-net-pci,netdev=own,mac={CARD}"]
    passed = [*_behind_ports(PC_DEVICES), "-device", "ide-hd,drive=sata,bus=ahci.0"]
    return ["-device", f"intel-iommu,intremap={'on' if remapping else 'off'}", *options, *own, *passed]


def _behind_ports(devices: tuple[str, ...]) -> list[str]:
    options = []
    for number, device in enumerate(devices, start=1):
        options += ["-device", f"pcie-root-port,id=port{number},chassis={number},slot={number}"]
        options += ["-device", f"{device},bus=port{number}"]
    return options
