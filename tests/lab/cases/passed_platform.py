# SPDX-License-Identifier: Apache-2.0
"""Devices of the host that are not on PCI, in Linux and bare guests: registers and interrupt of a PL031 by UIO."""
from lab import Extras, Lab, case, check

RTC, RTC_ID = 0x9010000, 34  # QEMU's board virt
DRIVER = "/sys/bus/amba/drivers/rtc-pl031"
PASSED = f"pass\n  loc 0x1d000000,0x1000,rwn={RTC:#x}\n  intr gic:44={RTC_ID}\n"

# An alarm is in whole seconds, and the kernel sets none that has passed.
ALARMS = """\
rtc=/sys/class/rtc/rtc0
echo "CLOCK $(cat $rtc/name)"
count() { awk '/rtc-pl031/ { print $2 }' /proc/interrupts; }
for i in 1 2; do
    before=$(count)
    echo +2 >$rtc/wakealarm
    until [ "$(count)" -gt "$before" ]; do usleep 20000; done
done
grep rtc-pl031 /proc/interrupts
"""


def in_l1(lab: Lab, script: str) -> str:
    return lab.run_in_l1("/bin/busybox", "sh", "-c", script)


def give_clock_to_uio(lab: Lab) -> None:
    in_l1(lab, f"[ ! -e {DRIVER}/{RTC:x}.pl031 ] || echo {RTC:x}.pl031 >{DRIVER}/unbind")
    lab.load_in_l1("uio")
    lab.load_own_in_l1("lab_uio", f"node=/pl031@{RTC:x}")


@case(board="arm64", limit=300)
def clock_with_alarms(lab: Lab):
    """Linux's driver finds it by the host's node. Without a UIO driver nobody gives it."""
    if not lab.read("/proc/modules").count("lab_uio"):
        vm = lab.start(lab.guest("poweroff", vdevs=lab.board.vdevs + "\n" + PASSED))
        vm.ends(64)
        check("cannot be passed: no UIO device has it, /proc/iomem names rtc-pl031" in vm.stderr, vm.stderr)
    give_clock_to_uio(lab)
    vm = lab.start(lab.guest_with(ALARMS, Extras(), vdevs=lab.board.vdevs + "\n" + PASSED))
    vm.expect("CLOCK rtc-pl031 1d000000.pl031")
    vm.expect(r"^ *\d+: +2 +GIC\S+ +44 Level +rtc-pl031")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
