# SPDX-License-Identifier: Apache-2.0
"""Where the threads of a Linux guest's qvm run, and how urgently: asked of the kernel itself."""
import re

from lab import Lab, case, check, skip
from lab.vm import Vm
from cases.common import boots, ends_by_word

OTHER, FIFO, RR = 0, 1, 2

CONFIGURATION = """\
cpu sched 30f runmask 1
cpu runmask 0
set host-main-runmask 0
set host-io-runmask 0
set host-io-sched 10r
"""
# name: (policy, priority, CPUs)
EXPECTED = {
    "qvm": (FIFO, 31, "0"),  # main: one above the highest vCPU
    "log": (RR, 10, "0"),
    "io/main": (RR, 10, "0"),
    "vcpu/0": (FIFO, 30, "1"),
    "vcpu/1": (OTHER, 0, "0"),
}


def places(lab: Lab, vm: Vm) -> dict[str, tuple[int, int, str]]:
    """By /proc/PID/task/TID/stat, fields 40 and 41, and sched_getaffinity(2), by way of taskset."""
    found = {}
    for tid in lab.run_in_l1("/bin/ls", f"/proc/{vm.pid}/task").split():
        stat = lab.read(f"/proc/{vm.pid}/task/{tid}/stat")
        name, rest = re.search(r"\((.*)\) (.*)", stat).groups()
        fields = rest.split()  # from field 3 on
        cpus = lab.run_in_l1("/usr/bin/taskset", "-cp", tid).rsplit(": ", 1)[1].strip()
        found[name] = (int(fields[41 - 3]), int(fields[40 - 3]), cpus)
    return found


@case(limit=300)
def are_where_the_file_says(lab: Lab):
    if lab.run_in_l1("/usr/bin/nproc").strip() == "1":
        skip("this L1 has one CPU")
    configuration = lab.guest("wait", cpus=0).replace("load ", CONFIGURATION + "load ", 1)
    vm = lab.start(configuration)
    boots(vm, 2)
    vm.expect("GUEST-LISTENS")
    found = places(lab, vm)
    for name, place in EXPECTED.items():
        check(found.get(name) == place, f"{name} is at {found.get(name)}, not {place}; all: {found}")
    lab.run_in_l1("/bin/kill", "-TERM", str(vm.pid))
    vm.expect("GUEST-BUTTON")
    ends_by_word(vm, "poweroff")
