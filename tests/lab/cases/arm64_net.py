# SPDX-License-Identifier: Apache-2.0
"""Networks of arm64 guests with the host by TAP: a card over MMIO that qvm serves, one over PCI that vhost-net serves."""
import hashlib

from lab import Extras, Lab, case, check
from cases.virtio import ends_well

BUSYBOX = "/bin/busybox"
SIZE = 1 << 20  # bytes in each direction, at the same time
CARDS = {1: "  loc 0x1c0d0000 intr gic:41\n  vhost off", 2: "  vhost on"}

HOST = """
tunctl -t vp{0} >/dev/null
ip address add 10.0.{0}.1/24 dev vp{0}
ip link set vp{0} up
"""
SERVER = "cd /dev/shm && nc -l -p 500{0} <down >up{0}"
GUEST = """
card=$(grep -l 02:00:00:00:00:0{0} /sys/class/net/*/address | cut -d / -f 5)
ip address add 10.0.{0}.2/24 dev $card
ip link set $card up
ping -c 3 -i 0.2 -W 10 10.0.{0}.1
nc 10.0.{0}.1 500{0} <up >down{0}
echo DOWN $(md5sum <down{0})
"""


@case(board="arm64", limit=300)
def host_and_guest(lab: Lab):
    down = bytes(range(251)) * (SIZE // 251)
    (lab.directory / "down").write_bytes(down)
    lab.load_in_l1("tun", "vhost_net")
    lab.run_in_l1(BUSYBOX, "cp", f"{lab.directory}/down", "/dev/shm/down")
    lab.run_in_l1(BUSYBOX, "sh", "-ec", "".join(HOST.format(number) for number in CARDS))
    servers = {number: lab.run(BUSYBOX, "sh", "-c", SERVER.format(number)) for number in CARDS}
    vdevs = lab.board.vdevs + "".join(
        f"\nvdev virtio-net\n  name net{number} mac 02:00:00:00:00:0{number} peer /dev/vdevpeers/vp{number}\n{place}"
        for number, place in CARDS.items()
    )
    script = f"head -c {SIZE} /dev/urandom >up\necho UP $(md5sum <up)\n" + "".join(map(GUEST.format, CARDS))
    script += "grep virtio /proc/interrupts | sed 's/^/IRQ /'\necho IRQ-END\n"
    extras = Extras(modules=("virtio_mmio", "virtio_pci", "virtio_net"))
    vm = lab.start(lab.guest_with(script, extras, cpus=2, vdevs=vdevs))
    up = vm.expect("^UP ([0-9a-f]{32})")[1]
    for number in CARDS:
        vm.expect("3 packets received")
        found = vm.expect("^DOWN ([0-9a-f]{32})")[1]
        check(found == hashlib.md5(down).hexdigest(), f"card {number}: the guest got something else")
        servers[number].ends(0)
        found = lab.run_in_l1(BUSYBOX, "md5sum", f"/dev/shm/up{number}").split()[0]
        check(found == up, f"card {number}: the host got something else")
    ends_well(vm, r"(?s)(?=.*GIC\S+\s+41 Level\s+virtio)(?=.*MSI[^\n]*Edge[^\n]*virtio)")
