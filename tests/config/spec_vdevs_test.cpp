// SPDX-License-Identifier: Apache-2.0
// Section 3 of the qvmconf specification: the options that vdevs have in common.
#include "config/spec_support.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;
using Space = GuestLocation::Space;

namespace {

GuestLocation loc(const std::string& text) {
    return *last_vdev("vdev virtio-blk loc " + text).get<GuestLocation>("loc");
}

HostDev hostdev(const std::string& text) { return *last_vdev("vdev pl011 hostdev " + text).get<HostDev>("hostdev"); }

}  // namespace

TEST_CASE("3.1 loc names memory, a port or a PCI slot") {
    CHECK(loc("mem:0x1c0d0000") == GuestLocation{Space::Memory, 0x1c0d0000});
    CHECK(loc("io:0x3f8") == GuestLocation{Space::Io, 0x3f8});
    CHECK(loc("pci:0:1") == GuestLocation{Space::Pci, 1U << 3});
    CHECK(loc("pci:0:31.7") == GuestLocation{Space::Pci, 31U << 3 | 7U});
    CHECK(loc("pci:0x1af4/0x1042").pci_id == PciId{0x1af4, 0x1042});
    CHECK(said("ram 1M vdev virtio-blk loc disk:1") == Messages{"1:28 error: unknown address space 'disk'"});
    CHECK(said("ram 1M vdev virtio-blk loc pci:0:32") == Messages{"1:34 error: PCI device '32' is out of range"});
}

TEST_CASE("3.1 the default space is memory, and ports for the devices of a PC") {
    CHECK(loc("0x1c0d0000").space == Space::Default);
    CHECK(judged("ram 1M vdev 8259 loc 0x20 vdev 8259 loc 0xa0 vdev ser8250 loc 0x2f8 intr ioapic:3").empty());
    CHECK_THAT(judged("ram 1M vdev pl011 loc 0x20").at(0), Contains("1:23 error: ") && Contains("in guest memory"));
}

TEST_CASE("3.1 two vdevs in one place, or in one PCI slot, are an error with both places", "[pc]") {
    CHECK(judged("ram 1M\nvdev pl011 loc 0x1c090000\nvdev pl011 loc 0x1c090800") ==
          Messages{"3:16 error: vdev pl011 at 0x1c090800 to 0x1c0917ff overlaps vdev pl011 at 0x1c090000 to 0x1c090fff",
                   "2:16 note: vdev pl011 is given 0x1c090000 to 0x1c090fff here"});
    CHECK(judged("ram 1M\nvdev virtio-snd loc pci:0:1\nvdev virtio-net loc pci:0:1") ==
          Messages{"3:21 error: vdev virtio-net at pci:0:1.0 overlaps vdev virtio-snd at pci:0:1.0",
                   "2:21 note: vdev virtio-snd is given pci:0:1.0 here"});
    CHECK(judged("ram 1M vdev virtio-snd loc pci:0:1 vdev virtio-net loc pci:0:2").empty());
}

TEST_CASE("3.2 intr is controller and line; the interrupt ID on a GIC") {
    CHECK(*last_vdev("vdev pl011 intr gic:37").get<IntrSpec>("intr") == IntrSpec{"gic", 37});
    CHECK(*last_vdev("vdev pl011 intr gic:0x25").get<IntrSpec>("intr") == IntrSpec{"gic", 37});
    CHECK(said("ram 1M vdev pl011 intr gic:-1") == Messages{"1:28 error: '-1' is not a number"});
}

TEST_CASE("3.2 intr apic alone is the ioapic's way to the local APICs", "[pc]") {
    CHECK(*last_vdev("vdev ioapic intr apic").get<IntrSpec>("intr") == IntrSpec{"apic", std::nullopt});
    CHECK(judged("ram 1M vdev ioapic loc 0xf8000000 intr apic name myioapic vdev ser8250 intr myioapic:4").empty());
}

TEST_CASE("3.2 a wdt-sp805 needs no line") { CHECK(judged("ram 1M vdev wdt-sp805 loc 0x1c0f0000").empty()); }

TEST_CASE("3.2 a line has one owner") {
    CHECK(judged("ram 1M\nvdev pl011 loc 0x1c090000 intr gic:37\nvdev pl011 loc 0x1c0a0000 intr gic:37") ==
          Messages{"3:32 error: line 37 of 'gic' belongs to vdev pl011 already", "2:32 note: it was given away here"});
    CHECK_THAT(judged("ram 1M vdev pl011 loc 0x1c090000 intr gic:37\npass intr gic:37").at(0),
               Contains("2:11 error: line 37 of 'gic' belongs to vdev pl011 already"));
}

TEST_CASE("3.2 PCI functions may share a line") {
    CHECK(judged("ram 1M vdev ioapic loc 0xf8000000 name chip\n"
                 "vdev virtio-snd loc pci:0:1 intr chip:16 vdev virtio-net loc pci:0:2 intr chip:16")
              .empty());
}

