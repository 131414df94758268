#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has systemd-analyze read the unit. It is no dependency: without it the exit code is 77, which means skipped.
The argument is a program to stand in for /usr/bin/qvm, which need not be installed."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

UNIT = pathlib.Path(__file__).resolve().parents[2] / "contrib/systemd/qvm@.service"


def complaints(text):
    """It ends with 0 on unknown keys, too: all that it says counts."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "qvm@front-panel_2.service"
        unit.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
        lines = [line for line in done.stderr.splitlines() if "qvm@" in line]
        return lines if lines or done.returncode == 0 else done.stderr.splitlines()


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: there is no systemd-analyze")
        return 77
    text = UNIT.read_text().replace("/usr/bin/qvm", sys.argv[1])
    assert sys.argv[1] in text
    if not complaints(text.replace("KillMode=", "KillMoode=")):
        print("skipped: systemd-analyze cannot read units here")
        return 77
    found = complaints(text)
    print("\n".join(found) or "systemd has nothing to say against the unit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
