# SPDX-License-Identifier: Apache-2.0
"""contrib/systemd/qvm@.service under the systemd that is the L1's first process."""
import json
import re
import shutil
import time

from lab import Lab, case, check
from lab.paths import ROOT

# What goes to the journal otherwise.
PRINT_TO = """\
[Service]
StandardOutput=append:/host{directory}/unit.log
StandardError=inherit
"""


class Manager:
    """systemctl in the L1, and qvm@demo as a user installs it."""

    def __init__(self, lab: Lab, guest: str):
        self._lab = lab
        self._forget()
        shutil.copy(ROOT / "contrib/systemd/qvm@.service", lab.directory)
        (lab.directory / "lab.conf").write_text(PRINT_TO.format(directory=lab.directory))
        self.run("ln", "-sf", f"/host{lab.qvm}", "/usr/bin/qvm")
        self.install("qvm@.service", "/etc/systemd/system/")
        self.run("mkdir", "-p", "/etc/systemd/system/qvm@.service.d")
        self.install("lab.conf", "/etc/systemd/system/qvm@.service.d/")
        self.configure(guest)
        self.systemctl("daemon-reload")
        state = self.systemctl("is-system-running", "--wait", code=None).strip()
        check(state == "running", f"the L1's systemd is {state}: {self.systemctl('list-units', '--failed', '--no-legend')}")

    def _forget(self) -> None:
        """What an earlier case has left, if it failed."""
        self.systemctl("kill", "--signal", "KILL", "qvm@demo", code=None)
        self.systemctl("stop", "qvm@demo", code=None)
        self.systemctl("reset-failed", code=None)

    def configure(self, text: str) -> None:
        """Files of the outer machine are below /host."""
        (self._lab.directory / "demo.qvmconf").write_text(text.replace("load /", "load /host/"))
        self.install("demo.qvmconf", "/etc/qvm/")

    def install(self, name: str, where: str) -> None:
        self.run("cp", f"/host{self._lab.directory}/{name}", where)

    def systemctl(self, *words: str, code: int | None = 0) -> str:
        return self.run("systemctl", *words, code=code)

    def run(self, *argv: str, code: int | None = 0) -> str:
        """In the L1's own root."""
        program = self._lab.run("/usr/sbin/chroot", "/proc/1/root", *argv)
        found = program.wait_for_end()
        check(code in (None, found), f"{' '.join(argv)} ended with {found}: {program.stderr}")
        return program.stdout

    def unit(self, what: str) -> str:
        return self.systemctl("show", "--value", "--property", what, "qvm@demo").strip()

    def printed(self) -> str:
        """By the service, that is, by all guests so far."""
        log = self._lab.directory / "unit.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def guests(self) -> int:
        """That are up and listen to their power buttons."""
        return len(re.findall("GUEST-LISTENS", self.printed()))


def until(condition) -> None:
    """The case's limit ends it, by way of the programs that the condition runs."""
    while not condition():
        time.sleep(0.2)


@case(limit=400, init="systemd")
def starts_stops_and_restarts(lab: Lab):
    manager = Manager(lab, "system demo\n" + lab.guest("wait"))

    manager.systemctl("start", "qvm@demo")  # comes back with READY=1
    check(manager.unit("ActiveState") == "active", "not active after its start")
    check(manager.unit("StatusText") == "the guest runs", "no status text")
    pid = manager.unit("MainPID")
    env = json.loads(manager.run("cat", "/run/qvm/demo/env"))
    check(env["system"] == "demo" and str(env["pid"]) == pid, f"env is not that of pid {pid}: {env}")
    until(lambda: manager.guests() == 1)

    # A kill is not the end: the next one takes the name over.
    manager.systemctl("kill", "--signal", "KILL", "qvm@demo")
    until(lambda: manager.guests() == 2)
    check(manager.unit("NRestarts") == "1", "not restarted once")
    check(manager.unit("MainPID") != pid, "the same process after a kill")
    watchdog = manager.unit("WatchdogTimestampMonotonic")
    until(lambda: manager.unit("WatchdogTimestampMonotonic") != watchdog)

    # A stop presses the power button, and the guest gets to shut itself down.
    manager.systemctl("stop", "qvm@demo")
    check("GUEST-BUTTON" in manager.printed(), "the guest has not seen its power button")
    check(manager.unit("Result") == "success", f"the stop's result is {manager.unit('Result')}")
    check(manager.unit("ActiveState") == "inactive", "not inactive after its stop")
    last = json.loads(manager.run("cat", "/run/qvm/demo@last"))
    check(last["exit_cause"] == "power-off", f"the last word is {last}")
    check(manager.run("ls", "/run/qvm").split() == ["demo@last"], "something is left of the VM")


@case(limit=400, init="systemd")
def restarts_what_resets_and_not_what_is_wrong(lab: Lab):
    manager = Manager(lab, "system demo\n" + lab.guest("reboot"))
    manager.systemctl("start", "qvm@demo")
    until(lambda: len(re.findall("GUEST-REPORTED", manager.printed())) == 2)
    check(int(manager.unit("NRestarts")) >= 1, "a reset was not followed by a start")

    manager.configure("system demo\nram 1Q\n")
    until(lambda: manager.unit("ActiveState") == "failed")
    check(manager.unit("ExecMainStatus") == "65", "not the exit code of a wrong configuration")