TEST_CASE("3.2 a controller has only its own lines") {
    CHECK_THAT(judged("ram 1M vdev ioapic loc 0xf8000000 name chip\nvdev ser8250 intr chip:24").at(0),
               Contains("2:19 error: 'chip' has no line 24"));
    CHECK_THAT(judged("ram 1M vdev pl011 loc 0x1c090000 intr gic:1020").at(0), Contains("'gic' has no line 1020"));
}

TEST_CASE("3.3 every vdev has a name of its own") {
    CHECK(last_vdev("vdev virtio-net name guest_to_host").name() == "guest_to_host");
    CHECK(said("ram 1M\nvdev virtio-net name a\nvdev virtio-blk name a") ==
          Messages{"3:22 error: the name 'a' is taken", "2:22 note: by this vdev"});
}

TEST_CASE("3.3 name is the name that intr uses", "[pc]") {
    CHECK(judged("ram 1M vdev ioapic loc 0xf8000000 name myioapic vdev ser8250 intr myioapic:4").empty());
    CHECK(judged("ram 1M vdev ioapic loc 0xf8000000 vdev ser8250 intr ioapic:4").empty());
}

TEST_CASE("3.3 hostvector belongs to interrupt controllers") {
    CHECK(*last_vdev("vdev ioapic hostvector 0x80").get<std::uint64_t>("hostvector") == 0x80);
    CHECK(*last_vdev("vdev gic hostvector 32").get<std::uint64_t>("hostvector") == 32);
    CHECK(said("ram 1M vdev pl011 hostvector 32") == Messages{"1:19 error: vdev 'pl011' has no option 'hostvector'"});
}

TEST_CASE("3.3 log has severities and a destination, more than once, and takes warn and warning") {
    const VdevSpec vdev =
        last_vdev("vdev pl011 log fatal,internal,error,warning slog log warn,info,debug,verbose none");
    REQUIRE(vdev.options.size() == 2);
    CHECK(std::get<LogRule>(vdev.options[0].value).severities.back() == Severity::Warn);
    CHECK(std::get<LogRule>(vdev.options[1].value).severities.front() == Severity::Warn);
    CHECK(sound("ram 1M logger warning stderr").loggers.at(0).severities.front() == Severity::Warn);
}

TEST_CASE("3.3 sched is the priority of a character vdev") {
    for (const char* type : {"pl011", "ser8250", "virtio-console", "virtio-fs", "virtio-input screen mouse"}) {
        CAPTURE(type);
        CHECK(last_vdev("vdev " + std::string{type} + " sched 12r").get<SchedSpec>("sched")->priority == 12);
    }
}

TEST_CASE("3.4 hostdev is a path for both directions, for input or for output") {
    using Direction = HostDev::Direction;
    using Kind = HostDev::Kind;
    CHECK(hostdev("/dev/ser1") == HostDev{Direction::Both, Kind::Path, "/dev/ser1"});
    CHECK(hostdev("</dev/ser1") == HostDev{Direction::Input, Kind::Path, "/dev/ser1"});
    CHECK(hostdev(">/tmp/log") == HostDev{Direction::Output, Kind::Path, "/tmp/log"});
}

TEST_CASE("3.4 hostdev - is the terminal") {
    CHECK(hostdev("-").kind == HostDev::Kind::Stdio);
    CHECK(hostdev(">-") == HostDev{HostDev::Direction::Output, HostDev::Kind::Stdio, ""});
    CHECK(hostdev("./-").kind == HostDev::Kind::Path);
}

TEST_CASE("3.4 hostdev with a bar is a command for the output") {
    CHECK(hostdev(">\"|logger -t guest\"") ==
          HostDev{HostDev::Direction::Output, HostDev::Kind::Command, "logger -t guest"});
    CHECK(said("ram 1M vdev pl011 hostdev >\"|\"") == Messages{"1:27 error: a command is missing after '|'"});
    CHECK(said("ram 1M vdev pl011 hostdev >") == Messages{"1:27 error: a path is missing"});
}

TEST_CASE("3.4 a block device behind < is only read") {
    CHECK(last_vdev("vdev virtio-blk hostdev </vm/disk.img").get<HostDev>("hostdev")->direction ==
          HostDev::Direction::Input);
}

TEST_CASE("3.4 two hostdevs are input and output") {
    const VdevSpec vdev = last_vdev("vdev virtio-console hostdev </dev/in hostdev >/dev/out");
    REQUIRE(vdev.options.size() == 2);
    CHECK(std::get<HostDev>(vdev.options[0].value).target == "/dev/in");
    CHECK(std::get<HostDev>(vdev.options[1].value).target == "/dev/out");
}

TEST_CASE("3.4 delayed is a number of seconds, zero for one try, or forever") {
    CHECK(last_vdev("vdev virtio-blk delayed 30").get<Delay>("delayed")->seconds == 30U);
    CHECK(last_vdev("vdev pl011 delayed 0").get<Delay>("delayed")->seconds == 0U);
    CHECK_FALSE(last_vdev("vdev ser8250 delayed forever").get<Delay>("delayed")->seconds);
    CHECK(said("ram 1M vdev pl011 delayed never") == Messages{"1:27 error: 'never' is not a delay"});
}
