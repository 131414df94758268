# SPDX-License-Identifier: Apache-2.0
"""Networks of Linux guests: with the host by TAP, with and without vhost-net; with another guest; and through passt."""
import signal
from dataclasses import dataclass

from lab import Extras, Lab, case, check
from lab.vm import Vm

from cases.common import check_calm

MODULES = ("virtio_mmio", "virtio_pci", "virtio_net")
CONSOLE = "vdev ser8250\n  hostdev -\n"

# Functions that a guest's script begins with. A card is known by the last byte of its address.
GUEST = """
mkdir -p /tmp  # for iperf3
nic() { grep -l "02:00:00:00:00:$1" /sys/class/net/*/address | cut -d / -f 5; }
use() { ip address add "$2" dev "$(nic "$1")"; ip link set "$(nic "$1")" up; }
wait_carrier() { until [ "$(cat "/sys/class/net/$(nic "$1")/carrier")" = "$2" ]; do usleep 50000; done; }
wait_answer() { until ping -c 1 -W 1 "$1" >/dev/null; do :; done; }
"""


@dataclass(frozen=True)
class Card:
    """A card of the guest with a TAP of its own at the other end. Numbers are of addresses, places and lines."""

    number: int
    options: str
    pci: bool = False
    queues: int = 1

    @property
    def vdev(self) -> str:
        place = "" if self.pci else f"  loc {0xd0000000 + 0x1000 * self.number:#x} intr ioapic:{16 + self.number}\n"
        queues = f"  queues {self.queues}\n" if self.queues > 1 else ""
        return (
            f"vdev virtio-net\n  name net{self.number} mac 02:00:00:00:00:{self.number:02x}\n{place}{queues}"
            f"  peer /dev/vdevpeers/vp{self.number} {self.options}\n"
        )

    @property
    def setup(self) -> str:
        several = " multi_queue" if self.queues > 1 else ""
        return (
            f"ip tuntap add vp{self.number} mode tap{several}\n"
            f"ip address add 10.0.{self.number}.1/24 dev vp{self.number}\n"
            f"ip link set vp{self.number} up\n"
        )

    @property
    def traffic(self) -> str:
        host = f"10.0.{self.number}.1"
        return (
            f"use {self.number:02x} 10.0.{self.number}.2/24\n"
            f"ping -c 3 -i 0.2 -W 10 {host}\n"
            f"iperf3 -c {host} -n 512K\n"
            f"iperf3 -c {host} -n 512K -R\n"
            f"echo CARD-{self.number}-GOOD\n"
        )


CARDS = [
    Card(1, "vhost off"),
    Card(2, "vhost off peerfeats 0x7fc3", pci=True, queues=2),
    Card(3, "vhost on peerfeats 0x7fc3"),
    Card(4, "vhost on", pci=True, queues=2),
]
VHOST_THREADS = 3  # one for each pair of the cards with vhost-net
VHOST_PLACES = "cd /proc && sed -n 's/Cpus_allowed_list:.//p' $(grep -l '^vhost-{}$' [0-9]*/comm | sed 's/comm/status/')"
IO_CPU = "1"  # for qvm's io threads and what the kernel does in their place

# passt gives the guest the address and the route of its own; the route's gateway is the host's own loopback.
PASST_CARD = """vdev virtio-net
  name passt mac 02:00:00:00:00:09
  loc 0xd0009000 intr ioapic:23
  peer unix:/run/net-case/passt
"""
PASST_HOST = """
ip link add outside type dummy
ip address add 192.0.2.2/24 dev outside
ip link set outside up
ip route add default via 192.0.2.1
mkdir -p /run/net-case && chmod 777 /run/net-case
socat TCP-LISTEN:8080,bind=127.0.0.1,reuseaddr,fork SYSTEM:'echo from-the-host' &
passt --foreground --ipv4-only --socket /run/net-case/passt >/dev/null 2>&1 &
"""
PASST_GUEST = """
use 09 192.0.2.2/24
ip route add default via 192.0.2.1
wait_carrier 09 1
until socat -u TCP:192.0.2.1:8080,connect-timeout=5 STDOUT | grep from-the-host; do :; done
echo PASST-GOOD
"""


