# SPDX-License-Identifier: Apache-2.0
"""The root file system of an L1 whose first process is a Debian's own systemd."""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .debian import PackageError
from .paths import BUILD, LAB

SIZE = "512M"
APT = Path("/etc/apt")


@cache
def systemd_root() -> Path:
    """An ext4 file system made by mmdebstrap out of the packages that this machine's apt is configured for."""
    files = [Path(__file__), LAB / "l1-agent", LAB / "lab-agent.service"]
    recipe = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    image = BUILD / "images" / f"systemd-{recipe}.ext4"
    if image.exists():
        return image
    for old in image.parent.glob("systemd-*.ext4"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        tree = Path(scratch) / "root"
        _bootstrap(tree)
        _settle(tree)
        part = image.with_suffix(".part")
        part.unlink(missing_ok=True)
        _run("mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", tree, part, SIZE)
        part.rename(image)
    return image


def _bootstrap(tree: Path) -> None:
    """No more than what is essential, and systemd."""
    sources = [APT / "sources.list", *APT.glob("sources.list.d/*.list"), *APT.glob("sources.list.d/*.sources")]
    release = Path("/etc/os-release").read_text()
    suite = re.search(r"^VERSION_CODENAME=(\S+)", release, re.MULTILINE)[1]
    without = [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("doc", "man", "locale", "info", "zoneinfo")]
    _run("mmdebstrap", "--quiet", "--variant=essential", "--include=systemd-sysv", *without,
         suite, tree, *(path for path in sources if path.exists()))  # fmt: skip


def _settle(tree: Path) -> None:
    """The agent is a service of it; nobody logs in."""
    shutil.copy(LAB / "l1-agent", tree / "sbin")
    units = tree / "etc/systemd/system"
    shutil.copy(LAB / "lab-agent.service", units)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "lab-agent.service").symlink_to("../lab-agent.service")
    for unit in ("getty.target", "systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer"):
        (units / unit).symlink_to("/dev/null")
    default = units / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")
    (tree / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tree / "etc/hostname").write_text("lab\n")
    for directory in ("host", "etc/qvm"):
        (tree / directory).mkdir()


def _run(*command) -> None:
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise PackageError(f"there is no program {command[0]}: run 'tools/install-deps lab'") from None
    except subprocess.CalledProcessError as error:
        raise PackageError(f"{command[0]} ended with {error.returncode}") from None
