# SPDX-License-Identifier: Apache-2.0
"""Programs and libraries for an L1 that cannot run those of this machine: Debian's arm64 packages, unpacked."""
import marshal
import re
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from .debian import PackageError
from .paths import BUILD, LAB, ROOT

TOOL = ROOT / "tools" / "arm64-packages"
LIBRARIES = ROOT / "build" / "arm64-root"  # what qvm was built with
PROGRAMS = BUILD / "packages" / "arm64-programs"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = ("busybox-static", f"{PYTHON}-minimal", f"lib{PYTHON}-minimal", f"lib{PYTHON}-stdlib", "libexpat1", "zlib1g")
UNCHECKED = 1  # of a .pyc file: it is not compared with a source (PEP 552)


def unpack(directory: Path, *packages: str) -> Path:
    done = subprocess.run([TOOL, "unpack", directory, *packages])
    if done.returncode != 0:
        raise PackageError(f"cannot get {', '.join(packages)} for arm64: run 'apt-get update' and try again")
    return directory


def first_dependency(metapackage: str) -> str:
    done = subprocess.run([TOOL, "depends", metapackage], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0 or not done.stdout.strip():
        raise PackageError(f"the package lists name no {metapackage} for arm64")
    return done.stdout.strip()


def programs() -> Path:
    return unpack(PROGRAMS, *PACKAGES)


def busybox() -> Path:
    return programs() / "bin/busybox"


def add_python(archive) -> None:
    """Just enough for the agent: the interpreter, and the modules that it imports."""
    tree = programs()
    binary = tree / "usr/bin" / PYTHON
    archive.file("usr/bin/python3", binary)
    add_libraries(archive, binary)
    for name in _imported():
        _add_module(archive, tree, f"usr/lib/{PYTHON}", name)


def add_libraries(archive, program: Path) -> None:
    """Those that a program needs, and those that they need, at the loader's usual places."""
    wanted, seen = _needed(program), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _library(name)
        archive.file(f"lib/{name}" if name.startswith("ld-") else f"lib/aarch64-linux-gnu/{name}", path)
        wanted += _needed(path)


def _needed(path: Path) -> list[str]:
    listed = subprocess.run(["readelf", "-dW", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listed.stdout)


def _library(name: str) -> Path:
    for root in (LIBRARIES, PROGRAMS):
        for directory in ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib"):
            if (root / directory / name).exists():
                return root / directory / name
    raise PackageError(f"no {name} for arm64: run 'tools/build --arch arm64'")


def _imported() -> list[str]:
    """Names of the modules that the agent imports, found by this machine's Python of the same version."""
    source = (LAB / "agent.py").read_text()
    imports = "\n".join(re.findall(r"^import .*$", source, re.MULTILINE))
    listing = f"{imports}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-IS", "-c", listing], stdout=subprocess.PIPE, text=True, check=True)
    # The interpreter finds its library by the first of these; the others are what it and the agent decode with.
    return [*done.stdout.split(), "os", "encodings.latin_1", "encodings.ascii"]


def _add_module(archive, tree: Path, library: str, name: str) -> None:
    """One that is not found is built in."""
    path = name.replace(".", "/")
    for source in (f"{library}/{path}.py", f"{library}/{path}/__init__.py"):
        if (tree / source).exists():
            return archive.text(source + "c", _compiled(tree / source))
    for found in (tree / library / "lib-dynload").glob(f"{name}.cpython-*.so"):
        archive.file(f"{library}/lib-dynload/{found.name}", found)
        add_libraries(archive, found)


def _compiled(source: Path) -> bytes:
    code = compile(source.read_bytes(), source.name, "exec", dont_inherit=True)
    return MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + bytes(8) + marshal.dumps(code)
