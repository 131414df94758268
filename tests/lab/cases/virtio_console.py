# SPDX-License-Identifier: Apache-2.0
"""virtio-console: a shell on hvc0, a terminal that changes its size, and megabytes through a named port."""
import signal

from lab import Extras, Lab, case, check

# With the console's size in the device's configuration, and in messages beside a port.
SEPARATE = """\
vdev virtio-console
  loc 0xd0000000 intr ioapic:5
  hostdev -
vdev virtio-console
  loc 0xd0001000 intr ioapic:6
  port data
    hostdev unix-listen:/dev/shm/data
  tx-backpressure
"""
TOGETHER = """\
vdev virtio-console
  hostdev -
  port data
    hostdev unix-listen:/dev/shm/data
  tx-backpressure
"""
VDEVS = {"mmio": SEPARATE, "pci": TOGETHER}

GUEST = """\
until found=$(grep -lx data /sys/class/virtio-ports/*/name 2>/dev/null); do usleep 20000; done
port=${found%/name}
exec 3<>/dev/${port##*/}
cat <&3 >&3
exec 3>&-
echo ECHO-ENDED
until [ -c /dev/hvc0 ]; do usleep 20000; done
setsid sh -c 'exec cttyhack sh </dev/hvc0 >/dev/hvc0 2>&1'
"""

# Sends and receives at the same time, as much as the other side takes.
ROUND_TRIP = """\
import os, socket, threading, time
data = os.urandom(10 << 20)
port = socket.socket(socket.AF_UNIX)
port.connect("/dev/shm/data")
threading.Thread(target=port.sendall, args=(data,)).start()
begin, back = time.monotonic(), bytearray()
while len(back) < len(data):
    back += port.recv(1 << 16) or exit("the port is closed after %d bytes" % len(back))
print("SAME" if back == data else "DIFFERENT", "%.1f MB/s" % (10.5 / (time.monotonic() - begin)))
"""


@case(limit=400, rare=lambda transport: transport == "mmio", transport=["mmio", "pci"])
def carries_a_shell_and_megabytes(lab: Lab, transport: str):
    extras = Extras(modules=(f"virtio_{transport}", "virtio_console"))
    vdevs = "vdev ser8250\n  hostdev >serial.log\n" + VDEVS[transport]
    vm = lab.start(lab.guest_with(GUEST, extras, vdevs=vdevs), tty=True)
    carries_megabytes(lab)
    carries_a_shell(lab, vm)
    vm.type("exit\n")
    vm.ends(0)
    serial = (lab.directory / "serial.log").read_text(errors="replace")
    check("TASK-ENDED 0" in serial, "the guest's script failed")


def carries_megabytes(lab: Lab) -> None:
    # The socket is there when qvm is; what is sent before the guest is up waits.
    lab.run_in_l1("/bin/sh", "-c", "until [ -S /dev/shm/data ]; do sleep 0.1; done")
    printed = lab.run_in_l1("/usr/bin/python3", "-c", ROUND_TRIP)
    check(printed.startswith("SAME"), f"10 MiB come back as something else: {printed}")


def carries_a_shell(lab: Lab, vm) -> None:
    terminal = lab.run_in_l1("/bin/readlink", f"/proc/{vm.pid}/fd/0").strip()
    resize(lab, vm, terminal, rows=24, columns=80)
    vm.expect("guest# ")
    vm.type("echo sum=$((20+22))\n")
    vm.expect("sum=42")
    # The size travels beside the keys, so the shell is asked until it knows.
    for rows, columns in ((24, 80), (50, 132)):
        resize(lab, vm, terminal, rows, columns)
        vm.type(f"until [ \"$(stty size)\" = '{rows} {columns}' ]; do usleep 20000; done; echo size=$(stty size)\n")
        vm.expect(f"size={rows} {columns}")


def resize(lab: Lab, vm, terminal: str, rows: int, columns: int) -> None:
    lab.run_in_l1("/usr/bin/stty", "-F", terminal, "rows", str(rows), "cols", str(columns))
    vm.signal(signal.SIGWINCH)  # the kernel sends it only to whose controlling terminal it is
