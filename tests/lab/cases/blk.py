# SPDX-License-Identifier: Apache-2.0
"""Linux's own virtio_blk: a root file system, mixed I/O that is verified, discards, and what survives a killed qvm."""
import re
from contextlib import contextmanager
from signal import SIGKILL

from lab import Extras, Lab, case, check
from cases.common import check_calm

CONSOLE = "vdev ser8250\n    hostdev -\n"
PLACES = {"mmio": ["loc 0xd0000000 intr ioapic:20", "loc 0xd0000200 intr ioapic:21"], "pci": ["", ""]}
DRIVER = {"mmio": "virtio_mmio", "pci": "virtio_pci"}
DATA = "/dev/shm/data.img"

# Bits 32 and 34 of the features that the driver has taken: virtio 1.x and packed rings.
VERIFIED_IO = """\
for disk in vdb vdc vdd vde vdf; do
    echo RING $disk $(cut -c 33,35 /sys/block/$disk/device/features) $(readlink -f /sys/block/$disk/device/.. | sed 's,.*/,,')
done
fio --rw randrw --bsrange 512-16k --size 1M --io_size 512k --ioengine libaio --iodepth 16 --direct 1 \\
    --verify crc32c --verify_fatal 1 --verify_state_save 0 --minimal \\
    --name b --filename /dev/vdb --name c --filename /dev/vdc --name d --filename /dev/vdd --name e --filename /dev/vde \\
    --name f --filename /dev/vdf \\
    >/run/fio.out || { cat /run/fio.out; exit 1; }
echo VERIFIED
"""
# vdc to vdf: with vdb, every transport and layout of rings.
MORE_DISKS = {
    "c": "ring split loc 0xd0000400 intr ioapic:22",
    "d": "legacy loc 0xd0000600 intr ioapic:23",
    "e": "ring packed",
    "f": "ring split",
}
RINGS = {
    "vdb": "11 LNRO0005:",
    "vdc": "10 LNRO0005:",
    "vdd": "00 LNRO0005:",
    "vde": "11 0000:00:",
    "vdf": "10 0000:00:",
}


def guest_on_disks(lab: Lab, transport: str, script: str, more: dict[str, str] = {}) -> str:
    """Its root is /dev/vda, which it cannot write to; /dev/vdb is there to be worked on."""
    root, data = PLACES[transport]
    vdevs = f"vdev virtio-blk name root\n    hostdev <{lab.root_image()}\n    {root}\n"
    vdevs += f"vdev virtio-blk name data\n    hostdev {DATA}\n    threads 2\n    {data}\n"
    for letter, options in more.items():
        vdevs += f"vdev virtio-blk name {letter}\n    hostdev {image(letter)}\n    {options}\n"
    extras = Extras(modules=(*(DRIVER.values() if more else [DRIVER[transport]]), "virtio_blk", "crc32c_generic", "ext4"))
    return lab.guest_with(script, extras, cmdline="quiet lab.root=/dev/vda", cpus=2, vdevs=CONSOLE + vdevs)


# vdf is a block device of the host.
LOOP = "/dev/loop0"


def image(letter: str) -> str:
    return LOOP if letter == "f" else f"/dev/shm/{letter}.img"


@contextmanager
def block_device(lab: Lab, megabytes: int):
    """LOOP, which nobody else has."""
    file = "/dev/shm/loop.img"
    make_disk(lab, megabytes, file)
    lab.load_in_l1("loop")
    lab.run_in_l1("/bin/busybox", "losetup", LOOP, file)
    try:
        yield
    finally:
        lab.run_in_l1("/bin/busybox", "losetup", "-d", LOOP)


def make_disk(lab: Lab, megabytes: int, path: str = DATA) -> None:
    lab.run_in_l1("/bin/busybox", "rm", "-f", path)
    lab.run_in_l1("/bin/busybox", "truncate", "-s", f"{megabytes}M", path)


