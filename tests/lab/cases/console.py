# SPDX-License-Identifier: Apache-2.0
"""The serial console carries text both ways and loses none of it."""
import hashlib
import os

from lab import Lab, case, check
from cases.common import PATIENCE, boots, ends_by_word


@case()
def typed_text_reaches_a_shell(lab: Lab):
    vm = lab.start(lab.guest("shell"))
    boots(vm, 1)
    vm.expect("guest# ")
    vm.type("echo sum=$((20+22))\n")
    vm.expect("sum=42")
    vm.type("exit\n")
    ends_by_word(vm, "poweroff")


@case()
def pasted_text_arrives_whole(lab: Lab):
    text = "".join(f"line {n:04} of what is pasted, all of one length\n" for n in range(80))
    vm = lab.start(lab.guest("shell"))
    boots(vm, 1)
    vm.expect("guest# ")
    vm.type(f"stty -echo; echo READ''Y; head -c {len(text)} | md5sum\n")
    vm.expect("READY")
    vm.type(text)
    vm.expect(hashlib.md5(text.encode()).hexdigest(), within=30)
    vm.type("exit\n")
    ends_by_word(vm, "poweroff")


PRINTED = "".join(f"{number}\n" for number in range(100000, 115001))  # as `seq` in guest-init does


@case(limit=400, rare=lambda: True)  # each character costs several exits, and each exit is dear under emulation
def prints_100_kb_byte_exact(lab: Lab):
    vm = lab.start(lab.guest("print"))
    boots(vm, 1)
    vm.expect(r"PRINT-BEGIN\n")
    begin = vm.streams["out"].position
    vm.expect("PRINT-END")
    printed = vm.stdout[begin : vm.streams["out"].position - len("PRINT-END")]
    check(printed == PRINTED, first_difference(printed))
    ends_by_word(vm, "poweroff")


def first_difference(printed: str) -> str:
    same = len(os.path.commonprefix([printed, PRINTED]))
    return f"{len(printed)} bytes came, {len(PRINTED)} were printed; from byte {same} on: {printed[same : same + 40]!r}"


@case()
def terminal_is_restored(lab: Lab):
    """On a terminal, Ctrl-A x leaves; the terminal is then as it was."""
    vm = lab.start(lab.guest("deaf"), tty=True)
    boots(vm, 1)
    vm.type("\x01x")
    vm.ends(3, within=5 * PATIENCE)
    check(vm.terminal_restored, "the terminal is not as it was")
