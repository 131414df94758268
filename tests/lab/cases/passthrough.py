# SPDX-License-Identifier: Apache-2.0
"""Devices of the host in Linux guests, by VFIO behind the L1's IOMMU."""
import os
import re
from contextlib import contextmanager
from signal import SIGKILL, SIGUSR1

from lab import Extras, Lab, case, check

from cases.common import check_calm

EDU, NVME, E1000E, VIRTIO_BLK, AHCI = "1234 11e8", "1b36 0010", "8086 10d3", "1af4 1042", "8086 2922"
CONSOLE = "vdev ser8250\n    hostdev -\n"
INTERRUPTS = 40
STARTS = int(os.environ.get("LAB_STARTS", "2"))

# A page of the L1 above the guest's memory, full of one byte; told what the guest does to it.
CANARY = """\
import ctypes, mmap, struct, sys
pages = 96 << 10
memory = mmap.mmap(-1, pages << 12, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
with open("/proc/self/pagemap", "rb") as pagemap:
    pagemap.seek(start >> 12 << 3)
    frames = struct.unpack(f"{pages}Q", pagemap.read(pages << 3))
number, frame = max(enumerate(entry & (1 << 55) - 1 for entry in frames), key=lambda each: each[1])
memory.seek(number << 12)
memory.write(bytes([0xC7]) * 4096)
print(f"CANARY {frame << 12:#x}", flush=True)
sys.stdin.readline()
memory.seek(number << 12)
print("CANARY-UNHARMED" if memory.read(4096) == bytes([0xC7]) * 4096 else "CANARY-HARMED", flush=True)
"""


def find(lab: Lab, identity: str) -> str:
    """The address of the L1's function with that vendor and device, among those to pass."""
    vendor, device = identity.split()
    script = (
        "cd /sys/bus/pci/devices; for each in 0000:0[1-9]:*; do "
        f'[ "$(cat $each/vendor) $(cat $each/device)" = "0x{vendor} 0x{device}" ] && echo $each; done; true'
    )
    found = lab.run_in_l1("/bin/busybox", "sh", "-c", script).split()
    check(len(found) == 1, f"functions {identity} of the L1: {found}")
    return found[0]


@contextmanager
def bound(lab: Lab, *addresses: str):
    """VFIO has them, by qvmctl."""
    lab.load_in_l1("vfio-pci", "vfio_iommu_type1")
    qvmctl = str(lab.qvm.parent / "qvmctl")
    lab.run_in_l1(qvmctl, "pass", "bind", *addresses)
    try:
        yield
    finally:
        lab.run_in_l1(qvmctl, "pass", "unbind", *addresses)


# The emulated card drops a packet whose buffer crosses pages that do not lie side by side in the L1's memory (QEMU 7.2,
# hw/net/net_tx_pkt.c: what pci_dma_map() gives is too short): with small pages a guest's TCP gets stuck in no time.
HUGE = "set host-hugepages 2M\n"

CARD = """\
card=$(grep -l 02:00:00:00:01:02 /sys/class/net/*/address | cut -d / -f 5)
ip address add 10.1.0.2/24 dev $card
ip link set $card up
until ping -c 1 -W 1 10.1.0.1 >/dev/null; do :; done
mkdir -p /tmp
{where} iperf3 -c 10.1.0.1 -n 8M
{where} iperf3 -c 10.1.0.1 -n 8M -R
echo CARD-GOOD
grep "$card" /proc/interrupts
"""


@contextmanager
def other_end_of_the_cable(lab: Lab):
    """The L1's own card, with an iperf3 that serves."""
    lab.load_in_l1("virtio_net")
    host = "c=$(grep -l 02:00:00:00:01:01 /sys/class/net/*/address | cut -d / -f 5); ip address flush dev $c; ip address add 10.1.0.1/24 dev $c; ip link set $c up"
    lab.run_in_l1("/bin/busybox", "sh", "-c", host)
    server = lab.run("/usr/bin/env", "TMPDIR=/dev/shm", "/usr/bin/iperf3", "-s", "--forceflush")
    server.expect("listening")
    try:
        yield
    finally:
        server.signal(SIGKILL)
        server.wait_for_end()


