# SPDX-License-Identifier: Apache-2.0
"""Linux arms a watchdog by its own driver, and stops petting it."""
from lab import Extras, Lab, case, check
from cases.dump import only_dump, release_in

VDEVS = """\
vdev ser8250
    hostdev -
vdev wdt-ib700
    action dump,terminate
dump .
"""

# Two spans of the watchdog's time under the care of busybox, then none any more.
SCRIPT = """\
watchdog -F -T 4 -t 1 /dev/watchdog &
keeper=$!
sleep 8
echo PETTED
kill -KILL $keeper
while :; do sleep 1000; done
"""


@case()
def bites_when_linux_stops_petting_it(lab: Lab):
    vm = lab.start(lab.guest_with(SCRIPT, Extras(modules=("ib700wdt",)), vdevs=VDEVS))
    vm.expect("PETTED")
    vm.ends(4, within=60)
    check("the guest has let its watchdog run out" in vm.stderr, f"stderr does not tell: {vm.stderr!r}")
    check(vm.stderr.endswith("a watchdog ended the VM\n"), f"that is not the last word: {vm.stderr!r}")
    check(release_in(only_dump(lab)) == lab.images.kernels["std"].release, "the dump is not of this kernel")
