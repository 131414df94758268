# SPDX-License-Identifier: Apache-2.0
"""Writes an initramfs: a cpio archive ("newc") with busybox and kernel modules."""
import gzip
import io
import re
import shutil
from pathlib import Path

from .debian import Kernel, PackageError

DIRECTORY, FILE, LINK = 0o040755, 0o100755, 0o120777


class Initramfs:
    def __init__(self, init: Path):
        self._archive = io.BytesIO()
        self._inode = 0
        for directory in ("bin", "dev", "proc", "sys", "modules"):
            self._entry(directory, DIRECTORY)
        self.file("bin/busybox", _busybox())
        self._entry("bin/sh", LINK, b"busybox")
        self.file("init", init)

    def file(self, name: str, source: Path) -> None:
        self._entry(name, FILE, source.read_bytes())

    def modules(self, kernel: Kernel, wanted: list[str]) -> None:
        """Adds modules with what they need; names that order them for insmod.

        A module that this kernel does not have is taken as built in.
        """
        ordered: list[Path] = []
        for name in wanted:
            _collect(kernel, name, ordered)
        for number, path in enumerate(ordered):
            self.file(f"modules/{number:02}-{path.name}", path)

    def write(self, path: Path) -> Path:
        self._entry("TRAILER!!!", 0)
        path.write_bytes(gzip.compress(self._archive.getvalue(), compresslevel=1, mtime=0))
        return path

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
