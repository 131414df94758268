# SPDX-License-Identifier: Apache-2.0
from .case import Lab, case, check, skip

__all__ = ["Lab", "case", "check", "skip"]
