# SPDX-License-Identifier: Apache-2.0
"""virtio-vsock: a guest and its host talk, both ways and by either kind of the host's end."""
from lab import Extras, Lab, case, check
from cases.common import check_calm

CONSOLE = "vdev ser8250\n  hostdev -\n"
VDEVS = {
    "kernel": "vdev virtio-vsock\n  guest-cid 7\n  loc 0xd0000000 intr ioapic:20\n",
    "unix": "vdev virtio-vsock\n  guest-cid 7\n  socket /dev/shm/v\n",
}
DRIVER = {"kernel": "virtio_mmio", "unix": "virtio_pci"}
HOST_LISTENS = {"kernel": "VSOCK-LISTEN:4321", "unix": "UNIX-LISTEN:/dev/shm/v_4321"}

GUEST = """\
socat VSOCK-LISTEN:1234,fork EXEC:cat &
until socat -u OPEN:/dev/null VSOCK-CONNECT:1:1234 2>/dev/null; do usleep 50000; done
echo LISTENING
read line
mkdir -p /tmp
head -c 2097152 /dev/urandom >/tmp/data
socat -t 60 - VSOCK-CONNECT:2:4321 </tmp/data >/tmp/back
cmp /tmp/data /tmp/back && echo SAME
socat -u OPEN:/dev/null VSOCK-CONNECT:2:999 2>/dev/null || echo REFUSED
"""

CONNECT = {
    "kernel": 's = socket.socket(socket.AF_VSOCK); s.connect((7, 1234))',
    "unix": 's = socket.socket(socket.AF_UNIX); s.connect("/dev/shm/v"); s.sendall(b"CONNECT 1234\\n")\n'
            'answer = b""\n'
            'while not answer.endswith(b"\\n"): answer += s.recv(1) or exit("refused")\n'
            'answer.startswith(b"OK ") or exit(answer)',
}  # fmt: skip

# Sends and receives at the same time, as much as the other side takes, and ends its own half first.
ROUND_TRIP = """\
import os, socket, threading
{connect}
data = os.urandom(2 << 20)
def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
back = bytearray()
while part := s.recv(1 << 16): back += part
print("SAME" if back == data else "DIFFERENT: %d bytes" % len(back))
"""


@case(limit=120, host=["kernel", "unix"])
def carries_megabytes_both_ways(lab: Lab, host: str):
    lab.load_in_l1("vhost_vsock")
    extras = Extras(modules=(DRIVER[host], "vmw_vsock_virtio_transport", "vsock_loopback"), programs=("socat",))
    lab.run("/usr/bin/socat", f"{HOST_LISTENS[host]},fork", "EXEC:/bin/cat")
    vm = lab.start(lab.guest_with(GUEST, extras, vdevs=CONSOLE + VDEVS[host]))
    vm.expect("LISTENING")
    for _ in range(2):
        printed = lab.run_in_l1("/usr/bin/python3", "-c", ROUND_TRIP.format(connect=CONNECT[host]))
        check(printed.startswith("SAME"), f"2 MiB come back from the guest as something else: {printed}")
    vm.type("\n")
    vm.expect("SAME")
    vm.expect("REFUSED")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)
