// SPDX-License-Identifier: Apache-2.0
// Sections 2.1 to 2.7 of the qvmconf specification: name, memory, vCPUs, images, reserved and passed resources.
#include "config/spec_support.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;
using Space = GuestLocation::Space;

namespace {

CpuSpec cpu(const std::string& options) { return sound("ram 1M cpu " + options).cpus.at(0); }

PassLocation passed(const std::string& location) {
    return sound("ram 1M pass loc " + location).passed.at(0).locations.at(0);
}

PassIntr passed_line(const std::string& line) {
    return sound("ram 1M pass intr " + line).passed.at(0).interrupts.at(0);
}

}  // namespace

TEST_CASE("2.1 system names the VM with letters, digits, dots, dashes and underscores") {
    CHECK(sound("system My-vm_2.x ram 1M").system == "My-vm_2.x");
    CHECK(sound("system " + std::string(63, 'a') + " ram 1M").system.size() == 63);
    CHECK(said("system a/b ram 1M") == Messages{"1:9 error: 'a/b' cannot be the name of a VM"});
    CHECK(said("system .. ram 1M").size() == 1);
    CHECK(said("system " + std::string(64, 'a') + " ram 1M").size() == 1);
}

TEST_CASE("2.2 ram without a start follows the highest memory so far, the first one begins at zero") {
    const VmConfig config = sound("ram 0xa0000 ram 4G,1G ram 0xc0000,0x40000 rom 4K");
    CHECK(config.memory.at(0).range == range_of(0, 0xa0000));
    CHECK(config.memory.at(3).range == range_of(5 * kGiB, 4 * kKiB));
    CHECK(config.memory[3].rom);
}

TEST_CASE("2.2 the x86 idiom with VGA hole and BIOS rom") {
    const VmConfig config = sound("ram 0,0xa0000\nreserve loc 0xa0000,0x20000\nrom 0xc0000,0x40000\nram 1m,1023m\n");
    CHECK(config.memory.at(0).range == range_of(0, 0xa0000));
    CHECK(std::get<GuestLocation>(config.reserved.at(0).what) == GuestLocation{Space::Default, 0xa0000, 0x20000});
    CHECK(config.memory.at(1).range == range_of(0xc0000, 0x40000));
    CHECK(config.memory[1].rom);
    CHECK(config.memory.at(2).range == range_of(kMiB, 1023 * kMiB));
}

TEST_CASE("2.2 the short form: 512M begin at 1 MB, behind the rom") {
    CHECK(sound("ram 0xa0000 rom 0xc0000,0x40000 ram 512M").memory.at(2).range == range_of(kMiB, 512 * kMiB));
}

TEST_CASE("2.2 memory may not overlap memory, a vdev or what is passed") {
    CHECK(said("ram 0,1M\nrom 0xc0000,0x41000") == Messages{"2:5 error: the range 0xc0000 to 0x100fff is taken",
                                                            "1:5 note: by this ram, which has 0x0 to 0xfffff"});
    CHECK_THAT(judged("ram 16M vdev ioapic loc 1M").at(0), Contains("1:25 error: ") && Contains("in guest memory"));
    CHECK_THAT(judged("ram 16M pass loc 1M,64K,rw").at(0), Contains("1:18 error: ") && Contains("in guest memory"));
    CHECK(judged("ram 0,1M pass loc 1M,64K,rw").empty());
}

TEST_CASE("2.2 a pass with the m attribute is a guest's memory, too") {
    CHECK(said("pass loc 0x80000000,64M,rwcxm=0x90000000").empty());
    CHECK(said("pass loc 0x80000000,64M,rwcx") == Messages{"0:0 error: the guest has no memory"});
}

TEST_CASE("2.3 each cpu is a vCPU in the order of the file, none at all is one") {
    CHECK(sound("ram 1M").cpus.size() == 1);
    const VmConfig config = sound("ram 1M cpu sched 1 cpu cpu sched 3");
    REQUIRE(config.cpus.size() == 3);
    CHECK(config.cpus[0].sched->priority == 1);
    CHECK_FALSE(config.cpus[1].sched);
    CHECK(config.cpus[2].sched->priority == 3);
}

TEST_CASE("2.3 runmask is a list of host CPUs from zero and not a mask of bits") {
    CHECK(cpu("runmask 0,2").runmask == std::vector<std::uint32_t>{0, 2});
    CHECK(cpu("runmask 3").runmask == std::vector<std::uint32_t>{3});
    CHECK(cpu("").runmask.empty());
}

TEST_CASE("2.3 cluster names host CPUs: _cpu-1 is CPU 1, other names are the host map's") {
    CHECK(cpu("cluster _cpu-1").runmask == std::vector<std::uint32_t>{1});
    const Outcome out = read_spec("ram 1M cpu cluster big", "cluster big cpus 2,3");
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).runmask == std::vector<std::uint32_t>{2, 3});
    CHECK_THAT(said("ram 1M cpu cluster big").at(0), Contains("1:20 error: ") && Contains("'big'"));
}

