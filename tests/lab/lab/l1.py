# SPDX-License-Identifier: Apache-2.0
"""The L1: an emulated machine with AMD SVM, or with the virtualization extensions of ARM, and the one channel to the agent in it."""
import hashlib
import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path
from signal import SIGKILL, Signals

from .board import Board
from .images import Images
from .passed import RESERVED, devices_to_pass, make_disks
from .paths import BUILD, LAB, LOGS, ROOT
from .qemu import Qemu
from .systemd_root import systemd_root

BOOT_LIMIT = 300.0  # quiet machines need 10 to 15 s
ANSWER_LIMIT = 60.0


class L1Lost(Exception):
    """The L1 died or stopped answering: nothing is known about what ran in it."""


class L1:
    def __init__(self, board: Board, channel: socket.socket, pid: int):
        self.board = board
        self._channel = channel
        self._pid = pid
        self._kept = b""
        self._next_id = 0
        self._listeners: dict[int, list] = {}
        self.console = _directory(board) / "console.log"

    # -- life ---------------------------------------------------------------------------

    @classmethod
    def boot(cls, board: Board, qemu: Qemu, images: Images, init: str) -> "L1":
        command = _command(board, qemu, images, init)
        directory = _directory(board)
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.iterdir():
            old.unlink()
        if init.startswith("iommu"):
            make_disks(board, directory)
        with open(directory / "qemu.log", "wb") as log:
            process = subprocess.Popen(
                command, cwd=directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=_environment(),
            )  # fmt: skip
        (directory / "pid").write_text(f"{process.pid}\n")
        (directory / "made-of").write_text(_fingerprint(command, images))
        l1 = cls(board, _connect(board, process), process.pid)
        try:
            l1._wait_for_agent()
        except BaseException:
            l1.stop()
            raise
        return l1

    @classmethod
    def attach(cls, board: Board, qemu: Qemu, images: Images, init: str) -> "L1 | None":
        """The L1 that an earlier run kept, if it answers and a new one would be the same."""
        try:
            l1 = cls(board, _open_channel(board), int((_directory(board) / "pid").read_text()))
        except (OSError, ValueError):
            return None
        try:
            l1.reset()
            command = _command(board, qemu, images, init)
            same = (_directory(board) / "made-of").read_text() == _fingerprint(command, images)
        except (OSError, L1Lost):
            same = False
        if not same:
            l1.stop()
            return None
        # The outer machine's files may have changed, and the L1 caches them for good.
        l1.run(["sh", "-c", "echo 3 >/proc/sys/vm/drop_caches"])
        return l1

    def stop(self) -> None:
        self._channel.close()
        try:
            os.kill(self._pid, SIGKILL)  # there is nothing in it to save
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def answers(self) -> bool:
        try:
            self.read("/proc/uptime")
            return True
        except L1Lost:
            return False

    def console_tail(self, lines: int = 30) -> str:
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join(text.replace("\r", "").splitlines()[-lines:])

    def _wait_for_agent(self) -> None:
        ready = []
        self._listeners[None] = ready
        if not self.wait_until(lambda: ready, BOOT_LIMIT):
            raise L1Lost(f"no L1 within {BOOT_LIMIT:.0f} s\n{self.console_tail()}")

    # -- requests -------------------------------------------------------------------------

    def spawn(self, argv: list[str], cwd: Path | None = None, tty: bool = False) -> tuple[int, list]:
        """Starts a program; its events arrive in the list, whose first is its pid."""
        number, events = self._request("spawn", argv=argv, cwd=str(cwd) if cwd else None, tty=tty)
        self._answer(events)
        return number, events

    def write(self, number: int, data: bytes) -> None:
        self._send(do="write", id=number, data=data.decode("latin-1"))

    def close_input(self, number: int) -> None:
        self._send(do="close", id=number)

    def signal(self, number: int, which: Signals) -> None:
        self._send(do="signal", id=number, number=int(which))

    def read(self, path: str) -> str:
        _, events = self._request("read", path=path)
        answer = self._answer(events)
        if "error" in answer:
            raise FileNotFoundError(answer["error"])
        return answer["text"]

    def run(self, argv: list[str], within: float = ANSWER_LIMIT) -> str:
        """Runs a program to its end and returns all that it printed."""
        _, events = self.spawn(argv)
        if not self.wait_until(lambda: "exit" in events[-1], within):
            raise L1Lost(f"{argv[0]} did not end within {within:.0f} s")
        return "".join(event.get("data", "") for event in events)

    def reset(self) -> None:
        """Ends every program of the lab in the L1."""
        self._listeners.clear()
        _, events = self._request("reset")
        self._answer(events)

    # -- the channel ----------------------------------------------------------------------

    def wait_until(self, condition, within: float) -> bool:
        """Takes events off the channel until the condition holds; False when it never did."""
        deadline = time.monotonic() + within
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.receive(left)
        return True

    def fileno(self) -> int:
        return self._channel.fileno()

    def _request(self, what: str, **arguments) -> tuple[int, list]:
        self._next_id += 1
        events = self._listeners[self._next_id] = []
        self._send(do=what, id=self._next_id, **arguments)
        return self._next_id, events

    def _answer(self, events: list) -> dict:
        if not self.wait_until(lambda: events, ANSWER_LIMIT):
            raise L1Lost(f"no answer within {ANSWER_LIMIT:.0f} s")
        return events[0]

    def _send(self, **request) -> None:
        try:
            self._channel.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise L1Lost(f"the channel is gone: {error}") from None

    def receive(self, within: float) -> None:
        if not select.select([self._channel], [], [], within)[0]:
            return
        data = self._channel.recv(1 << 20)
        if not data:
            raise L1Lost("the emulator ended")
        *lines, self._kept = (self._kept + data).split(b"\n")
        for line in filter(None, lines):
            event = json.loads(line)
            self._listeners.get(event.get("id"), []).append(event)


