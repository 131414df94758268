# SPDX-License-Identifier: Apache-2.0
"""Writes an initramfs: cpio archives ("newc") with busybox, kernel modules and programs."""
import gzip
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterable

from .debian import Kernel, PackageError

DIRECTORY, FILE, LINK = 0o040755, 0o100755, 0o120777


class Archive:
    """One cpio archive. The kernel unpacks several that lie one behind another."""

    def __init__(self):
        self._archive = io.BytesIO()
        self._inode = 0
        self._directories: set[Path] = set()
        self._files: set[str] = set()

    def file(self, name: str, source: Path) -> None:
        if name not in self._files:
            self.text(name, source.read_bytes())

    def text(self, name: str, content: bytes) -> None:
        self._files.add(name)
        for parent in reversed(Path(name).parents[:-1]):
            self.directory(parent)
        self._entry(name, FILE, content)

    def directory(self, path: Path) -> None:
        if path not in self._directories:
            self._directories.add(path)
            self._entry(str(path), DIRECTORY)

    def link(self, name: str, target: str) -> None:
        self._entry(name, LINK, target.encode())

    def program(self, name: str) -> None:
        """One of this machine's programs by its name or path, with the libraries that it needs, as bin/NAME."""
        path = find_program(name)
        self.file(f"bin/{path.name}", path)
        for library in libraries(path):
            self.file(str(library).lstrip("/"), library)

    def modules(self, kernel: Kernel, wanted: Iterable[str]) -> None:
        """Adds modules with what they need; names that order them for insmod.

        A module that this kernel does not have is taken as built in.
        """
        for number, path in enumerate(with_needs(kernel, wanted)):
            self.file(f"modules/{number:02}-{path.name}", path)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.packed())
        return path

    def packed(self) -> bytes:
        self._entry("TRAILER!!!", 0)
        return gzip.compress(self._archive.getvalue(), compresslevel=1, mtime=0)

    def _entry(self, name: str, mode: int, content: bytes = b"") -> None:
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        self._archive.write(b"070701" + b"".join(b"%08x" % field for field in fields) + encoded)
        self._pad()
        self._archive.write(content)
        self._pad()

    def _pad(self) -> None:
        self._archive.write(bytes(-self._archive.tell() % 4))


class Initramfs(Archive):
    """An archive that a machine starts from."""

    def __init__(self, init: Path, busybox: Path | None = None):
        super().__init__()
        for directory in ("bin", "dev", "proc", "sys", "modules"):
            self.directory(Path(directory))
        self.file("bin/busybox", busybox or _busybox())
        self.link("bin/sh", "busybox")
        self.file("init", init)


def with_needs(kernel: Kernel, wanted: Iterable[str]) -> list[Path]:
    """Module files in an order in which they can be loaded."""
    ordered: list[Path] = []
    for name in wanted:
        _collect(kernel, name, ordered)
    return ordered


def find_program(name: str) -> Path:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/qemu:/usr/libexec")
    if found is None:
        raise PackageError(f"there is no program {name}: run 'tools/install-deps lab'")
    return Path(found)


def libraries(program: Path) -> list[Path]:
    """The dynamic loader and the libraries, under the names by which they are looked for."""
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listed.stdout)]


def _collect(kernel: Kernel, name: str, ordered: list[Path]) -> None:
    path = kernel.module(name)
    if path is None or path in ordered:
        return
    for needed in _needs(path):
        _collect(kernel, needed, ordered)
    ordered.append(path)


def _needs(module: Path) -> list[str]:
    """What a module says it depends on: the package has no modules.dep to ask."""
    found = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    return found[1].decode().split(",") if found and found[1] else []


def _busybox() -> Path:
    for candidate in ("/bin/busybox", shutil.which("busybox")):
        if candidate and Path(candidate).exists():
            return Path(candidate)
    raise PackageError("no busybox: run 'tools/install-deps lab'")
