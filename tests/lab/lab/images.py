# SPDX-License-Identifier: Apache-2.0
"""The files that machines boot from: kernels, the L1's initramfs, the guests' initrd."""
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import arm64, debian
from .board import X86, Board
from .initramfs import Archive, Initramfs, find_program, libraries, with_needs
from .paths import BUILD, LAB

ROOT_MODULES = ["virtio_blk", "crc32c_generic", "ext4"]  # what an L1 with a root file system of its own needs besides


@dataclass(frozen=True)
class Images:
    kernels: dict[str, debian.Kernel]
    guest_initrd: dict[str, Path]
    l1_initramfs: Path
    systemd_initramfs: Path


def prepare(flavours=("std", "cloud"), board: Board = X86, qvm: Path | None = None) -> Images:
    """Makes what is missing. Initramfs files are cheap and made anew each time."""
    get = debian.kernel if board.arch == "x86" else debian.arm64_kernel
    kernels = {flavour: get(flavour) for flavour in flavours}
    directory = BUILD / "images"
    directory.mkdir(parents=True, exist_ok=True)
    initrds = {name: _guest_initrd(board, kernel, directory) for name, kernel in kernels.items()}
    plain = _l1_initramfs(board, kernels["std"], qvm, board.l1_modules).write(directory / f"l1-{board.name}.gz")
    with_root = _l1_initramfs(board, kernels["std"], qvm, (*board.l1_modules, *ROOT_MODULES))
    return Images(kernels, initrds, plain, with_root.write(directory / f"l1-{board.name}-systemd.gz"))


def _start(board: Board, init: str) -> Initramfs:
    return Initramfs(LAB / init, None if board.arch == "x86" else arm64.busybox())


def _guest_initrd(board: Board, kernel: debian.Kernel, directory: Path) -> Path:
    initrd = _start(board, "guest-init")
    initrd.modules(kernel, board.guest_modules)
    return initrd.write(directory / f"guest-{board.name}-{kernel.flavour}.gz")


@dataclass(frozen=True)
class Extras:
    """What a task needs besides the guest's initrd: kernel modules, programs of this machine, files by their name there."""

    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)


def task_initrd(base: Path, kernel: debian.Kernel, script: str, extras: "Extras", to: Path) -> Path:
    """The guest's initrd with a task of a case's own behind it."""
    archive = Archive()
    archive.text("task", script.encode())
    for number, path in enumerate(with_needs(kernel, extras.modules)):
        archive.file(f"task-modules/{number:02}-{path.name}", path)
    for program in extras.programs:
        archive.program(program)
    for name, source in extras.files.items():
        archive.file(name, source)
    to.write_bytes(base.read_bytes() + archive.packed())
    return to


ROOT_PROGRAMS = ("fio", "iperf3", "socat", "mkfs.ext4", "e2fsck", "stdbuf")


@cache
def root_image() -> Path:
    """An ext4 file system that a guest can have as its root: busybox, Debian's fio, iperf3, socat, e2fsprogs."""
    image = BUILD / "images" / "root.ext4"
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        tree = Path(scratch)
        _fill_root(tree)
        image.unlink(missing_ok=True)
        subprocess.run(
            ["mke2fs", "-q", "-t", "ext4", "-L", "lab-root", "-E", "root_owner=0:0", "-d", tree, image, "256M"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return image


def _fill_root(tree: Path) -> None:
    for directory in ("bin", "sbin", "dev", "proc", "sys", "tmp", "mnt", "run", "etc"):
        (tree / directory).mkdir()
    busybox = find_program("busybox")
    shutil.copy(busybox, tree / "bin/busybox")
    for applet in subprocess.check_output([busybox, "--list"], text=True).split():
        if applet not in ROOT_PROGRAMS and not (tree / "bin" / applet).exists():
            (tree / "bin" / applet).symlink_to("busybox")
    shutil.copy(LAB / "guest-init", tree / "sbin/init")
    (tree / "sbin/init").chmod(0o755)
    for name in ROOT_PROGRAMS:
        program = find_program(name)
        shutil.copy(program, tree / "bin" / name)
        for library in libraries(program):
            to = tree / str(library).lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, to)


def _l1_initramfs(board: Board, kernel: debian.Kernel, qvm: Path | None, modules: tuple[str, ...]) -> Initramfs:
    initramfs = _start(board, "l1-init")
    initramfs.modules(kernel, modules)
    initramfs.file("l1-agent", LAB / "l1-agent")
    if board.arch != "x86":  # it cannot run this machine's programs
        arm64.add_python(initramfs)
        if qvm is not None and qvm.exists():
            arm64.add_libraries(initramfs, qvm)
    return initramfs
