# SPDX-License-Identifier: Apache-2.0
"""Where things are: everything the lab makes is below build/lab of this checkout."""
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
ROOT = LAB.parent.parent
BUILD = ROOT / "build" / "lab"
LOGS = BUILD / "logs"
DEFAULT_QVM = ROOT / "build" / "release" / "bin" / "qvm"
