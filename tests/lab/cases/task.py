# SPDX-License-Identifier: Apache-2.0
"""What other cases rely on: a guest runs a script with programs and modules of the case's own."""
from lab import Extras, Lab, case


@case()
def script_with_programs_and_modules(lab: Lab):
    script = "iperf3 --version | head -n 1\ngrep -w dummy /proc/modules\n"
    vm = lab.start(lab.guest_with(script, Extras(modules=("dummy",), programs=("iperf3",))))
    vm.expect(r"^iperf 3")
    vm.expect("^dummy ")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)


@case()
def failing_script_says_so(lab: Lab):
    vm = lab.start(lab.guest_with("sh -c 'exit 3'\necho not reached\n", Extras()))
    vm.expect("TASK-ENDED 3")
    vm.ends(0)