@contextmanager
def huge_pages(lab: Lab):
    """For a guest of 256 MiB."""
    file = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    lab.run_in_l1("/bin/busybox", "sh", "-c", f"echo 128 >{file}")
    check(lab.read(file).strip() == "128", "the L1 has no huge pages for the guest")
    try:
        yield
    finally:
        lab.run_in_l1("/bin/busybox", "sh", "-c", f"echo 0 >{file}")


@case(limit=180, init="iommu")
def edu_and_card_by_pin(lab: Lab):
    """edu's DMA both ways, byte exact, as function 1 beside a dummy; its pin as a level, and that of a card under load; its
    messages to both vCPUs, one after another. What is not the guest's RAM stays as it is."""
    addresses = find(lab, EDU), find(lab, E1000E)
    with bound(lab, *addresses), huge_pages(lab), other_end_of_the_cable(lab):
        canary = lab.run("/usr/bin/python3", "-c", CANARY)
        outside = canary.expect(r"CANARY (0x[0-9a-f]+)")[1]
        check(int(outside, 16) >= 256 << 20, f"the canary at {outside} is where the guest's own memory is")
        script = (
            f"echo {EDU} >/sys/bus/pci/drivers/uio_pci_generic/new_id\n"
            f"lab_edu 0000:00:05.1 uio0 {INTERRUPTS} {outside} 2\n"
            "grep uio_pci_generic /proc/interrupts\n"
        ) + CARD.replace("{where}", "")
        extras = Extras(modules=("uio_pci_generic", "e1000e"), programs=(str(lab.qvm.parent / "lab_edu"), "iperf3"))
        passed = HUGE + CONSOLE + "vdev pci-dummy loc pci:0:5.0\npass loc pci:0:5.1=pci:0x1234/0x11e8\npass loc pci:0:6.0=pci:0x8086/0x10d3\n"
        vm = lab.start(lab.guest_with(script, extras, cpus=2, cmdline="quiet pci=nomsi", vdevs=passed))
        vm.expect("EDU-REGISTERS")
        vm.expect("EDU-DMA")
        vm.expect(f"EDU-INTERRUPTS {INTERRUPTS}")
        read = vm.expect("EDU-OUTSIDE (..)")[1]
        check(read != "c7", "the device has read what is not the guest's")
        vm.expect("EDU-DMA")
        vm.expect(f"EDU-MESSAGES {2 * INTERRUPTS}")
        counted = vm.expect(r"^ *\d+:((?: +\d+)+) +IO-APIC.*fasteoi +uio_pci_generic")[1]
        check(sum(map(int, counted.split())) == INTERRUPTS, f"the guest counts {counted} interrupts of {INTERRUPTS}")
        vm.expect("CARD-GOOD")
        # Pin B of slot 5 and pin A of slot 6 are one line.
        counted = vm.expect(r"^ *\d+:((?: +\d+)+) +IO-APIC.*fasteoi +uio_pci_generic, eth")[1]
        check(sum(map(int, counted.split())) > 2 * INTERRUPTS, f"only {counted} interrupts of the card")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)
        canary.type("\n")
        canary.expect("CANARY-UNHARMED")
        faults = set(re.findall(rf"DMA (Read|Write).*{addresses[0][5:]}.*fault", lab.run_in_l1("/bin/dmesg")))
        check(faults == {"Read", "Write"}, f"the IOMMU has stopped {faults}")


# The programs are on the virtio disk.
VERIFY = """\
mkdir -p /mnt
mount -o ro /dev/vda /mnt
mount --bind /dev /mnt/dev
mount --bind /proc /mnt/proc
for each in run tmp; do mount -t tmpfs none /mnt/$each; done
verify() {
    chroot /mnt fio --name "$1" --filename "$2" --rw randrw --bsrange 4k-64k "$3" $4 --ioengine libaio --iodepth 8 --direct 1 \\
        --verify crc32c --verify_fatal 1 --verify_state_save 0 --minimal >/fio.out || { cat /fio.out; exit 1; }
    echo "VERIFIED $1"
}
"""
DISKS = f"""\
until [ -b /dev/vda ] && [ -b /dev/nvme0n1 ] && [ -b /dev/sda ]; do usleep 50000; done
{VERIFY}
verify nvme /dev/nvme0n1 --size=6M
verify virtio /dev/vda --offset=256M --size=4M
sata() {{ awk '/ahci/ {{ sum = $2 + $3 }} END {{ print sum + 0 }}' /proc/interrupts; }}
before=$(sata)
verify sata /dev/sda --size=4M
echo "SATA-BY $(cat /sys/bus/pci/devices/0000:00:07.0/msi_irqs/*) $(($(sata) - before))"
grep -E "nvme0q|virtio0-req|ahci" /proc/interrupts
"""