# passt wants a user namespace, and the kernel gives none to who has been put into a directory by chroot, as the lab's
# programs in the L1 are: among these mounts the outer machine's files are the root itself.
OWN_ROOT = "cd /host && mount -o move . / && exec chroot . /bin/sh"


def in_network(lab: Lab, setup: str, configuration: str) -> Vm:
    """Starts qvm in a network of its own, made by a script."""
    (lab.directory / "guest.qvmconf").write_text(configuration)
    script = lab.directory / "network.sh"
    script.write_text(
        f"set -e\nexport PATH=/usr/sbin:/usr/bin\ncd {lab.directory}\nip link set lo up\n{setup}\n"
        f"exec {lab.qvm} -f guest.qvmconf\n"
    )
    initramfs = ("/usr/sbin/chroot", "/proc/1/root", "/bin/busybox")
    return lab.run(*initramfs, "unshare", "-m", "-n", "/bin/busybox", "sh", "-c", f"{OWN_ROOT} {script}")


@case()
def host_and_guest(lab: Lab):
    lab.load_in_l1("tun", "vhost_net", "dummy")
    script = GUEST + "".join(card.traffic for card in CARDS) + "echo ALL-GOOD\nread line\n" + PASST_GUEST
    cards = f"set host-io-runmask {IO_CPU}\n" + "".join(card.vdev for card in CARDS) + PASST_CARD
    setup = "".join(card.setup for card in CARDS) + PASST_HOST + "TMPDIR=/dev/shm iperf3 -s -D\n"
    extras = Extras(modules=MODULES, programs=("iperf3", "socat"))
    vm = in_network(lab, setup, lab.guest_with(script, extras, cpus=2, vdevs=CONSOLE + cards))
    for card in CARDS:
        vm.expect("3 packets received")
        vm.expect(f"CARD-{card.number}-GOOD")
    vm.expect("^ALL-GOOD")
    allowed = lab.run_in_l1("/bin/sh", "-c", VHOST_PLACES.format(vm.pid)).split()
    check(allowed == [IO_CPU] * VHOST_THREADS, f"the threads of vhost-net may run on {allowed}")
    vm.type("go on\n")
    vm.expect("^from-the-host")
    vm.expect("PASST-GOOD")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)


def guest_of_two(lab: Lab, name: str, peer: str, number: int, script: str) -> Vm:
    place = "" if number == 1 else "  loc 0xd0001000 intr ioapic:17\n"
    card = f"vdev virtio-net\n  name net mac 02:00:00:00:00:01 peer /dev/qvm/{peer}/net peerfeats 0x7fc3\n{place}"
    extras = Extras(modules=MODULES, programs=("iperf3",))
    own = GUEST + f"use 01 10.1.0.{number}/24\n" + script
    configuration = f"system {name}\n" + lab.guest_with(own, extras, vdevs=CONSOLE + card)
    (lab.directory / f"{name}.qvmconf").write_text(configuration)
    return lab.run_qvm("-f", f"{name}.qvmconf")


@case()
def guest_and_guest(lab: Lab):
    first = guest_of_two(lab, "first", "second", 1, "iperf3 -s -D\nwait_answer 10.1.0.2\necho PEER-ANSWERS\nread line\n")
    traffic = "iperf3 -c 10.1.0.1 -n 1M\niperf3 -c 10.1.0.1 -n 1M -R\necho TRAFFIC-DONE\n"
    changes = "".join(f"wait_carrier 01 {up}\necho LINK-{up}\n" for up in (0, 1, 0))
    second = guest_of_two(lab, "second", "first", 2, "wait_answer 10.1.0.1\n" + traffic + changes)
    first.expect("^PEER-ANSWERS")
    second.expect("TRAFFIC-DONE")
    first.signal(signal.SIGQUIT)
    first.ends(3)
    second.expect("^LINK-0")
    # Now the other way round: the one that is called was there before.
    again = guest_of_two(lab, "first", "second", 1, "read line\n")
    second.expect("^LINK-1")
    again.signal(signal.SIGQUIT)
    again.ends(3)
    second.expect("^LINK-0")
    second.expect("TASK-ENDED 0")
    second.ends(0)
    for vm in (first, second, again):
        check_calm(vm)