TEST_CASE("2.3 partition is kept, with a warning that it does nothing") {
    const Outcome out = read_spec("ram 1M cpu partition guests");
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).partition == "guests");
    CHECK_THAT(out.messages().at(0), Contains("1:12 warning: 'partition' has no effect"));
}

TEST_CASE("2.3 sched is a priority with its policy glued to it") {
    using Policy = SchedSpec::Policy;
    CHECK(cpu("sched 10").sched == SchedSpec{10, Policy::RoundRobin});
    CHECK(cpu("sched 10r").sched == SchedSpec{10, Policy::RoundRobin});
    CHECK(cpu("sched 63f").sched == SchedSpec{63, Policy::Fifo});
    CHECK(cpu("sched 255o").sched == SchedSpec{255, Policy::Other});
    CHECK(said("ram 1M cpu sched 10 f").at(0) == "1:21 error: unknown option 'f'");
    CHECK(said("ram 1M cpu sched 256") == Messages{"1:18 error: '256' is not a priority"});
}

TEST_CASE("2.3 the sporadic form has five numbers and an s, glued or apart") {
    const SchedSpec expected{20, SchedSpec::Policy::Sporadic, Sporadic{10, 5, 100, 30}};
    CHECK(cpu("sched 20,10,5,100,30s").sched == expected);
    CHECK(cpu("sched 20,10,5,100,30 s").sched == expected);
    CHECK(cpu("sched 20,10,5,100,30").sched == expected);
    CHECK(said("ram 1M cpu sched 20,10,5").at(0) == "1:18 error: 3 numbers where the sporadic form has 5");
}

TEST_CASE("2.4 load takes a path with an address or without") {
    const VmConfig config = sound("ram 1G load vmlinuz load 0x100000,a,b.img");
    CHECK(config.loads.at(0) == LoadSpec{Blob::Sniff, std::nullopt, "vmlinuz", {}});
    CHECK(config.loads.at(1) == LoadSpec{Blob::Sniff, 0x100000, "a,b.img", {}});
}

TEST_CASE("2.4 the blob types are guest, initrd, fdt, data and acpi") {
    const VmConfig config = sound("ram 1M guest load a initrd load b fdt load c data load 4K,d acpi load e");
    std::vector<Blob> blobs;
    for (const LoadSpec& each : config.loads) blobs.push_back(each.blob);
    CHECK(blobs == std::vector{Blob::Guest, Blob::Initrd, Blob::Fdt, Blob::Data, Blob::Acpi});
    CHECK(said("ram 1M kernel load x").at(0) == "1:8 error: unknown option 'kernel'");
}

TEST_CASE("2.4 several plain loads are no error of the language") {
    CHECK(sound("ram 1M load kernel load cf.dtb").loads.size() == 2);
}

TEST_CASE("2.4 a handover page is a ram line of its own and data loaded there") {
    const VmConfig config = sound("ram 0x80000000,512M ram 0x70000000,4K data load 0x70000000,dice.bin");
    CHECK(config.memory.at(1).range.contains(*config.loads.at(0).address));
}

TEST_CASE("2.4 a missing file is an error at its line") {
    CHECK_THAT(judged("ram 1M vdev pl011 loc 0x1c090000\nload /no/such/file").at(0),
               Contains("2:6 error: ") && Contains("'/no/such/file'"));
}

TEST_CASE("2.5 cmdline is one argument, and the last one counts with a warning") {
    const Outcome out = read_spec("ram 1M cmdline \"a b\" cmdline c");
    REQUIRE(out.config);
    CHECK(out.config->cmdline->text == "c");
    CHECK(out.messages() ==
          Messages{"1:22 warning: 'cmdline' again: the last one counts", "1:16 note: this one has no effect"});
    CHECK(said("ram 1M cmdline a b").at(0) == "1:18 error: unknown option 'b'");
}

TEST_CASE("2.6 the guide's reservations") {
    const VmConfig config =
        sound("ram 1M reserve intr 39 reserve loc pci:0:1 reserve loc io 0xcf,0x8 reserve loc 0x1000,0x8");
    REQUIRE(config.reserved.size() == 4);
    CHECK(std::get<IntrSpec>(config.reserved[0].what) == IntrSpec{"", 39});
    CHECK(std::get<GuestLocation>(config.reserved[1].what) == GuestLocation{Space::Pci, 1U << 3});
    CHECK(std::get<GuestLocation>(config.reserved[2].what) == GuestLocation{Space::Io, 0xcf, 8});
    CHECK(std::get<GuestLocation>(config.reserved[3].what) == GuestLocation{Space::Default, 0x1000, 8});
}

TEST_CASE("2.6 each loc and intr behind reserve is one more reservation") {
    check_same("ram 1M reserve loc 0x1000 intr gic:39 loc io:0xcf",
               "ram 1M reserve loc 0x1000 reserve intr gic:39 reserve loc io:0xcf");
}