@case(limit=240, init="iommu")
def disks_and_network(lab: Lab):
    """Stock drivers of an NVMe disk (MSI-X), a virtio disk (the same), a SATA disk (MSI) and a network card
    (MSI-X), at once."""
    addresses = [find(lab, each) for each in (NVME, E1000E, VIRTIO_BLK, AHCI)]
    passed = "".join(
        f"pass loc pci:0:{slot}.0=pci:{int(each[5:7], 16)}:{int(each[8:10], 16)}.0\n" for slot, each in enumerate(addresses, start=4)
    )
    script = DISKS + CARD.replace("{where}", "chroot /mnt")
    extras = Extras(modules=("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "nvme", "ahci", "sd_mod", "e1000e"))
    with bound(lab, *addresses), huge_pages(lab), other_end_of_the_cable(lab):
        vm = lab.start(lab.guest_with(script, extras, cpus=2, vdevs=HUGE + CONSOLE + passed))
        vm.expect("VERIFIED nvme")
        vm.expect("VERIFIED virtio")
        vm.expect("VERIFIED sata")
        messages = int(vm.expect(r"SATA-BY msi (\d+)")[1])
        check(messages >= 20, f"{messages} messages of the SATA disk for 4 MiB, written and read")
        for kind in ("virtio0-req", "nvme0q1", "ahci"):
            line = vm.expect(rf"^ *\d+:((?: +\d+)+) +PCI-MSI.* {kind}", anywhere=True)[1]
            check(sum(map(int, line.split())) > 0, f"no interrupts of {kind}")
        vm.expect("CARD-GOOD")
        line = vm.expect(r"^ *\d+:((?: +\d+)+) +PCI-MSI.*-rx-0")[1]
        check(sum(map(int, line.split())) > 0, "no interrupts of the card")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)


@case(limit=900, init="iommu", rare=lambda: True)
def disk_from_end_to_end(lab: Lab):
    """All 256 MiB of an NVMe disk, written, read and verified at random."""
    address = find(lab, NVME)
    disks = "until [ -b /dev/vda ] && [ -b /dev/nvme0n1 ]; do usleep 50000; done\n"
    script = disks + VERIFY + "verify nvme /dev/nvme0n1 --size=256M\n"
    extras = Extras(modules=("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "nvme"))
    vdevs = CONSOLE + f"vdev virtio-blk\n    hostdev <{lab.root_image()}\npass loc pci:0:4.0=pci:{int(address[5:7], 16)}:{int(address[8:10], 16)}.0\n"
    with bound(lab, address):
        vm = lab.start(lab.guest_with(script, extras, cpus=2, vdevs=vdevs))
        vm.expect("VERIFIED nvme")
        vm.expect("TASK-ENDED 0")
        vm.ends(0)
        check_calm(vm)


@case(limit=90, init="iommu")
def refusals(lab: Lab):
    """What is in the way is one line with the way out, before the guest starts."""
    address = find(lab, EDU)
    lab.load_in_l1("vfio-pci", "vfio_iommu_type1")
    configuration = lab.guest("poweroff", vdevs=CONSOLE + "pass loc pci:0x1234/0x11e8\n")

    def refused(pattern: str, *wrapper: str) -> None:
        if wrapper:
            vm = lab.run(*wrapper, str(lab.qvm), "-f", "guest.qvmconf")
        else:
            vm = lab.start(configuration)
        vm.expect(pattern, stream="err")
        vm.ends(64)
        check("GUEST-UP" not in vm.stdout, "the guest has started")

    refused(f"{address} cannot be passed: it is not bound to vfio-pci\n +qvmctl pass bind {address}$")
    with bound(lab, address):
        link = lab.run_in_l1("/usr/bin/readlink", f"/sys/bus/pci/devices/{address}/iommu_group")
        group = f"/dev/vfio/{link.strip().rpartition('/')[2]}"
        holder = lab.run("/bin/busybox", "sh", "-c", f"exec 3<>{group}; echo HELD; read line")
        holder.expect("HELD")
        refused(f"cannot open {group}: .*busy\n +another process has the group")
        holder.type("\n")
        holder.ends(0)
        nobody = ("/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        refused(f"cannot open {group}: Permission denied\n.*udev rule", *nobody)
        lab.run_in_l1("/bin/busybox", "chmod", "666", group, "/dev/kvm")
        refused("devices cannot be given .*\n.*RLIMIT_MEMLOCK is 1024 KiB", "/usr/bin/prlimit", "--memlock=1048576", *nobody)


MANY = 300  # interrupts
COUNTED = f"""\
echo {EDU} >/sys/bus/pci/drivers/uio_pci_generic/new_id
echo READY
read line
lab_edu 0000:00:05.0 uio0 {MANY}
read line
"""
TRACING = "/sys/kernel/tracing"
EVENTS = ("kvm/kvm_entry", "kvm/kvm_exit", "kvm/kvm_inj_virq", "irq/irq_handler_entry")

# How often the guest left its CPU on the way of each interrupt: between the last time that it was entered before the host's
# handler ran, and the injection. The exit that brings the handler about is among them: the host has the interrupt on the CPU
# where the guest runs, which spins in that time, so that it is not halted. What comes together with a tick of the guest's
# clock (Linux's vector 0xec) waits for the end of that, and is left out: the clock ticks with both programs as it likes.
# Tells the median, and the sum of all exits.
WAYS = """\
import re
exits = since_entry = 0
ways = []
wait = None  # exits on the way so far
for line in open("/sys/kernel/tracing/trace"):
    found = re.search(r" (kvm_entry|kvm_exit|kvm_inj_virq|irq_handler_entry): (.*)", line)
    if not found: continue
    event, text = found.groups()
    if event == "kvm_entry":
        since_entry = 0
    elif event == "kvm_exit":
        exits += 1
        since_entry += 1
        if wait is not None: wait += 1
    elif event == "irq_handler_entry" and "vfio-intx" in text:
        wait = since_entry
    elif event == "kvm_inj_virq" and wait is not None:
        if "0xec" not in text: ways.append(wait)
        wait = None
ways.sort()
print(f"WAYS {len(ways)} MEDIAN {ways[len(ways) // 2]} MEAN {sum(ways) / len(ways):.2f} EXITS {exits}")
"""


def wake_ups(lab: Lab, vm) -> int:
    """How often qvm's io/main has gone to sleep; QEMU has no such thread."""
    script = f'for each in /proc/{vm.pid}/task/*; do [ "$(cat $each/comm)" = io/main ] && grep ^voluntary $each/status; done; true'
    return sum(map(int, re.findall(r"\d+", lab.run_in_l1("/bin/busybox", "sh", "-c", script))))


def exits_of_interrupts(lab: Lab, vm) -> tuple[int, str]:
    """How often the guest leaves its CPU on an interrupt's way from the device to its handler, and all there is to tell."""
    vm.expect("READY")
    place = "for each in /proc/irq/*/vfio-intx*; do echo 1 >${each%/*}/smp_affinity_list; done"
    lab.run_in_l1("/bin/busybox", "sh", "-c", place)
    before = wake_ups(lab, vm)
    switch = "for each in {}; do echo {} >{}/events/$each/enable; done"
    lab.run_in_l1("/bin/busybox", "sh", "-c", f"echo >{TRACING}/trace; " + switch.format(" ".join(EVENTS), 1, TRACING))
    vm.type("\n")
    vm.expect(f"EDU-INTERRUPTS {MANY}")
    lab.run_in_l1("/bin/busybox", "sh", "-c", switch.format(" ".join(EVENTS), 0, TRACING))
    woken = wake_ups(lab, vm) - before
    check(woken < MANY // 2, f"{MANY} interrupts within the kernel have woken io/main {woken} times")
    vm.type("\n")
    vm.ends(0)
    told = lab.run_in_l1("/usr/bin/python3", "-c", WAYS)
    ways, median = map(int, re.search(r"WAYS (\d+) MEDIAN (\d+)", told).groups())
    check(ways >= MANY // 30, f"only {ways} of {MANY} interrupts were seen on their way")
    return median, told


@case(limit=240, init="iommu", rare=lambda: True)
def exits_beside_qemu(lab: Lab):
    """An interrupt of edu's by its pin costs no more exits from the device to the guest's handler than with QEMU's vfio-pci; the
    file `exits` beside the case's log has the numbers."""
    mount = f"mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}; echo 8192 >{TRACING}/buffer_size_kb"
    lab.run_in_l1("/bin/busybox", "sh", "-c", mount)
    address = find(lab, EDU)
    extras = Extras(modules=("uio_pci_generic",), programs=(str(lab.qvm.parent / "lab_edu"),))
    configuration = lab.guest_with(COUNTED, extras, vdevs=CONSOLE + "pass loc pci:0:5.0=pci:0x1234/0x11e8\n")
    with bound(lab, address):
        own, told = exits_of_interrupts(lab, lab.start(configuration.replace("\ncpu\n", "\ncpu runmask 1\n")))
        kernel, initrd = (re.search(rf"^{word}load (.*)$", configuration, re.MULTILINE)[1] for word in ("", "initrd "))
        lab.run_in_l1("/bin/busybox", "cp", kernel, "/dev/shm/kernel")  # the emulator reads it slowly from afar
        lab.run_in_l1("/bin/busybox", "cp", initrd, "/dev/shm/initrd")
        qemu = lab.run(
            "/usr/bin/taskset", "-c", "1",
            "/usr/bin/qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-no-reboot",
            "-nodefaults", "-display", "none", "-serial", "stdio",
            "-kernel", "/dev/shm/kernel", "-initrd", "/dev/shm/initrd",
            "-append", re.search(r'cmdline "(.*)"', configuration)[1],
            "-device", f"vfio-pci,host={address},addr=05.0",
        )  # fmt: skip
        others, told_of_others = exits_of_interrupts(lab, qemu)
    (lab.directory / "exits").write_text(f"{told}with QEMU {told_of_others}")
    check(own <= others, f"{own} exits on the way of an interrupt, and {others} with QEMU")


@case(limit=120, init="iommu-unsafe", rare=lambda: True)
def without_interrupt_remapping(lab: Lab):
    """A device that could raise any interrupt of the host is refused, unless the host's operator permits it."""
    address = find(lab, EDU)
    configuration = lab.guest("poweroff", vdevs=CONSOLE + "pass loc pci:0x1234/0x11e8\n")
    with bound(lab, address):
        vm = lab.start(configuration)
        vm.expect(r"the IOMMU cannot be had .*\n +the host lacks interrupt remapping.*allow_unsafe_interrupts=1", stream="err")
        vm.ends(64)
        parameter = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
        lab.run_in_l1("/bin/busybox", "sh", "-c", f"echo Y >{parameter}")
        vm = lab.start(configuration)
        vm.expect("GUEST-UP")
        vm.ends(0)


# As many messages as blocks, far more than the limit allows in the time that they take.
READS_NVME = """\
until [ -b /dev/nvme0n1 ]; do usleep 50000; done
seq 1 300000 >/data
dd if=/data of=/dev/nvme0n1 bs=64k conv=fsync 2>/dev/null
echo "WRITTEN $(head -c 1228800 </data | md5sum)"
dd if=/dev/nvme0n1 bs=4k count=300 iflag=direct 2>/dev/null >/back
echo "READ $(md5sum </back)"
admin=$(awk '/nvme0q0/ { print $1 + 0 }' /proc/interrupts)
for each in 1 2; do
    read mask
    echo $mask >/proc/irq/$admin/smp_affinity
    echo 1 >/sys/class/nvme/nvme0/rescan_controller     # a message moves when the next one comes
    echo "MOVED $mask"
done
read line
"""

# In the L1: waits until messages of a vector come on these CPUs.
COMES_ON = """\
until for each in $(ls /sys/bus/pci/devices/{address}/msi_irqs); do
    echo "$(cat /sys/kernel/irq/$each/actions) $(cat /proc/irq/$each/smp_affinity_list)"
done | grep -xF "vfio-msix[{vector}]({address}) {cpus}"; do usleep 20000; done
"""


@case(limit=120, init="iommu", rare=lambda: True)
def limited_messages(lab: Lab):
    """A device with more messages than pass-intr-limit is slow, and loses nothing. They come where the vCPU is that the guest
    sends them to, and move with it."""
    address = find(lab, NVME)
    passed = "set pass-intr-limit 50\n" + CONSOLE + "pass loc pci:0:4.0=pci:0x1b36/0x0010\n"
    with bound(lab, address):
        configuration = lab.guest_with(READS_NVME, Extras(modules=("nvme",)), vdevs=passed)
        vm = lab.start(configuration.replace("\ncpu\n", "\ncpu runmask 0\ncpu runmask 1\n"))
        written = vm.expect("WRITTEN ([0-9a-f]{32})")[1]
        check(vm.expect("READ ([0-9a-f]{32})")[1] == written, "the guest reads what it has not written")
        vm.expect("more messages in a second than pass-intr-limit", stream="err")
        vm.signal(SIGUSR1)
        counted = int(vm.expect(rf"{address}: (\d+) messages; seconds with more .*: [1-9]", stream="err")[1])
        check(counted >= 300, f"the host has counted {counted} messages")

        def comes_on(vector: int, cpus: str) -> None:
            lab.run_in_l1("/bin/busybox", "sh", "-c", COMES_ON.format(address=address, vector=vector, cpus=cpus))

        # The driver has a queue and a vector for each of its CPUs, and one for administration, which it lets be moved.
        comes_on(1, "0")
        comes_on(2, "1")
        for mask, cpus in (("2", "1"), ("1", "0")):
            vm.type(mask + "\n")
            vm.expect(f"MOVED {mask}")
            comes_on(0, cpus)
        check("smp_affinity_list" not in vm.stderr, "the host keeps interrupts where they are")
        vm.type("\n")
        vm.ends(0)
        check_calm(vm)


USES_NVME = """\
until [ -b /dev/nvme0n1 ]; do usleep 50000; done
echo "guest {n}" | dd of=/dev/nvme0n1 bs=4k seek=1 conv=sync,fsync 2>/dev/null
echo USED
if [ {n} = odd ]; then cat /dev/nvme0n1 >/dev/null; fi
read line
"""

# The L1's own driver gets the disk back, and finds what the guest has written. The disk's node is there a moment before the
# disk can be opened.
HOST_LOOKS = """\
until dd if=/dev/nvme0n1 of=/dev/shm/found bs=4k skip=1 count=1 iflag=direct 2>/dev/null; do usleep 50000; done
head -n 1 /dev/shm/found
"""


@case(limit=60 * STARTS, init="iommu", rare=lambda: True)
def given_back(lab: Lab):
    """A guest that ends, and one that is killed while it reads, leave the disk to the host's driver. LAB_STARTS=100 does
    so a hundred times."""
    lab.load_in_l1("nvme")
    address = find(lab, NVME)
    passed = f"pass loc pci:0:4.0=pci:{int(address[5:7], 16)}:{int(address[8:10], 16)}.0\n"
    for number in range(STARTS):
        word = ("even", "odd")[number % 2]
        with bound(lab, address):
            script = USES_NVME.replace("{n}", word)
            vm = lab.start(lab.guest_with(script, Extras(modules=("nvme",)), vdevs=CONSOLE + passed))
            vm.expect("USED")
            if word == "odd":
                vm.signal(SIGKILL)
                vm.wait_for_end()
            else:
                vm.type("\n")
                vm.ends(0)
        found = lab.run_in_l1("/bin/busybox", "sh", "-c", HOST_LOOKS)
        check(found.strip() == f"guest {word}", f"start {number}: the host's driver finds {found!r}")
