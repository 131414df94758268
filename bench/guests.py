# SPDX-License-Identifier: Apache-2.0
"""The two programs that run one bare guest with a virtio device each: qvm and QEMU's microvm."""

import pathlib
import shutil

from measure import Failure

RAM_MIB = 64
MICROVM = "microvm,isa-serial=on,pic=off,pit=off,rtc=off,auto-kernel-cmdline=off"


class Programs:
    NAMES = ("qvm", "QEMU")

    def __init__(self, arguments, guests, scratch):
        self._qvm = arguments.build / "bin" / "qvm"
        self._guests = {name: arguments.build / "guest" / f"{name}.elf" for name in guests}
        self._qemu = shutil.which(arguments.qemu)
        self._scratch = scratch
        for program in (self._qvm, *self._guests.values()):
            if not program.exists():
                raise Failure(f"{program} is missing: build first, or name the build directory with --build")
        if self._qemu is None:
            raise Failure(f"{arguments.qemu} is missing: install Debian's qemu-system-x86, or name another with --qemu")

    def qemu(self, guest, cmdline, *devices):
        return [self._qemu, "-M", MICROVM, "-accel", "kvm", "-m", str(RAM_MIB), "-nodefaults", "-display", "none",
                "-serial", "stdio", "-no-reboot", "-kernel", str(self._guests[guest]), "-append", cmdline,
                "-global", "virtio-mmio.force-legacy=false", *devices]

    def qvm(self, guest, cmdline, vdev, settings=""):
        path = self._scratch / f"{guest}-{cmdline.replace(' ', '-')}.qvmconf"
        path.write_text(
            f'{settings}ram {RAM_MIB}M\ncpu\nload {self._guests[guest]}\ncmdline "{cmdline}"\n'
            f"vdev ser8250\n  hostdev -\nvdev {vdev}\n  loc 0xfeb00000 intr ioapic:16\n")
        return [str(self._qvm), "-f", str(path)]


def add_program_arguments(parser):
    default_build = pathlib.Path(__file__).resolve().parent.parent / "build" / "release"
    parser.add_argument("--build", type=pathlib.Path, default=default_build, help="build directory (%(default)s)")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="QEMU to compare with (%(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="runs of each (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
