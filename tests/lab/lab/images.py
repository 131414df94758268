# SPDX-License-Identifier: Apache-2.0
"""The files that machines boot from: kernels, the L1's initramfs, the guests' initrd."""
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import debian
from .initramfs import Archive, Initramfs, find_program, libraries, with_needs
from .paths import BUILD, LAB

L1_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "kvm_amd"]
ROOT_MODULES = ["virtio_blk", "crc32c_generic", "ext4"]  # what an L1 with a root file system of its own needs besides
GUEST_MODULES = ["button", "evdev"]  # what makes a power button an input device


@dataclass(frozen=True)
class Images:
    kernels: dict[str, debian.Kernel]
    guest_initrd: dict[str, Path]
    l1_initramfs: Path
    systemd_initramfs: Path


def prepare(flavours=("std", "cloud")) -> Images:
    """Makes what is missing. Initramfs files are cheap and made anew each time."""
    kernels = {flavour: debian.kernel(flavour) for flavour in flavours}
    directory = BUILD / "images"
    directory.mkdir(parents=True, exist_ok=True)
    initrds = {name: _guest_initrd(kernel, directory) for name, kernel in kernels.items()}
    plain = _l1_initramfs(kernels["std"], directory / "l1.gz", [])
    with_root = _l1_initramfs(kernels["std"], directory / "l1-systemd.gz", ROOT_MODULES)
    return Images(kernels, initrds, plain, with_root)


def _guest_initrd(kernel: debian.Kernel, directory: Path) -> Path:
    initrd = Initramfs(LAB / "guest-init")
    initrd.modules(kernel, GUEST_MODULES)
    return initrd.write(directory / f"guest-{kernel.flavour}.gz")


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


def _l1_initramfs(kernel: debian.Kernel, path: Path, more: list[str]) -> Path:
    initramfs = Initramfs(LAB / "l1-init")
    initramfs.modules(kernel, L1_MODULES + more)
    initramfs.file("l1-agent", LAB / "l1-agent")
    return initramfs.write(path)
