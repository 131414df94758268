# SPDX-License-Identifier: Apache-2.0
"""The lab's hand inside the L1: runs programs, carries what they print and are told.

Requests and events are lines of JSON on a virtio-serial port. Bytes travel as
latin-1 text, so that nothing is lost. Every event of a program carries the L1's
uptime, which is what durations are measured with.

    {"do": "spawn", "id": 1, "argv": [...], "cwd": "/x", "tty": false}   -> pid
    {"do": "write", "id": 1, "data": "..."}     {"do": "close", "id": 1}
    {"do": "signal", "id": 1, "number": 15}     {"do": "reset"}
    {"do": "read", "path": "/proc/uptime"}                               -> text
"""
import json
import os
import selectors
import signal
import subprocess
import sys
import termios
import time

CHUNK = 65536


class Port:
    """The virtio-serial port: whole lines in, whole lines out."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self._kept = b""

    def lines(self):
        data = os.read(self.fd, CHUNK)
        if not data:  # nobody is connected outside
            time.sleep(0.1)
            self._kept = b""
        *lines, self._kept = (self._kept + data).split(b"\n")
        return lines

    def send(self, **event):
        data = json.dumps(event).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data) :]


class Job:
    """One program. Its output ends are watched by the selector under (job, stream)."""

    def __init__(self, port, watch, request):
        self.port, self.watch, self.id = port, watch, request["id"]
        self.terminal = None
        if request.get("tty"):
            inner, self.input = self._open_terminal()
            ends = dict(stdin=inner, stdout=inner, stderr=inner)
        else:
            ends = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process = subprocess.Popen(request["argv"], cwd=request.get("cwd"), start_new_session=True, **ends)
        self.outputs = {"out": self.input} if self.terminal else self._pipes()
        for stream, fd in self.outputs.items():
            os.set_blocking(fd, False)
            watch.register(fd, selectors.EVENT_READ, (self, stream))
        self.pidfd = os.pidfd_open(self.process.pid)
        watch.register(self.pidfd, selectors.EVENT_READ, (self, "end"))

    def _open_terminal(self):
        outer, inner = os.openpty()
        self.terminal = (inner, termios.tcgetattr(inner))
        return inner, outer

    def _pipes(self):
        self.input = self.process.stdin.fileno()
        return {"out": self.process.stdout.fileno(), "err": self.process.stderr.fileno()}

    def happened(self, stream):
        if stream == "end":
            self._ended()
        else:
            self._forward(stream)

    def _forward(self, stream):
        fd = self.outputs.get(stream)
        if fd is None:
            return False
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.watch.unregister(self.outputs.pop(stream))
            return False
        self.port.send(id=self.id, stream=stream, data=data.decode("latin-1"), at=uptime())
        return True

    def _ended(self):
        at = uptime()
        code = self.process.wait()
        for stream in tuple(self.outputs):
            while self._forward(stream):
                pass
        event = dict(id=self.id, exit=code, at=at)
        if self.terminal:
            inner, before = self.terminal
            event["restored"] = termios.tcgetattr(inner) == before
        self.forget()
        self.port.send(**event)

    def write(self, data):
        while data:
            data = data[os.write(self.input, data) :]

    def close_input(self):
        if not self.terminal:
            self.process.stdin.close()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.forget()

    def forget(self):
        for fd in self.outputs.values():
            self.watch.unregister(fd)
        self.outputs = {}
        self.watch.unregister(self.pidfd)
        os.close(self.pidfd)
        if self.terminal:
            os.close(self.terminal[0])
            os.close(self.input)
        else:
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                pipe.close()


class Agent:
    def __init__(self, path):
        self.port = Port(path)
        self.watch = selectors.DefaultSelector()
        self.watch.register(self.port.fd, selectors.EVENT_READ)
        self.jobs = {}

    def serve(self):
        self.port.send(ready=True, at=uptime())
        while True:
            for key, _ in self.watch.select():
                if key.data is None:
                    for line in self.port.lines():
                        if line:
                            self.obey(json.loads(line))
                elif key.fd in self.watch.get_map():  # not gone by an earlier event of this round
                    job, stream = key.data
                    job.happened(stream)

    def obey(self, request):
        handler = getattr(self, "do_" + request.pop("do"))
        try:
            handler(request)
        except (OSError, KeyError, ValueError) as error:
            self.port.send(id=request.get("id"), error=f"{type(error).__name__}: {error}")

    def do_spawn(self, request):
        job = Job(self.port, self.watch, request)
        self.jobs[job.id] = job
        self.port.send(id=job.id, pid=job.process.pid, at=uptime())

    def do_write(self, request):
        self.jobs[request["id"]].write(request["data"].encode("latin-1"))

    def do_close(self, request):
        self.jobs[request["id"]].close_input()

    def do_signal(self, request):
        self.jobs[request["id"]].process.send_signal(request["number"])

    def do_read(self, request):
        with open(request["path"], encoding="latin-1") as file:
            self.port.send(id=request["id"], text=file.read())

    def do_reset(self, request):
        for job in self.jobs.values():
            if job.process.poll() is None:
                job.kill()
        self.jobs = {}
        self.port.send(id=request["id"], reset=True)


def uptime():
    return time.monotonic()


if __name__ == "__main__":
    Agent(sys.argv[1]).serve()
