# SPDX-License-Identifier: Apache-2.0
"""What a case file imports: `case`, `check`, `skip`, and the Lab that a case is given."""
import itertools
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import images
from .images import Extras, Images
from .initramfs import with_needs
from .l1 import L1
from .modules import module
from .vm import Failed, Vm

DEFAULT_LIMIT = 120.0  # seconds; several times what a boot takes on a quiet machine


class Skipped(Exception):
    pass


@dataclass(frozen=True)
class Case:
    name: str
    function: Callable
    arguments: dict
    limit: float
    init: str  # of the L1: "busybox"; "iommu", the same with an IOMMU and devices to pass, "iommu-unsafe" with one that remaps no interrupts; "systemd" as a Debian has it
    board: str  # a machine, or an architecture: all of its machines
    rare: bool  # it differs little from another one, or takes long: a short run leaves it out

    @property
    def directory_name(self) -> str:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-")


REGISTRY: list[Case] = []


def case(limit: float = DEFAULT_LIMIT, init: str = "busybox", board: str = "x86", rare=lambda **_: False, **choices):
    """Registers a function as one case for each combination of the choices; `rare` judges each."""

    def register(function):
        module = function.__module__.rpartition(".")[2]
        for values in itertools.product(*choices.values()):
            label = f"[{'-'.join(map(str, values))}]" if values else ""
            name = f"{module}.{function.__name__}{label}"
            chosen = dict(zip(choices, values))
            REGISTRY.append(Case(name, function, chosen, limit, init, board, rare(**chosen)))
        return function

    return register


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def skip(reason: str) -> None:
    raise Skipped(reason)


class Lab:
    """A case's view of the lab: guests to describe, and qvm to start in the L1."""

    def __init__(self, l1: L1, images: Images, qvm: Path, directory: Path, limit: float):
        self._l1 = l1
        self.board = l1.board
        self.images = images
        self._qvm = qvm
        self._deadline = time.monotonic() + limit
        self.directory = directory
        self.vms: list[Vm] = []
        self._initrds = 0

    def guest(
        self,
        task: str,
        kernel: str = "std",
        form: str | None = None,
        cpus: int = 1,
        cmdline: str = "quiet",
        vdevs: str | None = None,
        ram: str | None = None,
        initrd: Path | None = None,
    ) -> str:
        """The smallest configuration of a Linux guest that does the task (see guest-init)."""
        return (
            f"ram {ram or self.board.ram}\n"
            + "cpu\n" * cpus
            + f"load {self.images.kernels[kernel].image(form or self.board.form)}\n"
            + f"initrd load {initrd or self.images.guest_initrd[kernel]}\n"
            + f'cmdline "console={self.board.console} panic=-1 {cmdline} lab.do={task}"\n'
            + (self.board.vdevs if vdevs is None else vdevs)
            + "\n"
        )

    def guest_with(self, script: str, extras: Extras, kernel: str = "std", **more) -> str:
        """The same for a guest that runs a shell script of the case's own (`sh -e`), says TASK-ENDED and its exit code,
        and powers off. With `lab.root=/dev/vda` on its command line it does so with that file system as its root."""
        self._initrds += 1
        to = self.directory / f"initrd-{self._initrds}.gz"
        images.task_initrd(self.images.guest_initrd[kernel], self.images.kernels[kernel], script, extras, to)
        return self.guest("script", kernel, initrd=to, **more)

    def root_image(self) -> Path:
        """A file system for guests with more programs than fit into an initrd; to be read only, or copied in the L1."""
        return images.root_image()

    def load_in_l1(self, *modules: str) -> None:
        """Kernel modules with what they need; those that are there already stay."""
        for path in with_needs(self.images.kernels["std"], modules):
            self._l1.run(["/bin/busybox", "insmod", str(path)])

    def load_own_in_l1(self, name: str, *parameters: str) -> None:
        """A module of ours, tests/lab/guest/NAME.c, unless it is there; an arm64 L1's only."""
        if name in self.read("/proc/modules"):
            return
        self.run_in_l1("/bin/busybox", "insmod", str(module(self.images.kernels["std"], name)), *parameters)

    def run_in_l1(self, *argv: str) -> str:
        """Runs a program of the L1 to its end, which must be a good one; returns what it printed."""
        vm = self.run(*argv)
        code = vm.wait_for_end()
        check(code == 0, f"{' '.join(argv)} ended with {code}: {vm.stderr}")
        return vm.stdout

    def start(self, configuration: str, tty: bool = False) -> Vm:
        """Starts qvm in the L1, with the case's own directory as the current one."""
        (self.directory / "guest.qvmconf").write_text(configuration)
        return self.run_qvm("-f", "guest.qvmconf", tty=tty)

    def provide(self, name: str, source: Path) -> None:
        """Puts a file into the case's directory."""
        (self.directory / name).symlink_to(source)

    @property
    def qvm(self) -> Path:
        return self._qvm

    def read(self, path: str) -> str:
        """A file of the L1. FileNotFoundError if there is none."""
        return self._l1.read(path)

    def run_qvm(self, *arguments: str, tty: bool = False) -> Vm:
        return self.run(str(self._qvm), *arguments, tty=tty)

    def has_beside_qvm(self, program: str) -> bool:
        return (self._qvm.parent / program).exists()

    def run_beside_qvm(self, program: str, *argv: str) -> Vm:
        """Another program of the same build."""
        # The machine's own /tmp is slow to reach from the L1, and not writable.
        return self.run("/usr/bin/env", "TMPDIR=/dev/shm", str(self._qvm.parent / program), *argv)

    def run(self, *argv: str, tty: bool = False) -> Vm:
        vm = Vm(self._l1, list(argv), self.directory, self._deadline, tty)
        self.vms.append(vm)
        return vm