def _directory(board: Board) -> Path:
    return BUILD / ("l1" if board.name == "x86" else f"l1-{board.name}")


def _command(board: Board, qemu: Qemu, images: Images, init: str) -> list[str]:
    """An ordinary computer as far as its kernel can tell; a PC is given the ELF kernel, which starts fastest."""
    arguments = f"console={board.console} panic=-1 quiet lab.logs={LOGS} lab.agent={LAB / 'agent.py'}"
    shown = Path("/")
    if board.arch != "x86":
        shown = ROOT
        arguments += f" lab.tree={ROOT}"
    initramfs, disk, passed, memory = images.l1_initramfs, [], [], "2G"
    if init == "systemd":
        initramfs, disk = images.systemd_initramfs, ["-drive", f"if=virtio,snapshot=on,format=raw,file={systemd_root()}"]
        arguments += " lab.root=/dev/vda"
    if init.startswith("iommu"):
        arguments += " intel_iommu=on" if board.arch == "x86" else ""
        passed = devices_to_pass(board, remapping=init == "iommu")
        if board.arch == "x86":
            memory = f"{RESERVED.stop >> 20}M"
            arguments += f" memmap={len(RESERVED) >> 20}M${RESERVED.start:#x}"
    return [
        *qemu.command(), *board.machine, "-m", memory,
        "-nodefaults", "-display", "none", "-no-reboot", *passed,
        "-kernel", str(images.kernels["std"].vmlinux), "-initrd", str(initramfs), "-append", arguments,
        "-chardev", "file,id=console,path=console.log", "-serial", "chardev:console",
        "-device", "virtio-serial-pci",
        "-chardev", "socket,id=agent,path=agent,server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=lab.0",
        "-virtfs", f"local,path={shown},mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        "-virtfs", f"local,path={LOGS},mount_tag=logs,security_model=none,multidevs=remap",
        *disk,
    ]  # fmt: skip


def _fingerprint(command: list[str], images: Images) -> str:
    """What decides how an L1 behaves."""
    whole = hashlib.sha256(" ".join(command).encode())
    for path in (images.systemd_initramfs, LAB / "agent.py"):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _environment() -> dict[str, str]:
    return {**os.environ, "QEMU_MODULE_DIR": "/usr/lib/x86_64-linux-gnu/qemu"}


def _connect(board: Board, process: subprocess.Popen) -> socket.socket:
    while process.poll() is None:
        try:
            return _open_channel(board)
        except OSError:
            time.sleep(0.02)  # the emulator has not made its socket yet
    raise L1Lost("the emulator does not start: " + (_directory(board) / "qemu.log").read_text())


def _open_channel(board: Board) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX)
    # A socket's path may have 107 characters at most, a checkout's path more.
    directory = os.open(_directory(board), os.O_PATH)
    try:
        channel.connect(f"/proc/self/fd/{directory}/agent")
    finally:
        os.close(directory)
    return channel
