# SPDX-License-Identifier: Apache-2.0
"""Joins this terminal to a program in the L1."""
import os
import select
import sys
import termios
import tty
from pathlib import Path

from .l1 import L1


def bridge(l1: L1, argv: list[str], cwd: Path | None = None) -> int:
    """Runs a program of the L1 on this terminal; returns its exit code."""
    number, events = l1.spawn(argv, cwd, tty=True)
    if "error" in events[0]:
        raise OSError(events[0]["error"])
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        return _copy(l1, number, events)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _copy(l1: L1, number: int, events: list) -> int:
    while True:
        while events:
            event = events.pop(0)
            if "exit" in event:
                return event["exit"]
            os.write(sys.stdout.fileno(), event.get("data", "").encode("latin-1"))
        ready, _, _ = select.select([sys.stdin, l1], [], [])
        if sys.stdin in ready:
            l1.write(number, os.read(sys.stdin.fileno(), 4096))
        if l1 in ready:
            l1.receive(0)
