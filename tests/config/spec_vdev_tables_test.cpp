// SPDX-License-Identifier: Apache-2.0
// Section 4 of the qvmconf specification: the vdevs and the options of each.
#include "config/spec_support.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

template <typename T>
T option(const std::string& vdev, std::string_view name) {
    const VdevSpec spec = last_vdev("vdev " + vdev);
    CAPTURE(vdev, name);
    const T* const value = spec.get<T>(name);
    REQUIRE(value != nullptr);
    return *value;
}

/// The type is there and has these options, besides name and log.
void check_options(std::string_view type, const std::vector<std::string_view>& names) {
    const auto types = catalog().types();
    const auto found = std::ranges::find(types, type, [](const VdevSyntax* each) { return each->type; });
    CAPTURE(type);
    REQUIRE(found != types.end());
    for (const std::string_view name : names) {
        CAPTURE(name);
        CHECK(std::ranges::find((*found)->options, name, &OptionSpec::name) != (*found)->options.end());
    }
}

}  // namespace

TEST_CASE("4.1 every x86 vdev has its options") {
    check_options("8259", {"loc"});
    check_options("ioapic", {"loc", "intr", "hostvector"});
    check_options("timer8254", {"loc", "intr"});
    check_options("mc146818", {"reg"});
    check_options("hpet", {"loc", "intr", "intrmap", "frequency", "legacy-free"});
    check_options("pckeyboard", {"loc"});
    check_options("ser8250", {"loc", "intr", "hostdev", "delayed", "batch", "sched"});
    check_options("wdt-ib700", {"loc", "action"});
    check_options("pci-dummy", {"loc", "clone"});
}

TEST_CASE("4.1 8259 twice, at ports 0x20 and 0xa0") {
    CHECK(judged("ram 1M vdev 8259 loc 0x20 vdev 8259 loc 0xa0").empty());
    CHECK_THAT(judged("ram 1M vdev 8259 loc 0x20 vdev 8259 loc io:0x21").at(0), Contains("1:41 error: "));
}

TEST_CASE("4.1 the ioapic as every published file has it") {
    const VmConfig config = sound("ram 1M vdev ioapic loc 0xf8000000 intr apic name myioapic");
    CHECK(config.vdevs.at(0).get<GuestLocation>("loc")->address == 0xf8000000);
    CHECK(config.vdevs[0].name() == "myioapic");
}

TEST_CASE("4.1 mc146818 presets registers of the clock") {
    CHECK(option<NumberPair>("mc146818 reg 0x0b,0x02", "reg") == NumberPair{0x0b, 0x02});
    CHECK(last_vdev("vdev mc146818 reg 0x0b,0x02 reg 0x0a,0x26").options.size() == 2);
    CHECK(said("ram 1M vdev mc146818 reg 0x0b") == Messages{"1:26 error: '0x0b' is not a pair of numbers"});
}

TEST_CASE("4.1 hpet has lines for its timers, a frequency and legacy-free") {
    CHECK(option<std::vector<IntrSpec>>("hpet intr myioapic:2,myioapic:8", "intr") ==
          std::vector<IntrSpec>{{"myioapic", 2}, {"myioapic", 8}});
    CHECK(option<std::vector<IntrSpec>>("hpet intrmap ioapic:2", "intrmap").size() == 1);
    CHECK(option<std::uint64_t>("hpet frequency 14318180 legacy-free", "frequency") == 14318180);
    CHECK(option<GuestLocation>("hpet loc 0xf8008000", "loc").address == 0xf8008000);
    CHECK(said("ram 1M vdev hpet intr myioapic:2,:8") ==
          Messages{"1:34 error: the interrupt controller's name is missing before ':'"});
}

TEST_CASE("4.1 ser8250 in the style of both guides") {
    const std::string vdev =
        "ser8250 loc io:0x3f8 intr myioapic:4 hostdev >- delayed forever batch 100 sched 10 name c";
    CHECK(last_vdev("vdev " + vdev).options.size() == 7);
    CHECK(option<std::uint64_t>(vdev, "batch") == 100);
}

