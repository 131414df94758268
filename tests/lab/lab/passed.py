# SPDX-License-Identifier: Apache-2.0
"""Devices of an L1 with an IOMMU that its guests can have: each behind a port of its own, which gives it a group of its
own and a reset."""

DEVICES = ("edu,dma_mask=0xffffffffffff",)


def devices_to_pass() -> list[str]:
    """Arguments of the emulator. The IOMMU comes first."""
    options = ["-device", "intel-iommu,intremap=on"]
    for number, device in enumerate(DEVICES, start=1):
        options += ["-device", f"pcie-root-port,id=port{number},chassis={number},slot={number}"]
        options += ["-device", f"{device},bus=port{number}"]
    return options
