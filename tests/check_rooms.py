#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the rules of the house (docs/architecture.md): which room may include which, where the kernel's KVM header may
be seen, that no source branches on an ISA or defines macros with names that are not ours, and that every file says its licence."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ["vmm", "config", "vcpu", "devices", "arch", "ops", "launcher"]  # each may include those to its left
ISA_MACROS = re.compile(r"__x86_64__|__i386__|__aarch64__|__arm__|_M_X64|_M_ARM64")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
KVM_USER = re.compile(r"^src/(vmm/kvm[^/]*|.*_kvm\.[ch]pp|arch/[^/]+/machine\.cpp)$")
KVM_HEADERS = re.compile(r"^vmm/kvm.*|.*_kvm\.hpp$")
KVM_HEADER_ALLOWED = re.compile(r"^src/vmm/kvm_uapi\.hpp$")
RESERVED_MACRO = re.compile(r"^\s*#\s*define\s+(_[A-Z]|\w*__)")  # C++20, 5.10: of the implementation
RESERVED_MACRO_ALLOWED = re.compile(r"^src/vmm/kvm_uapi\.hpp$")
SPDX = "SPDX-License-Identifier: Apache-2.0"
NO_COMMENTS = {".json", ".md"}
NO_SPDX = {"LICENSE", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore"}


def tracked_files():
    """All that is or could be committed; in a tree without git, all but what builds leave."""
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"],
                             cwd=ROOT, capture_output=True, text=True) if shutil.which("git") else None
    if listing and listing.returncode == 0:
        return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
    names = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [str(name) for name in names if name.parts[0] not in {"build", ".git"} and "__pycache__" not in name.parts]


def room_of(path):
    """vmm for src/vmm/bus.hpp or vmm/bus.hpp; nothing for main.cpp."""
    first = path.removeprefix("src/").split("/")[0]
    return first if first in ROOMS else None


def isa_of(path):
    parts = path.removeprefix("src/").split("/")
    return parts[1] if parts[0] == "arch" and len(parts) > 2 else None


def check_include(name, number, quote, target):
    here = room_of(name)
    if target == "linux/kvm.h" and not KVM_HEADER_ALLOWED.match(name):
        yield f"{name}:{number}: only vmm/kvm_uapi.hpp may include <linux/kvm.h>"
    if KVM_HEADERS.match(target) and not KVM_USER.match(name):
        yield f"{name}:{number}: only vmm/kvm*, *_kvm.* and a board's machine.cpp may see KVM"
    if quote == "<" or here is None:
        return
    there = room_of(target)
    if there is None:
        yield f"{name}:{number}: \"{target}\" is in no room; include project headers as \"room/file.hpp\""
    elif ROOMS.index(there) > ROOMS.index(here):
        yield f"{name}:{number}: room {here} may not include room {there}"
    elif isa_of(target) and isa_of(target) != isa_of(name):
        yield f"{name}:{number}: only the files of arch/{isa_of(target)} may include \"{target}\""


def check_source(name, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield from check_include(name, number, *match.groups())
        if ISA_MACROS.search(line):
            yield f"{name}:{number}: an ISA is a folder, never a branch"
        if RESERVED_MACRO.match(line) and not RESERVED_MACRO_ALLOWED.match(name):
            yield f"{name}:{number}: that name of a macro belongs to the compiler and its library"


def check_file(name):
    path = ROOT / name
    if path.suffix not in NO_COMMENTS and path.name not in NO_SPDX:
        if SPDX not in path.read_text(errors="replace")[:400]:
            yield f"{name}:1: no SPDX line"
    if name.startswith("src/") and path.suffix in {".cpp", ".hpp"}:
        yield from check_source(name, path.read_text().splitlines())


def self_test():
    """The rules must be able to fail."""
    bad = ['#include "devices/vdev.hpp"', "#include <linux/kvm.h>", "#if defined(__x86_64__)", '#include "bus.hpp"']
    found = list(check_source("src/vmm/bus.cpp", bad))
    assert len(found) == 4, found
    assert len(list(check_source("src/vmm/bus.cpp", ["#define _BUS", "#define BUS__H", "#define BUS_H"]))) == 2
    assert list(check_source("src/launcher/launcher.cpp", ['#include "arch/x86/layout.hpp"']))
    assert list(check_source("src/arch/arm64/gic.cpp", ['#include "arch/x86/layout.hpp"']))
    assert list(check_source("src/devices/ser8250.cpp", ['#include "vmm/kvm.hpp"']))
    assert not list(check_source("src/arch/x86/cpu_kvm.cpp", ['#include "arch/x86/layout.hpp"', '#include "vmm/kvm.hpp"']))


def main():
    self_test()
    problems = [problem for name in tracked_files() for problem in check_file(name)]
    print("\n".join(problems) or "the rooms are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
