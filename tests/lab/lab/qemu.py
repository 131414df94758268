# SPDX-License-Identifier: Apache-2.0
"""Which QEMU emulates the L1, and with how many CPUs.

QEMU 7.2 leaves the vector of an interrupt that VMRUN injects pending in its own
bookkeeping. When the emulator is interrupted before the next exit, it delivers
the vector to the nested guest once more, and the guest hangs. One store does
that. In Debian's build it can be found, and a copy without it makes an L1 with two
CPUs reliable. With any other build the L1 gets one CPU, where the bug does not show.
"""
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from .board import Board
from .debian import PackageError
from .paths import BUILD

# In helper_vmrun(): mov %r13d,env->error_code; mov %esi,cs->exception_index;
# movl $0,env->exception_is_int; movq $-1,env->exception_next_eip.
BEFORE = bytes.fromhex("4489ab80330000")
STORE = bytes.fromhex("89b354efffff")
AFTER = bytes.fromhex("c783843300000000000048c78388330000ffffffff")
NOTHING = bytes.fromhex("660f1f440000")  # a no-op of the same six bytes

FIRMWARE = ["/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu"]


@dataclass(frozen=True)
class Qemu:
    binary: Path
    cpus: int
    why: str
    accelerator: str = "tcg,thread=single"

    def command(self) -> list[str]:
        """A copy outside /usr/bin does not find its firmware by itself."""
        firmware = [word for directory in FIRMWARE for word in ("-L", directory)]
        return [str(self.binary), *firmware, "-accel", self.accelerator, "-smp", str(self.cpus)]


def choose(board: Board) -> Qemu:
    if board.arch == "arm64":
        found = shutil.which("qemu-system-aarch64")
        if found is None:
            raise PackageError("no qemu-system-aarch64: run 'tools/install-deps arm64'")
        return Qemu(Path(found), 2, f"{board.name}, emulated by {found}", "tcg,thread=multi")
    stock = shutil.which("qemu-system-x86_64")
    if stock is None:
        raise PackageError("no qemu-system-x86_64: run 'tools/install-deps lab'")
    program = Path(stock).read_bytes()
    found = program.count(BEFORE + STORE + AFTER)
    if found != 1:
        return Qemu(Path(stock), 1, f"the code to correct is found {found} times in {stock}, so the L1 has one CPU")
    return Qemu(_corrected(program), 2, f"a copy of {stock} with its repeated-interrupt bug taken out")


def _corrected(program: bytes) -> Path:
    directory = BUILD / "qemu"
    copy = directory / hashlib.sha256(program).hexdigest()[:16]
    if not copy.exists():
        directory.mkdir(parents=True, exist_ok=True)
        part = copy.with_suffix(".part")
        part.write_bytes(program.replace(BEFORE + STORE + AFTER, BEFORE + NOTHING + AFTER))
        part.chmod(0o755)
        part.rename(copy)
    return copy
