# SPDX-License-Identifier: Apache-2.0
"""Stock kernels on a board with PCI."""
import re

from lab import Extras, Lab, case, check

# In the order of the slots, as the kernel's names have it. The host bridge is there by itself.
FUNCTIONS = ("00:00.0 0x060000", "00:01.0 0xff0000", "00:03.0 0xff0000", "00:03.5 0xff0000")
VDEVS = """\
vdev ser8250
    hostdev -
vdev pci-dummy
    loc pci:0:3.5
vdev pci-dummy
vdev pci-dummy
    loc pci:0:3
"""
SCRIPT = """\
for each in /sys/bus/pci/devices/*; do echo "FUNCTION $(basename $each) $(cat $each/class)"; done
grep 'PCI MMCONFIG' /proc/iomem
"""


@case(rare=lambda kernel: kernel == "std", kernel=["std", "cloud"])
def functions_are_found(lab: Lab, kernel: str):
    """By ACPI and by MMCONFIG, and without a word of complaint."""
    vm = lab.start(lab.guest_with(SCRIPT, Extras(), kernel=kernel, cmdline="loglevel=5", vdevs=VDEVS))
    for function in FUNCTIONS:
        vm.expect(f"^FUNCTION 0000:{function}")
    vm.expect(r"feb00000-febfffff : PCI MMCONFIG 0000")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    complaint = re.search(r"^\[[ .0-9]+\] .*(PCI|pci|ACPI|MMCONFIG|e820).*", vm.stdout, re.MULTILINE)
    check(not complaint, f"the guest's kernel complains: {complaint and complaint[0]}")
