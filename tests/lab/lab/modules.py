# SPDX-License-Identifier: Apache-2.0
"""Kernel modules of our own for an arm64 L1, built from tests/lab/guest with Debian's headers: its kernel has UIO, and no driver
of it for devices that are not on PCI."""
import shutil
import subprocess
from pathlib import Path

from . import arm64
from .debian import Kernel, PackageError, unpack_package
from .paths import BUILD, LAB

CROSS = "aarch64-linux-gnu-"


def module(kernel: Kernel, name: str) -> Path:
    """NAME.ko, made of NAME.c."""
    source = LAB / "guest" / f"{name}.c"
    directory = BUILD / "modules" / kernel.release
    built = directory / f"{name}.ko"
    if built.exists() and built.stat().st_mtime >= source.stat().st_mtime:
        return built
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    shutil.copy(source, directory)
    (directory / "Makefile").write_text(f"obj-m := {name}.o\n")
    command = ["make", "-C", _headers(kernel), f"M={directory}", "ARCH=arm64", f"CROSS_COMPILE={CROSS}", "modules"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise PackageError(f"cannot build {name}.ko: run 'tools/install-deps arm64'\n{done.stdout}")
    return built


def _headers(kernel: Kernel) -> Path:
    """They name each other by absolute paths, and are not installed."""
    common = kernel.release.removesuffix("-arm64") + "-common"
    tree = arm64.unpack(BUILD / "packages" / "arm64-headers", f"linux-headers-{kernel.release}", f"linux-headers-{common}")
    tools = "linux-kbuild-" + ".".join(kernel.release.split(".")[:2])
    if not (tree / "usr/lib" / tools).exists():
        unpack_package(tools, tree)  # programs of this machine
    sources = tree / "usr/src"
    headers = sources / f"linux-headers-{kernel.release}"
    (headers / "Makefile").write_text(f"include {sources}/linux-headers-{common}/Makefile\n")
    return headers
