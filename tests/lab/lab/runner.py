# SPDX-License-Identifier: Apache-2.0
"""Runs cases one after another in one L1, with a fresh one when that dies."""
import fcntl
import importlib
import re
import shutil
import time
import traceback
from collections import Counter
from pathlib import Path

from . import images, qemu
from .board import X86, Board
from .case import REGISTRY, Case, Lab, Skipped
from .l1 import L1, L1Lost
from .paths import BUILD, LAB, LOGS
from .vm import Failed

L1_BROKEN = re.compile(r"soft lockup|Kernel panic|Oops|BUG:|L1-NO-AGENT")
TAIL = 40


def load_cases(patterns: list[str], board: Board = X86, short: bool = False) -> list[Case]:
    for path in sorted((LAB / "cases").glob("*.py")):
        importlib.import_module(f"cases.{path.stem}")
    here = [case for case in REGISTRY if case.board in (board.name, board.arch) and not (short and case.rare)]
    return [case for case in here if any(pattern in case.name for pattern in patterns)]


def say(text: str) -> None:
    print(text, flush=True)


class Runner:
    def __init__(self, qvm: Path, flavours=None, say=say, board: Board = X86):
        LOGS.mkdir(parents=True, exist_ok=True)
        self._say = say
        self._lock = only_one(board)
        self._qvm = qvm
        self._l1: L1 | None = None
        self._init = "busybox"
        self._board = board
        self._qemu = qemu.choose(board)
        self._say(f"L1: {self._qemu.why}; {self._qemu.cpus} CPU(s)")
        self.images = images.prepare(flavours or board.flavours, board, qvm)

    def run(self, cases: list[Case]) -> Counter:
        """Those that share an L1 one after another: a change of it costs its start."""
        return Counter(self._run_with_rerun(case) for case in sorted(cases, key=lambda case: case.init))

    def l1(self, init: str = "busybox") -> L1:
        if init != self._init:
            self.stop()
        self._init = init
        if self._l1 is None:
            self._l1 = L1.attach(self._board, self._qemu, self.images, init)
            if self._l1:
                self._say("L1: the one that an earlier run kept")
        if self._l1 is None:
            began = time.monotonic()
            self._l1 = L1.boot(self._board, self._qemu, self.images, init)
            self._say(f"L1 with {init}: up after {time.monotonic() - began:.1f} s")
        return self._l1

    def stop(self) -> None:
        if self._l1:
            self._l1.stop()
        self._l1 = None

    def _run_with_rerun(self, case: Case) -> str:
        """Only a lost L1 is a reason to try again, and once."""
        for attempt in (1, 2):
            try:
                return self._run(case)
            except L1Lost as loss:
                self._say(f"L1 LOST in {case.name}: {loss}")
                self._say(indented(self._l1.console_tail() if self._l1 else ""))
                self.stop()
                if attempt == 1:
                    self._say(f"rerun in a fresh L1: {case.name}")
        self._say(f"FAIL          {case.name}: no L1 survived it")
        return "failed"

    def _run(self, case: Case) -> str:
        directory = LOGS / case.directory_name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        l1 = self.l1(case.init)
        lab = Lab(l1, self.images, self._qvm, directory, case.limit)
        began = time.monotonic()
        try:
            outcome, remark = self._outcome(case, lab)
            seconds = time.monotonic() - began
            if outcome == "failed":
                self._demand_a_sound_l1(l1)
            l1.reset()
        finally:
            log = "".join(vm.log() for vm in lab.vms)
            (directory / "console.log").write_text(log)
            (directory / "l1-console.log").write_text(l1.console_tail(100) + "\n")
        self._say(f"{WORD[outcome]} {seconds:6.1f} s  {case.name}{remark}")
        if outcome == "failed":
            self._say(indented(last_lines(log)))
            self._say(f"    whole: {directory}/console.log")
        return outcome

    @staticmethod
    def _outcome(case: Case, lab: Lab) -> tuple[str, str]:
        try:
            case.function(lab, **case.arguments)
        except Failed as failure:
            return "failed", f": {failure}"
        except Skipped as reason:
            return "skipped", f": {reason}"
        except L1Lost:
            raise
        except Exception:  # a mistake in the case is a failure of that case alone
            return "failed", ": " + traceback.format_exc()
        return "passed", ""

    @staticmethod
    def _demand_a_sound_l1(l1: L1) -> None:
        """What a broken L1 makes of a case says nothing about qvm."""
        if L1_BROKEN.search(l1.console_tail(1000)):
            raise L1Lost("its kernel reports that it is broken")
        if not l1.answers():
            raise L1Lost("it does not answer")


def only_one(board: Board):
    """Two runs for one board would use the same files; the second waits. Held until the process ends."""
    lock = open(BUILD / f"lock-{board.name}", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another run of the lab in this checkout")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


WORD = {"passed": "pass", "failed": "FAIL", "skipped": "skip"}


def last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-TAIL:])


def indented(text: str) -> str:
    return "\n".join(f"    | {line}" for line in text.splitlines())
