# SPDX-License-Identifier: Apache-2.0
"""Dumps and pauses of a Linux guest that works all the while."""
import re
import signal
import subprocess
from pathlib import Path

from lab import Extras, Lab, case, check

CONSOLE = "vdev ser8250\n    hostdev -\n"

# All vCPUs work: pages come and go, and processes with them.
LOAD = """\
mkdir -p /tmp
for job in 1 2; do
    while :; do seq 20000 >/tmp/$job; md5sum /tmp/$job >/tmp/$job.sum; md5sum -cs /tmp/$job.sum || echo DAMAGED; done &
done
"""


def on_this_machine(*command) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    words = " ".join(map(str, command))
    check(done.returncode == 0, f"'{words}' ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def only_dump(lab: Lab) -> Path:
    dumps = list(lab.directory.glob("*.gcore"))
    check(len(dumps) == 1, f"not one dump: {dumps}")
    return dumps[0]


def release_in(dump: Path) -> str:
    """The kernel's release as `crash` reads it from the note VMCOREINFO."""
    return on_this_machine("crash", "--osrelease", dump).strip()


@case(limit=300)
def debuggers_read_a_busy_linux(lab: Lab):
    # This form moves itself to a random place.
    script = LOAD + "echo WORKING\nread answer\necho GOES-ON $answer\n"
    configuration = lab.guest_with(script, Extras(), form="bzImage", cpus=2, cmdline="", vdevs=CONSOLE + "dump .\n")
    vm = lab.start("system busy\n" + configuration)
    vm.expect("WORKING")
    vm.signal(signal.SIGUSR2)
    vm.expect("the guest's dump is in ", stream="err")
    vm.type("well\n")
    vm.expect("GOES-ON well")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check("DAMAGED" not in vm.stdout, "the guest's memory changed under its hands")

    dump, release = only_dump(lab), lab.images.kernels["std"].release
    notes = on_this_machine("readelf", "--wide", "--notes", dump)
    check(len(re.findall(r"^\s*CORE\s.*NT_PRSTATUS", notes, re.MULTILINE)) == 2, f"not two vCPUs: {notes}")
    check(len(re.findall(r"^\s*VMCOREINFO\s", notes, re.MULTILINE)) == 1, f"no VMCOREINFO: {notes}")
    threads = on_this_machine("gdb", "-nx", "-batch", "-ex", "info threads", "-ex", "x/8gx 0x100000", "-c", dump)
    check(threads.count("LWP ") >= 2 and "0x100000" in threads, f"gdb sees no two vCPUs: {threads}")

    check(release_in(dump) == release, "crash reads another release")
    log = lab.directory / "dmesg"
    on_this_machine("makedumpfile", "--dump-dmesg", dump, log)
    check(f"Linux version {release} " in log.read_text(errors="replace"), "makedumpfile does not find the kernel's log")
    # Walks the kernel's page tables and the list of all its pages.
    on_this_machine("makedumpfile", "-c", "-d", "31", dump, lab.directory / "small")
    dump.unlink()


PAUSES = 8
NUMBERS = range(100000, 101001)


@case(limit=300, rare=lambda: True)
def pauses_under_load_lose_nothing(lab: Lab):
    """Each dump stops both vCPUs in the middle of something: every byte they print comes out, once and in order."""
    script = LOAD + f"stty -opost\necho BEGIN\nseq {NUMBERS[0]} {NUMBERS[-1]}\necho END\n"
    dump = 'dump "|cat >/dev/null"\n'
    vm = lab.start(lab.guest_with(script, Extras(), cpus=2, cmdline="loglevel=1", vdevs=CONSOLE + dump))
    vm.expect("^BEGIN\n")
    for _ in range(PAUSES):
        vm.signal(signal.SIGUSR2)
        vm.expect("the guest's dump is in ", stream="err")
    check("\nEND\n" not in vm.stdout, "the guest was quicker than its pauses")
    vm.expect("^END\n")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    printed = vm.stdout.partition("BEGIN\n")[2].partition("END\n")[0]
    check(printed == "".join(f"{number}\n" for number in NUMBERS), f"the output is not what was printed: {printed!r}")
    check("DAMAGED" not in vm.stdout, "the guest's memory changed under its hands")
