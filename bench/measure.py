# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: processes that are timed in turns, and the table of what came out."""

import dataclasses
import json
import os
import pathlib
import platform
import re
import statistics
import time


class Failure(Exception):
    """Something did not run; the text is for the user."""


@dataclasses.dataclass
class Row:
    what: str
    value: float
    unit: str
    target: float | None = None  # at most; None for what is printed only to be compared with

    def verdict(self):
        if self.target is None:
            return ""
        return "ok" if self.value <= self.target else "missed"


@dataclasses.dataclass
class Cost:
    wall: float  # seconds
    cpu: float


def run_once(command):
    """The time is from posix_spawn, which costs little whatever the size of this program, to the reaped child."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise Failure(f"status {os.waitstatus_to_exitcode(status)} from: {' '.join(command)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def interleaved(commands, rounds):
    """{name: [Cost]}: every round runs each command once, beginning with another one each time."""
    costs = {name: [] for name in commands}
    names = list(commands)
    for command in commands.values():
        run_once(command)  # the first run reads files from disk
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            costs[name].append(run_once(commands[name]))
    return costs


def median(costs, part):
    return statistics.median(getattr(cost, part) for cost in costs)


def time_per_piece(few, many, pieces, part):
    """The median over rounds of the difference, which has no start-up in it; in seconds."""
    return statistics.median((getattr(b, part) - getattr(a, part)) / pieces for a, b in zip(few, many))


def machine():
    """What the numbers depend on."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    modules = [name for name in ("kvm_intel", "kvm_amd", "kvm_pvm") if pathlib.Path("/sys/module", name).exists()]
    return {
        "cpu": model.group(1) if model else "unknown",
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "kvm": modules,
        "load": round(os.getloadavg()[0], 2),
    }


def print_table(rows):
    width = max(len(row.what) for row in rows)
    print(f"{'':{width}}  {'value':>12}      {'target':>9}")
    for row in rows:
        digits = 3 if row.unit == "" else 0 if row.unit in ("KiB", "ns") else 2
        target = "" if row.target is None else f"<= {row.target:g}"
        print(f"{row.what:{width}}  {row.value:12.{digits}f} {row.unit:4} {target:>9}  {row.verdict()}".rstrip())


def report(rows, about, as_json):
    """The end of a run."""
    if as_json:
        results = [dataclasses.asdict(row) | {"verdict": row.verdict()} for row in rows]
        print(json.dumps({"machine": about, "results": results}, indent=2))
        return
    kvm = ", ".join(about["kvm"]) or "no KVM module"
    print(f"{about['cpu']}, {about['cpus']} CPUs, Linux {about['kernel']}, {kvm}, load {about['load']}")
    print_table(rows)