TEST_CASE("4.1 timer8254, pckeyboard and wdt-ib700 have places of their own") {
    CHECK(judged("ram 64K vdev ioapic loc 0xf8000000 name chip vdev timer8254 loc 0x40 intr chip:0 vdev pckeyboard "
                 "vdev wdt-ib700 loc io:0x441 action terminate")
              .empty());
}

TEST_CASE("4.1 pci-dummy clones a function of the host") {
    CHECK(option<GuestLocation>("pci-dummy loc pci:0:2 clone pci:3:0.1", "clone") ==
          GuestLocation{GuestLocation::Space::Pci, 3U << 8 | 1U});
}

TEST_CASE("4.2 every ARM vdev has its options") {
    check_options("gic", {"version", "gicd", "gicc", "gicr", "msi"});
    check_options("pl011", {"loc", "intr", "hostdev", "delayed", "batch", "sched"});
    check_options("wdt-sp805", {"loc", "intr", "action", "frequency"});
}

TEST_CASE("4.2 gic is version 2 or 3, at addresses of its own") {
    CHECK(option<std::string>("gic version 3", "version") == "3");
    CHECK(said("ram 1M vdev gic version 4") == Messages{"1:25 error: '4' is not a choice of 'version'"});
    const std::string vdev = "gic version 2 gicd 0x2c001000 gicc 0x2c002000";
    CHECK(option<std::uint64_t>(vdev, "gicd") == 0x2c001000);
    CHECK(option<std::uint64_t>(vdev, "gicc") == 0x2c002000);
    CHECK(option<std::uint64_t>("gic gicr 0x2f100000", "gicr") == 0x2f100000);
}

TEST_CASE("4.2 gic msi frame") {
    CHECK(option<std::vector<std::uint64_t>>("gic msi 0x30000000,0x50,0x100", "msi") ==
          std::vector<std::uint64_t>{0x30000000, 0x50, 0x100});
    CHECK(said("ram 1M vdev gic msi 0x30000000,x").at(0) == "1:32 error: 'x' is not a size or an address");
}

TEST_CASE("4.2 the addresses of the foundation model are free for pl011, virtio and sp805") {
    CHECK(judged("ram 0x80000000,64M vdev pl011 loc 0x1c090000 intr gic:37\n"
                 "vdev virtio-snd loc 0x1c0c0000 intr gic:41 vdev virtio-net loc 0x1c0d0000 intr gic:42\n"
                 "vdev virtio-console loc 0x1c0e0000 intr gic:43 vdev wdt-sp805 loc 0x1c0f0000")
              .empty());
}

TEST_CASE("4.2 wdt-sp805 bites in one of four ways") {
    for (const char* action : {"terminate", "fiq", "dump,terminate", "dump,fiq"})
        CHECK(option<std::string>("wdt-sp805 action " + std::string{action}, "action") == action);
    CHECK(option<std::uint64_t>("wdt-sp805 frequency 24000000", "frequency") == 24000000);
}

TEST_CASE("4.3 every virtio vdev has loc, intr and legacy, and its own options") {
    for (const char* type : {"virtio-blk", "virtio-net", "virtio-console", "virtio-entropy", "virtio-fs",
                             "virtio-input", "virtio-gpu", "virtio-snd", "virtio-video", "virtio-vsock"})
        check_options(type, {"loc", "intr", "legacy"});
    check_options("virtio-blk", {"hostdev", "delayed", "dio", "threads"});
    check_options("virtio-net", {"mac", "peer", "peerfeats", "bind-mode", "tapdev"});
    check_options("virtio-console", {"hostdev", "delayed", "sched", "tx-backpressure"});
    check_options("virtio-fs", {"host_path", "tag", "num_req_queues", "directio", "sched"});
    check_options("virtio-input", {"screen", "display", "window", "size", "offset", "options", "protocol", "pipeline",
                                   "zorder", "global_alpha", "force_dev_presence", "sched"});
}

