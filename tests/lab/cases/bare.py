# SPDX-License-Identifier: Apache-2.0
"""The bare guests of the `kvm` tests, on a KVM that runs guest code on (emulated) hardware: a paravirtual KVM ends
interrupts by itself, so that only here levels and their end are proven."""
from lab import Lab, case, check, skip

# The files of tests/kvm that are about qvm as a process of the host, which is the same under every KVM.
PROCESS = ("command_line", "scheduling", "set_up", "signals", "supervision")


def chosen(about: str) -> str:
    if about == "process":
        return ",".join(f"[#{file}_test]" for file in PROCESS)
    return "".join(f"~[#{file}_test]" for file in PROCESS)


@case(limit=300, about=("guest", "process"), rare=lambda about: about == "process")
def bare_guests(lab: Lab, about: str):
    if not lab.has_beside_qvm("test_kvm"):
        skip("test_kvm is not built")
    tests = lab.run_beside_qvm("test_kvm", "--filenames-as-tags", chosen(about))
    tests.expect("All tests passed")
    tests.ends(0, within=10)
    check("not proven" not in tests.stdout, "a test could not prove its point")
