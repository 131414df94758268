# SPDX-License-Identifier: Apache-2.0
from .case import Lab, case, check, skip
from .images import Extras

__all__ = ["Extras", "Lab", "case", "check", "skip"]