TEST_CASE("4.3 virtio-blk") {
    const std::string vdev = "virtio-blk hostdev </vm/disk delayed 5 dio enable threads 4 legacy";
    CHECK(option<HostDev>(vdev, "hostdev").target == "/vm/disk");
    CHECK(option<std::string>(vdev, "dio") == "enable");
    CHECK(option<std::uint64_t>(vdev, "threads") == 4);
    CHECK(said("ram 1M vdev virtio-blk dio on") == Messages{"1:28 error: 'on' is not a choice of 'dio'"});
}

TEST_CASE("4.3 virtio-net has a hardware address with colons or without") {
    CHECK(option<std::string>("virtio-net mac AA:bb:cc:dd:ee:01", "mac") == "aa:bb:cc:dd:ee:01");
    CHECK(option<std::string>("virtio-net mac aabbccddee01", "mac") == "aa:bb:cc:dd:ee:01");
    CHECK(said("ram 1M vdev virtio-net mac aa:bb") == Messages{"1:28 error: 'aa:bb' is not a hardware address"});
}

TEST_CASE("4.3 virtio-net names its peer and the peer's features") {
    const std::string vdev = "virtio-net name p0 peer /dev/qvm/other/p1 peerfeats 0x7fc3 bind-mode 0600";
    CHECK(option<std::string>(vdev, "peer") == "/dev/qvm/other/p1");
    CHECK(option<std::uint64_t>(vdev, "peerfeats") == 0x7fc3);
    for (const char* mask : {"0", "0x3", "0x0382", "0x19c3"})
        CHECK_NOTHROW(option<std::uint64_t>("virtio-net peerfeats " + std::string{mask}, "peerfeats"));
}

TEST_CASE("4.3 virtio-fs") {
    const std::string vdev = "virtio-fs host_path /srv/share tag share num_req_queues 2 directio true sched 10";
    CHECK(option<std::string>(vdev, "host_path") == "/srv/share");
    CHECK(option<std::string>(vdev, "tag") == "share");
    CHECK(option<std::uint64_t>(vdev, "num_req_queues") == 2);
    CHECK(option<std::string>(vdev, "directio") == "true");
}

TEST_CASE("4.3 virtio-input needs a screen, and may have several") {
    CHECK(said("ram 1M vdev virtio-input") == Messages{"1:13 error: vdev 'virtio-input' needs 'screen'"});
    const VdevSpec vdev =
        last_vdev("vdev virtio-input screen keyboard screen mouse size 1920,1080 offset 0,0 options +0x10");
    CHECK(vdev.options.size() == 5);
    CHECK(*vdev.get<NumberPair>("size") == NumberPair{1920, 1080});
    for (const char* screen : {"keyboard", "mouse", "pointer", "touch", "touchscreen", "single-touch", "multi-touch"})
        CHECK(option<std::string>("virtio-input screen " + std::string{screen}, "screen") == screen);
    CHECK(said("ram 1M vdev virtio-input screen joystick").at(0) ==
          "1:33 error: 'joystick' is not a choice of 'screen'");
}

TEST_CASE("4.4 shmem creates regions and has patterns of names") {
    check_options("shmem", {"loc", "intr", "create", "allow", "deny"});
    const VdevSpec vdev = last_vdev("vdev shmem create frames,64K create log,0x1000 allow frames allow log*");
    CHECK(std::get<NamedSize>(vdev.options.at(0).value) == NamedSize{"frames", 64 * kKiB});
    CHECK(std::get<NamedSize>(vdev.options.at(1).value) == NamedSize{"log", 4 * kKiB});
    CHECK(*vdev.get<std::string>("allow") == "log*");
    CHECK(said("ram 1M vdev shmem create frames") == Messages{"1:26 error: 'frames' is not a name and a size"});
}

TEST_CASE("4.4 smmu has a place and a line, or neither") {
    check_options("smmu", {"loc", "intr"});
    CHECK(judged("ram 1M vdev smmu vdev pl011 loc 0x1c090000").empty());
}