TEST_CASE("2.6 what is reserved is not given away, and may be asked for", "[pc]") {
    CHECK_THAT(judged("ram 64K reserve loc io:0x3f8,8 vdev ser8250").at(0),
               Contains("1:37 error: ") && Contains("reserved"));
    CHECK(judged("ram 64K reserve loc io:0x3f8,8 vdev ser8250 loc io:0x3f8 intr ioapic:4").empty());
}

TEST_CASE("2.7 pass loc of memory: guest and host address, the same one if there is no other") {
    const PassLocation moved = passed("mem:0x2000000,r=0x1000");
    CHECK(moved.guest == GuestLocation{Space::Memory, 0x2000000, std::nullopt});
    CHECK(moved.attributes == "r");
    CHECK(moved.host == GuestLocation{.address = 0x1000});
    CHECK_FALSE(passed("0x2000000,0x1000,rwn").host);
    CHECK(passed("0x2000000").guest.space == Space::Default);
}

TEST_CASE("2.7 the comma before the host's address may be there or not") {
    CHECK(passed("mem:0x1000,0x8,rwn=0x2000") == passed("mem:0x1000,0x8,rwn,=0x2000"));
}

TEST_CASE("2.7 a memory region without a length is one page") {
    CHECK_THAT(judged("ram 0x1000 pass loc 0x2000 pass loc 0x2fff,1").at(0), Contains("1:37 error: "));
    CHECK(judged("ram 0x1000 pass loc 0x2000 pass loc 0x3000,1").empty());
}

TEST_CASE("2.7 pass loc of x86 ports") {
    const PassLocation ports = passed("io:0x2f8,8,rw");
    CHECK(ports.guest == GuestLocation{Space::Io, 0x2f8, 8});
    CHECK(ports.attributes == "rw");
}

TEST_CASE("2.7 pci pass-through by slot") {
    const PassLocation device = passed("pci:0:2.0=pci:3:5.1");
    CHECK(device.guest == GuestLocation{Space::Pci, 2U << 3});
    CHECK(device.host == GuestLocation{Space::Pci, 3U << 8 | 5U << 3 | 1U});
}

TEST_CASE("2.7 the guest has what is passed on bus 0, in any slot") {
    CHECK(passed("pci:0:31.7=pci:255:0.0").guest.address == (31U << 3 | 7U));
    CHECK(said("ram 1M pass loc pci:1:0.0") == Messages{"1:17 error: a passed device is on bus 0 of the guest"});
    CHECK(said("ram 1M pass loc pci:2:0.0=pci:0x8086/0x1234").size() == 1);
}

TEST_CASE("2.7 pci pass-through by vendor and device") {
    const PassLocation placed = passed("pci:0:12.0=pci:0x8086/0x1234");
    CHECK(placed.guest.address == 12U << 3);
    CHECK(placed.host->pci_id == PciId{0x8086, 0x1234});
    CHECK(passed("pci:0x8086/0x5aa8").guest.pci_id == PciId{0x8086, 0x5aa8});
    CHECK(said("ram 1M pass loc pci:0x18086/1").size() == 1);
}

TEST_CASE("2.7 the attribute letters, in any number and order") {
    CHECK(passed("0x2000000,+-rwxcemdnst").attributes == "+-rwxcemdnst");
    CHECK(passed("0x2000000,64K,rwn").attributes == "rwn");
    CHECK(passed("0x2000000,64K").attributes.empty());
    CHECK(said("ram 1M pass loc 0x2000000,64K,rq") == Messages{"1:32 error: unknown attribute 'q'"});
}

TEST_CASE("2.7 loc and intr may repeat, and either may be alone") {
    const VmConfig config = sound("ram 1M pass loc 0x2000000 loc 0x3000000 intr gic:44 pass intr gic:144");
    CHECK(config.passed.at(0).locations.size() == 2);
    CHECK(config.passed[0].interrupts.size() == 1);
    CHECK(config.passed.at(1).interrupts.at(0).guest == IntrSpec{"gic", 144});
}

TEST_CASE("2.7 pass intr has a line, t or u, and the host's vector") {
    using Delivery = PassIntr::Delivery;
    CHECK(passed_line("gic:42") == PassIntr{.guest = {"gic", 42}});
    CHECK(passed_line("gic:44=150") == PassIntr{.guest = {"gic", 44}, .host = 150});
    CHECK(passed_line("gic:44,t").delivery == Delivery::Thread);
    CHECK(passed_line("gic:44,u=150") == PassIntr{.guest = {"gic", 44}, .delivery = Delivery::Unmask, .host = 150});
    CHECK(said("ram 1M pass intr gic:44,x") == Messages{"1:25 error: unknown attribute 'x'"});
}

TEST_CASE("2.7 a blob word before pass says what is there") {
    CHECK(sound("ram 1M initrd pass loc 0x2000000,16M,r").passed.at(0).blob == Blob::Initrd);
}
