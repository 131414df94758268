# SPDX-License-Identifier: Apache-2.0
"""What most cases expect of a guest."""
import re

from lab import check
from lab.vm import Vm

# What the guest's kernel says as its last act, also when it is told to be quiet.
LAST_WORD = {"poweroff": "reboot: Power down", "reboot": "reboot: Restarting system"}
PATIENCE = 2.0  # seconds from that word to the end of qvm
COMPLAINTS = re.compile(r"WARNING: CPU|BUG:|Call Trace|nobody cared|soft lockup|rcu.*stall")


def boots(vm: Vm, cpus: int, counts: bool = True) -> str:
    """The guest is up, as it should be; returns what it says about the serial interrupt, of which some have come if it
    counts."""
    found = int(vm.expect(r"GUEST-UP nproc=(\d+) ")[1])
    check(found == cpus, f"the guest sees {found} CPUs, not {cpus}")
    interrupts = vm.expect(r"GUEST-IRQ (.*)\n")[1]
    found = re.match(r"\s*\d+:((?:\s+\d+)+)\s", interrupts)
    check(found and (not counts or sum(map(int, found[1].split())) > 0), f"no serial interrupt: {interrupts}")
    vm.expect("GUEST-REPORTED")
    check_calm(vm)
    return interrupts


def ends_by_word(vm: Vm, task: str, code: int = 0) -> None:
    # The kernel prints at once; what programs have printed may still wait in the driver's buffer and come behind it.
    word = vm.expect(re.escape(LAST_WORD[task]), anywhere=True)
    took = vm.ends(code, within=10 * PATIENCE) - word.at
    check(took <= PATIENCE, f"qvm ended {took:.1f} s after the guest's word")
    check_calm(vm)


def check_calm(vm: Vm) -> None:
    complaint = COMPLAINTS.search(vm.stdout)
    check(not complaint, f"the guest's kernel complains: {complaint and complaint[0]}")