def kilobytes_of_disk(lab: Lab) -> int:
    return int(lab.run_in_l1("/bin/busybox", "du", "-k", DATA).split()[0])


def ends_well(vm) -> None:
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)


@case(limit=180)
def root_fio_mkfs_and_trim(lab: Lab):
    make_disk(lab, 64)
    for letter in MORE_DISKS:
        if image(letter) != LOOP:
            make_disk(lab, 4, image(letter))
    script = (
        "echo ROOT $(sed -n 's,^\\(/dev/vda\\) / .*,\\1,p' /proc/mounts) SERIAL $(cat /sys/block/vdb/serial)\n"
        + VERIFIED_IO
        + "mkfs.ext4 -q -E nodiscard /dev/vdb\n"
        "mount /dev/vdb /mnt\n"
        "dd if=/dev/zero of=/mnt/file bs=1M count=16 conv=fsync 2>/dev/null\n"
        "echo FULL; read go\n"
        "rm /mnt/file; sync; fstrim /mnt; umount /mnt\n"
        "e2fsck -fn /dev/vdb >/dev/null 2>&1\n"
    )
    with block_device(lab, 4):
        vm = lab.start(guest_on_disks(lab, "mmio", script, MORE_DISKS))
        vm.expect("ROOT /dev/vda SERIAL data")
        for disk, features in RINGS.items():
            vm.expect(f"RING {disk} {features}")
        vm.expect("VERIFIED")
        vm.expect("FULL")
        second = lab.start(lab.guest("poweroff", vdevs=CONSOLE + f"vdev virtio-blk\n    hostdev {LOOP}\n"))
        second.expect(f"{LOOP}: cannot open: .*busy", stream="err")
        second.ends(65)
        full = kilobytes_of_disk(lab)
        vm.type("\n")
        ends_well(vm)
    trimmed = kilobytes_of_disk(lab)
    check(full - trimmed > 15 * 1024, f"{full} KiB on the host with a file of 16 MiB, {trimmed} KiB after fstrim")


WRITES_AND_TELLS = """\
mkfs.ext4 -q /dev/vdb
mount /dev/vdb /mnt
fio --name noise --filename /mnt/noise --rw randwrite --bs 4k --size 2M --ioengine libaio --iodepth 8 --direct 1 \\
    --verify crc32c --verify_backlog 32 --verify_fatal 1 --verify_state_save 0 --time_based --runtime 1h >/run/fio.out 2>&1 &
noise=$!
until [ -s /mnt/noise ]; do usleep 20000; done
n=0
while :; do
    n=$((n + 1))
    echo "line $n" | dd of=/mnt/log oflag=append conv=notrunc,fsync 2>/dev/null
    kill -0 $noise || cat /run/fio.out
    kill -0 $noise
    echo "SYNCED $n"
done
"""


@case(limit=90)
def what_was_synced_survives_a_kill(lab: Lab):
    make_disk(lab, 64)
    vm = lab.start(guest_on_disks(lab, "pci", WRITES_AND_TELLS))
    vm.expect("SYNCED 12")
    vm.signal(SIGKILL)
    vm.wait_for_end()
    synced = int(re.findall(r"SYNCED (\d+)\r?\n", vm.stdout)[-1])

    script = (
        "mount /dev/vdb /mnt\n"
        "echo FOUND $(cat /mnt/log | wc -l) LINES\n"
        f"seq {synced} | sed 's/^/line /' >/run/wanted; head -n {synced} /mnt/log | cmp - /run/wanted\n"
        "echo COMPLETE; umount /mnt; e2fsck -fn /dev/vdb >/dev/null 2>&1\n"
    )
    vm = lab.start(guest_on_disks(lab, "pci", script))
    found = int(vm.expect(r"FOUND (\d+) LINES")[1])
    check(found >= synced, f"{found} lines of the {synced} that were synced")
    vm.expect("COMPLETE")
    ends_well(vm)
