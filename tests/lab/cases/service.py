# SPDX-License-Identifier: Apache-2.0
"""A real systemd runs contrib/systemd/qvm@.service."""
import json
import re
import shutil
import time

from lab import Lab, case, check, skip
from lab.paths import LAB, ROOT

SYSTEMD = "/lib/systemd/systemd"


class Manager:
    """systemd as the first process of namespaces of its own, with qvm@demo, and systemctl in there."""

    def __init__(self, lab: Lab, guest: str):
        if not shutil.which(SYSTEMD):
            skip(f"there is no {SYSTEMD}")
        self._lab = lab
        shutil.copy(ROOT / "contrib/systemd/qvm@.service", lab.directory)
        (lab.directory / "demo.qvmconf").write_text(guest)
        namespaces = ("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child")
        outer = lab.run(*namespaces, str(LAB / "systemd-init"), str(lab.qvm), str(lab.directory))
        children = f"/proc/{outer.pid}/task/{outer.pid}/children"
        until(lambda: lab.read(children).split())
        self._inside = ("/usr/bin/nsenter", "--target", lab.read(children).split()[0], "--mount", "--pid", "--root", "--wd")
        until(lambda: self.systemctl("is-system-running", code=None).strip() in ("running", "degraded"))

    def systemctl(self, *words: str, code: int | None = 0) -> str:
        return self.run("systemctl", *words, code=code)

    def run(self, *argv: str, code: int | None = 0) -> str:
        program = self._lab.run(*self._inside, *argv)
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


@case(limit=400)
def starts_stops_and_restarts(lab: Lab):
    manager = Manager(lab, "system demo\n" + lab.guest("wait"))

    manager.systemctl("start", "qvm@demo")  # comes back with READY=1
    check(manager.unit("ActiveState") == "active", "not active after its start")
    check(manager.unit("StatusText") == "the guest runs", "no status text")
    pid = manager.unit("MainPID")
    env = json.loads(manager.run("cat", "/run/qvm/demo/env"))
    check(env["system"] == "demo" and str(env["pid"]) == pid, f"env is not that of pid {pid}: {env}")
    until(lambda: manager.guests() == 1)

    # A kill is not the end: the next one takes the name over. Not by 'systemctl kill', which in a namespace stumbles
    # over KVM's own thread in the unit's control group.
    manager.run("/bin/kill", "-KILL", pid)
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


@case(limit=400)
def restarts_what_resets_and_not_what_is_wrong(lab: Lab):
    manager = Manager(lab, "system demo\n" + lab.guest("reboot"))
    manager.systemctl("start", "qvm@demo")
    until(lambda: len(re.findall("GUEST-REPORTED", manager.printed())) == 2)
    check(int(manager.unit("NRestarts")) >= 1, "a reset was not followed by a start")

    (lab.directory / "wrong").write_text("system demo\nram 1Q\n")
    manager.run("cp", str(lab.directory / "wrong"), "/etc/qvm/demo.qvmconf")
    until(lambda: manager.unit("ActiveState") == "failed")
    check(manager.unit("ExecMainStatus") == "65", "not the exit code of a wrong configuration")
