# SPDX-License-Identifier: Apache-2.0
"""The bare guests of the `kvm` tests, on a KVM that runs guest code on (emulated) hardware: a paravirtual KVM ends
interrupts by itself, so that only here levels and their end are proven."""
from lab import Lab, case, check, skip


@case(limit=300)
def bare_guests(lab: Lab):
    if not lab.has_beside_qvm("test_kvm"):
        skip("test_kvm is not built")
    tests = lab.run_beside_qvm("test_kvm", "--durations", "yes")
    tests.expect("All tests passed")
    tests.ends(0, within=10)
    check("not proven" not in tests.stdout, "a test could not prove its point")
