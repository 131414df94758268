# SPDX-License-Identifier: Apache-2.0
"""Every way in which a VM ends, and its exit code."""
import signal

from lab import Lab, case, check
from cases.common import PATIENCE, boots, ends_by_word


@case(rare=lambda kernel: kernel == "cloud", kernel=["std", "cloud"])
def sigterm_presses_the_power_button(lab: Lab, kernel: str):
    vm = lab.start(lab.guest("wait", kernel, cpus=2))
    boots(vm, 2)
    vm.expect("GUEST-LISTENS")
    vm.signal(signal.SIGTERM)
    vm.expect("GUEST-BUTTON")
    ends_by_word(vm, "poweroff")


@case(rare=lambda first: first == "SIGINT", first=["SIGTERM", "SIGINT"])
def second_signal_ends_at_once(lab: Lab, first: str):
    vm = lab.start(lab.guest("deaf"))
    boots(vm, 1)
    vm.signal(signal.Signals[first])
    vm.signal(signal.SIGTERM)
    vm.ends(3, within=5 * PATIENCE)


@case(rare=lambda: True)
def sigquit_pulls_the_plug(lab: Lab):
    vm = lab.start(lab.guest("deaf", cpus=2))
    boots(vm, 2)
    vm.signal(signal.SIGQUIT)
    vm.ends(3, within=5 * PATIENCE)


@case()
def triple_fault_is_reported(lab: Lab):
    vm = lab.start(lab.guest("reboot", cmdline="quiet reboot=t"))
    boots(vm, 1)
    ends_by_word(vm, "reboot")
    check("triple fault" in vm.stderr.lower().replace("-", " "), f"stderr does not tell: {vm.stderr!r}")


@case(rare=lambda: True)
def panic_reboots(lab: Lab):
    vm = lab.start(lab.guest("panic"))
    boots(vm, 1)
    vm.expect("Kernel panic - not syncing")
    vm.ends(0, within=10 * PATIENCE)
