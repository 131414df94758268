# SPDX-License-Identifier: Apache-2.0
"""virtio-balloon: memory that a guest gives back, when it is asked to and by itself, and takes again."""
import json
import time

from lab import Extras, Lab, case, check
from cases.common import check_calm

CONSOLE = "vdev ser8250\n  hostdev -\n"
BALLOON = "vdev virtio-balloon\n  loc 0xd0000000 intr ioapic:20\n  statistics 1\n"
DIRECTORY = "/run/qvm/balloon"
MIB = 1 << 20
RAM = 192

# `full` uses so many MiB, which nobody can take away.
GUEST = """\
mkdir -p /full
full() { mount -t tmpfs -o size=150M full /full; dd if=/dev/zero of=/full/file bs=1M count=$1 2>/dev/null; }
free_now() { echo $(($(sed -n 's/MemFree: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) / 1024)); }
full 100; echo FULL $(free_now)
read line
umount /full; echo EMPTY $(free_now)
read line
echo INFLATED $(free_now)
full 50; umount /full; echo OOM $(free_now) $(dmesg | grep -c 'Out of memory')
read line
echo DEFLATED $(free_now)
"""


class Balloon:
    """What the host sees of a guest's memory."""

    def __init__(self, lab: Lab, pid: int):
        self._lab = lab
        self._pid = pid

    def resize(self, mebibytes: int) -> None:
        self._lab.run_in_l1("/bin/sh", "-c", f"echo {mebibytes}M > {DIRECTORY}/balloon.size")

    def state(self) -> dict:
        return json.loads(self._lab.run_in_l1("/bin/cat", f"{DIRECTORY}/balloon"))

    def resident(self) -> int:
        """MiB of qvm's own memory, most of which is the guest's."""
        status = self._lab.run_in_l1("/bin/sed", "-n", "s/^Rss: *//p", f"/proc/{self._pid}/smaps_rollup")
        return int(status.split()[0]) // 1024

    def wait(self, what: str, holds) -> None:
        until = time.monotonic() + 60
        while not holds():
            check(time.monotonic() < until, f"not after 60 s: {what}; now {self.state()}, resident {self.resident()} MiB")
            time.sleep(0.3)


@case(limit=150)
def gives_memory_back_and_takes_it_again(lab: Lab):
    extras = Extras(modules=("virtio_mmio", "virtio_balloon"))
    vm = lab.start("system balloon\n" + lab.guest_with(GUEST, extras, ram=f"{RAM}M", vdevs=CONSOLE + BALLOON))
    balloon = Balloon(lab, vm.pid)
    vm.expect("FULL")
    full = balloon.resident()
    check(full > 100, f"100 MiB are in use, and {full} MiB are resident")

    # Nobody asks for what is free, and it comes back.
    vm.type("\n")
    empty = int(vm.expect(r"EMPTY (\d+)\s")[1])
    balloon.wait("free pages are reported", lambda: balloon.resident() < full - 60)

    size = empty - 20
    balloon.resize(size)
    balloon.wait("the balloon is full", lambda: balloon.state()["actual"] == size * MIB)
    balloon.wait(f"less of {full} MiB is resident", lambda: balloon.resident() < full - size * 3 // 4)
    free = lambda: (balloon.state()["statistics"] or {}).get("free_memory", RAM * MIB)
    balloon.wait("statistics come", lambda: free() < 60 * MIB)
    vm.type("\n")
    inflated = int(vm.expect(r"INFLATED (\d+)\s")[1])
    check(inflated < empty - size + 20, f"{inflated} MiB are free in the guest beside a balloon of {size} of {empty} MiB")

    # The guest wants more than it has left: the balloon gives way, and nobody is killed.
    killed = int(vm.expect(r"OOM \d+ (\d+)\s")[1])
    check(killed == 0, "the guest's kernel killed somebody")
    balloon.wait("the balloon has given something back", lambda: balloon.state()["actual"] < size * MIB)

    balloon.resize(0)
    balloon.wait("the balloon is empty", lambda: balloon.state()["actual"] == 0)
    vm.type("\n")
    deflated = int(vm.expect(r"DEFLATED (\d+)\s")[1])
    check(deflated > inflated + size // 2, f"{deflated} MiB are free in the guest without a balloon")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)
