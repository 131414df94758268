# SPDX-License-Identifier: Apache-2.0
"""Devices that other programs serve: Debian's virtiofsd and qemu-storage-daemon, and the end of one of them."""
import shutil

from lab import Extras, Lab, case, check, skip

from cases.common import check_calm

PLACE = "/run/vhost-user-case"
VDEVS = f"""vdev ser8250
  hostdev -
vdev virtio-blk name root
  hostdev <{{root}}
vdev virtio-fs name share
  socket {PLACE}/fs
  loc 0xd0000000 intr ioapic:20
vdev virtio-fs host_path {PLACE}/share tag own directio true
vdev vhost-user type 2 name disk
  socket {PLACE}/disk
"""

# This virtiofsd ends with its VM, and so does the one that qvm starts; the storage daemon is killed.
HOST = f"""set -e
export PATH=/usr/sbin:/usr/bin
mkdir -p {PLACE}/share && cd {PLACE}
dd if=/dev/urandom of=share/from-host bs=1M count=3 2>/dev/null
qemu-img create -q -f qcow2 disk.qcow2 64M
/usr/lib/qemu/virtiofsd --socket-path=fs -o source={PLACE}/share -o sandbox=chroot >virtiofsd.log 2>&1 &
qemu-storage-daemon --pidfile pid --blockdev driver=file,node-name=file,filename=disk.qcow2 \\
    --blockdev driver=qcow2,node-name=disk,file=file \\
    --export type=vhost-user-blk,id=disk,node-name=disk,writable=on,num-queues=2,addr.type=unix,addr.path=disk &
until [ -S fs ] && [ -S disk ]; do sleep 0.05; done
cd {{directory}}
exec {{qvm}} -f guest.qvmconf
"""

VERIFIED_IO = """fio --name {name} --filename {file} --rw randrw --bsrange 512-16k --size 2M --io_size 1M --ioengine {engine} \\
    --verify crc32c --verify_fatal 1 --verify_state_save 0 --minimal {more} >/run/fio.out || {{ cat /run/fio.out; exit 1; }}
"""
GUEST = (
    "mount -t virtiofs share /mnt\n"
    "cat /mnt/from-host >/mnt/from-guest\n"
    "echo FILE $(sha256sum </mnt/from-guest)\n"
    + VERIFIED_IO.format(name="shared", file="/mnt/fio", engine="psync", more="")
    + "umount /mnt\n"
    "mount -t virtiofs own /mnt\n"
    "cmp /mnt/from-host /mnt/from-guest; seq 1 100000 >/mnt/numbers\n"
    "umount /mnt\n"
    "echo SHARED\n"
    + VERIFIED_IO.format(name="disk", file="/dev/vdb", engine="libaio", more="--iodepth 16 --direct 1")
    + "mkfs.ext4 -q /dev/vdb\n"
    "mount /dev/vdb /mnt\n"
    "seq 1 100000 >/mnt/numbers\n"
    "umount /mnt\n"
    "echo WRITTEN $(ls /sys/block/vdb/mq | wc -l); read go\n"
    "dd if=/dev/vdb of=/dev/null bs=4k count=1 iflag=direct &\n"
    "echo ASKED; read go\n"
    "kill -0 $!; echo WAITS\n"
)


@case()
def virtiofsd_and_storage_daemon(lab: Lab):
    extras = Extras(modules=("virtio_mmio", "virtio_pci", "virtio_blk", "virtiofs", "crc32c_generic", "ext4"))
    vdevs = VDEVS.format(root=lab.root_image())
    configuration = lab.guest_with(GUEST, extras, cmdline="quiet lab.root=/dev/vda", cpus=2, vdevs=vdevs)
    (lab.directory / "guest.qvmconf").write_text(configuration)
    script = lab.directory / "host.sh"
    script.write_text(HOST.format(directory=lab.directory, qvm=lab.qvm))
    vm = lab.run("/bin/sh", str(script))

    seen = vm.expect(r"FILE (\w{64}) ")[1]
    vm.expect("SHARED")
    numbers = lab.run_in_l1("/bin/sh", "-c", f"seq 1 100000 | cmp - {PLACE}/share/numbers && echo same")
    check("same" in numbers, "the other virtiofsd has written something else")
    for name in ("from-host", "from-guest"):
        digest = lab.run_in_l1("/usr/bin/sha256sum", f"{PLACE}/share/{name}").split()[0]
        check(digest == seen, f"{name} is {digest} for the host, {seen} for the guest")
    queues = int(vm.expect(r"WRITTEN (\d+)\s")[1])
    check(queues == 2, f"the disk has {queues} queues in place of 2")

    lab.run_in_l1("/bin/sh", "-c", f"kill -9 $(cat {PLACE}/pid)")
    vm.expect("vhost-user 'disk': the back end at .* is lost: it has closed the connection", stream="err")
    vm.type("\n")
    vm.expect("ASKED")
    vm.type("\n")
    vm.expect("WAITS")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)
    lab.run_in_l1("/bin/busybox", "sh", "-c", "while pidof virtiofsd; do usleep 50000; done")  # they end with their VM

    raw = "qemu-img convert -O raw disk.qcow2 disk.raw && debugfs -R 'cat /numbers' disk.raw 2>/dev/null | sha256sum"
    found = lab.run_in_l1("/bin/sh", "-c", f"export PATH=/usr/sbin:/usr/bin; cd {PLACE} && {raw}")
    wanted = lab.run_in_l1("/bin/sh", "-c", "seq 1 100000 | sha256sum")
    check(found == wanted, f"the image has {found}, the guest wrote {wanted}")


DPDK_HOST = f"""set -e
export PATH=/usr/sbin:/usr/bin
mkdir -p {PLACE} && cd {PLACE}
tail -f /dev/null | dpdk-testpmd --no-huge --no-shconf -m 128 --no-pci --no-telemetry -l 0,1 \\
    --vdev net_vhost0,iface={PLACE}/net -- --forward-mode=icmpecho --auto-start --total-num-mbufs=4096 >dpdk.log 2>&1 &
until [ -S net ]; do sleep 0.05; done
cd {{directory}}
exec {{qvm}} -f guest.qvmconf
"""
DPDK_GUEST = """\
ip link set eth0 up
ip address add 10.9.0.1/24 dev eth0
echo FEATURES $(cut -c 33,35 /sys/class/net/eth0/device/features)
for size in 56 512 1472; do ping -A -q -c 300 -W 20 -s $size 10.9.0.2 & done
wait
echo FRAMES $(cat /sys/class/net/eth0/statistics/rx_packets)
"""


@case(rare=lambda ring: True, ring=["split", "packed"])
def dpdk_answers(lab: Lab, ring: str):
    if shutil.which("dpdk-testpmd") is None:
        skip("there is no dpdk-testpmd: install dpdk-dev")
    extras = Extras(modules=("virtio_pci", "virtio_net"))
    vdevs = f"vdev ser8250\n  hostdev -\nvdev vhost-user type 1 name net ring {ring}\n  socket {PLACE}/net\n"
    (lab.directory / "guest.qvmconf").write_text(lab.guest_with(DPDK_GUEST, extras, vdevs=vdevs))
    script = lab.directory / "host.sh"
    script.write_text(DPDK_HOST.format(directory=lab.directory, qvm=lab.qvm))
    vm = lab.run("/bin/sh", str(script))
    vm.expect(f"FEATURES 1{int(ring == 'packed')}")
    for _ in range(3):
        vm.expect("transmitted, 300 packets received")
    vm.expect("TASK-ENDED 0")
    vm.ends(0)
    check_calm(vm)
