# SPDX-License-Identifier: Apache-2.0
"""Debian kernel packages: downloaded and unpacked, never installed."""
import lzma
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .paths import BUILD

METAPACKAGE = {"std": "linux-image-amd64", "cloud": "linux-image-cloud-amd64"}
ARM64_METAPACKAGE = {"std": "linux-image-arm64"}


class PackageError(Exception):
    """A package cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Kernel:
    """One unpacked kernel package, and the two forms of its kernel. An arm64 `Image` is both."""

    flavour: str
    release: str
    tree: Path
    bzimage: Path
    vmlinux: Path

    def image(self, form: str) -> Path:
        return {"bzImage": self.bzimage, "vmlinux": self.vmlinux, "Image": self.bzimage}[form]

    def module(self, name: str) -> Path | None:
        """The file of a module, or None when it is built in or absent."""
        return _modules(self.tree / "lib/modules" / self.release).get(_plain(name))


@cache
def _modules(directory: Path) -> dict[str, Path]:
    return {_plain(path.stem): path for path in directory.rglob("*.ko")}


def _plain(module: str) -> str:
    return module.replace("-", "_")


def kernel(flavour: str) -> Kernel:
    """The archive's present kernel of this flavour, unpacked below build/lab/packages."""
    tree = _unpacked(METAPACKAGE[flavour], flavour)
    bzimage = next((tree / "boot").glob("vmlinuz-*"))
    vmlinux = tree / "boot" / "vmlinux"
    if not vmlinux.exists():
        _write_whole(vmlinux, _extract_vmlinux(bzimage.read_bytes()))
    release = bzimage.name.removeprefix("vmlinuz-")
    return Kernel(flavour, release, tree, bzimage, vmlinux)


def arm64_kernel(flavour: str) -> Kernel:
    from . import arm64  # which needs this module

    package = arm64.first_dependency(ARM64_METAPACKAGE[flavour])
    tree = arm64.unpack(BUILD / "packages" / f"arm64-{flavour}", package)
    image = next((tree / "boot").glob("vmlinuz-*"))
    return Kernel(flavour, image.name.removeprefix("vmlinuz-"), tree, image, image)


def _unpacked(metapackage: str, flavour: str) -> Path:
    packages = BUILD / "packages" / flavour
    packages.mkdir(parents=True, exist_ok=True)
    wanted = _candidate(metapackage)
    if wanted is None:  # no package lists: what an earlier run left is as good
        kept = sorted(packages.glob("linux-image-*"), key=os.path.getmtime)
        if kept:
            return kept[-1]
        _update_lists()
        wanted = _candidate(metapackage)
    if wanted is None:
        raise PackageError(f"the package lists name no {metapackage}: run 'apt-get update'")
    package, version = wanted
    tree = packages / f"{package}_{version}"
    if not tree.exists():
        _download_and_unpack(package, tree)
        for old in packages.glob("linux-image-*"):
            if old != tree:
                shutil.rmtree(old)
    return tree


def _candidate(metapackage: str) -> tuple[str, str] | None:
    """(package, version) of the kernel that the metapackage stands for."""
    depends = _output("apt-cache", "depends", metapackage)
    names = [word for word in depends.split() if word.startswith("linux-image-") and word != metapackage]
    if not names:
        return None
    for line in _output("apt-cache", "show", "--no-all-versions", names[0]).splitlines():
        if line.startswith("Version: "):
            return names[0], line.removeprefix("Version: ").replace(":", "%3a")
    return None


def _download_and_unpack(package: str, tree: Path) -> None:
    with tempfile.TemporaryDirectory(dir=tree.parent) as scratch:
        unpack_package(package, Path(scratch) / "tree")
        os.rename(f"{scratch}/tree", tree)


def unpack_package(package: str, directory: Path) -> None:
    """A package of this machine's, into a directory that may have others."""
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        if not _download(package, scratch):
            _update_lists()  # stale lists name files that the archive no longer has
            if not _download(package, scratch):
                raise PackageError(f"cannot download {package}: run 'apt-get update' and try again")
        archive = next(Path(scratch).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, directory], check=True)


def _download(package: str, directory: str) -> bool:
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", package]
    return subprocess.run(command, cwd=directory).returncode == 0


def _update_lists() -> None:
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"])


def _output(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout


def _extract_vmlinux(bzimage: bytes) -> bytes:
    """The ELF inside a bzImage; where it lies is in the boot protocol's header."""
    if bzimage[0x202:0x206] != b"HdrS":
        raise PackageError("the package's vmlinuz is no bzImage")
    protected_mode = (bzimage[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    payload = bzimage[protected_mode + offset : protected_mode + offset + length]
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31).decompress(payload)
    unsized = payload[:-4]  # these two are followed by their unpacked size
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _filter(unsized, "lz4", "-dcq")
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _filter(unsized, "zstd", "-dcq")
    raise PackageError(f"the kernel is packed in a way not known here ({payload[:6].hex()})")


def _filter(data: bytes, *command: str) -> bytes:
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def _write_whole(path: Path, data: bytes) -> None:
    """Writes so that an interrupted run leaves no half file behind."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
