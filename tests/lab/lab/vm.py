# SPDX-License-Identifier: Apache-2.0
"""A program under test in the L1, usually qvm with its guest: expect, type, signal, end."""
import re
import time
from bisect import bisect_right
from pathlib import Path
from signal import Signals

from .l1 import L1


class Failed(Exception):
    """An expectation of a case that did not hold. Never retried."""


class Stream:
    """What came out of one end, and when."""

    def __init__(self):
        self.text = ""
        self.position = 0  # expectations look behind this
        self._starts: list[int] = []
        self._times: list[float] = []

    def add(self, data: str, at: float) -> None:
        self._starts.append(len(self.text))
        self._times.append(at)
        self.text += data

    def time_of(self, offset: int) -> float:
        return self._times[bisect_right(self._starts, offset) - 1]

    def lines(self):
        start = 0
        for line in re.findall(r"[^\n]*\n|[^\n]+", self.text):
            yield self.time_of(start), line.rstrip("\r\n")
            start += len(line)


class Vm:
    def __init__(self, l1: L1, argv: list[str], directory: Path, deadline: float, tty: bool = False):
        self._l1 = l1
        self._deadline = deadline
        self._seen = 0
        self._exit: dict | None = None
        self.on_output = lambda text: None
        self.streams = {"out": Stream(), "err": Stream()}
        self._number, self._events = l1.spawn(argv, directory, tty)
        self.pid, self.started_at = self._start_of(self._events[0])

    # -- what it says -----------------------------------------------------------------------

    @property
    def stdout(self) -> str:
        return self.streams["out"].text

    @property
    def stderr(self) -> str:
        return self.streams["err"].text

    def expect(self, pattern: str, within: float | None = None, stream: str = "out", anywhere: bool = False) -> "Said":
        """Waits for the pattern, behind the last expected one or anywhere; tells its text and its time."""
        source = self.streams[stream]
        compiled = re.compile(pattern, re.MULTILINE)
        found = None

        def said():
            nonlocal found
            self._absorb()
            found = compiled.search(source.text, 0 if anywhere else source.position)
            return found or self._exit

        self._wait(said, within, f"/{pattern}/ on std{stream}")
        if not found:
            raise Failed(f"qvm ended with {self._exit['exit']} before /{pattern}/ on std{stream}")
        source.position = max(source.position, found.end())
        return Said(found, source.time_of(found.end() - 1))

    # -- what it is told ----------------------------------------------------------------------

    def type(self, text: str) -> None:
        self._l1.write(self._number, text.encode())

    def hang_up(self) -> None:
        self._l1.close_input(self._number)

    def signal(self, which: Signals) -> None:
        """Sends a signal and waits until qvm took it: a second one would merge with it."""
        self._l1.signal(self._number, which)
        self._wait(lambda: not self._is_pending(which), 30, f"qvm to take {which.name}")

    # -- how it ends --------------------------------------------------------------------------

    def ends(self, code: int, within: float | None = None) -> float:
        """Waits for the end, demands its exit code, and tells its time."""
        found = self.wait_for_end(within)
        if found != code:
            raise Failed(f"qvm ended with {found}, expected {code}")
        return self._exit["at"]

    def wait_for_end(self, within: float | None = None) -> int:
        self._wait(lambda: self._absorb() or self._exit, within, "the end of qvm")
        return self._exit["exit"]

    @property
    def terminal_restored(self) -> bool:
        return self._exit["restored"]

    def log(self) -> str:
        """Both streams by time, stderr marked."""
        self._absorb()
        lines = [(at, " ", line) for at, line in self.streams["out"].lines()]
        lines += [(at, "!", line) for at, line in self.streams["err"].lines()]
        lines.sort(key=lambda entry: entry[0])
        end = f"exit {self._exit['exit']} at {self._since(self._exit['at'])}" if self._exit else "still running"
        return "".join(f"{self._since(at)} {mark} {line}\n" for at, mark, line in lines) + end + "\n"

    # -- inside -------------------------------------------------------------------------------

    def _since(self, at: float) -> str:
        return f"{at - self.started_at:8.3f}"

    @staticmethod
    def _start_of(event: dict) -> tuple[int, float]:
        if "error" in event:
            raise Failed(f"cannot start: {event['error']}")
        return event["pid"], event["at"]

    def _absorb(self) -> None:
        for event in self._events[self._seen :]:
            if "stream" in event:
                self.streams[event["stream"]].add(event["data"], event["at"])
                self.on_output(event["data"])
            elif "exit" in event:
                self._exit = event
        self._seen = len(self._events)

    def _wait(self, condition, within: float | None, what: str) -> None:
        left = max(0.0, self._deadline - time.monotonic())
        within = left if within is None else min(within, left)
        if not self._l1.wait_until(condition, within):
            raise Failed(f"waited {within:.0f} s in vain for {what}")

    def _is_pending(self, which: Signals) -> bool:
        try:
            status = self._l1.read(f"/proc/{self.pid}/status")
        except FileNotFoundError:
            return False
        masks = re.findall(r"^(?:Shd|Sig)Pnd:\s*([0-9a-f]+)", status, re.MULTILINE)
        return any(int(mask, 16) >> (which - 1) & 1 for mask in masks)


class Said:
    """A match and the L1's uptime at which it had been said."""

    def __init__(self, match: re.Match, at: float):
        self._match, self.at = match, at

    def __getitem__(self, group):
        return self._match[group]
