// SPDX-License-Identifier: Apache-2.0
// What a check says of a whole configuration: what cannot run here, and conflicts among all that it declares.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

#include "config/passed_memory.hpp"
#include "config/reader.hpp"
#include "launcher/launcher.hpp"

using namespace qvm;

namespace {

/// An image that is there. What is in it is judged only on the board that would boot it.
class Image {
public:
    Image() { std::ofstream{path} << "image"; }
    ~Image() { ::unlink(path.c_str()); }
    Image(const Image&) = delete;
    Image& operator=(const Image&) = delete;
    const std::string path = "/tmp/qvm-check-test-" + std::to_string(::getpid()) + "-" + std::to_string(next()++);

private:
    static int& next() {
        static int count = 0;
        return count;
    }
};

struct Checked {
    explicit Checked(const std::string& text, Purpose purpose = Purpose::Check) {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("t", text);
        config = reader.read(catalog);
        REQUIRE(config);
        take_passed_memory(*config, diagnostics);
        const auto plan = plan_vm(*config, catalog, purpose, diagnostics);
        map = check_vm(*config, catalog, *plan, diagnostics);
    }
    [[nodiscard]] std::string text() const { return diagnostics.render(sources); }
    [[nodiscard]] bool says(const std::string& part) const { return text().find(part) != std::string::npos; }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog = make_catalog();
    std::optional<VmConfig> config;
    std::optional<GuestMap> map;
};

/// An arm64 guest, which this program can check but not run, and more.
std::string arm(const std::string& more) {
    static const Image kept;
    return "ram 0x80000000,64M\nload 0x80080000," + kept.path + "\nvdev pl011 loc 0x1c090000 intr gic:37\n" + more;
}

}  // namespace

TEST_CASE("a file for the other board is checked with one warning and has a map") {
    const Checked c{arm("vdev virtio-snd loc 0x1c0d0000 intr gic:41\npass loc 0x1c0e0000,64K intr gic:50\n")};
    INFO(c.text());
    REQUIRE(c.map);
    CHECK(c.diagnostics.all().size() == 1);
    CHECK(c.says("t:3:6: warning: vdev 'pl011' belongs to arm64 boards and this is qvm for x86-64"));
    const std::string table = format_guest_map(*c.map);
    CHECK(table.find("0x1c090000-0x1c090fff  vdev pl011\n") != std::string::npos);
    CHECK(table.find("0x1c0e0000-0x1c0effff  pass\n") != std::string::npos);
    CHECK(table.find("gic:41  vdev virtio-snd\n") != std::string::npos);
}

TEST_CASE("a file for the other board does not run") {
    const Checked c{arm(""), Purpose::Run};
    CHECK_FALSE(c.map);
    CHECK(c.says("t:3:6: error: vdev 'pl011' belongs to arm64 boards"));
}

TEST_CASE("the implicit gic shows the board, too") {
    const Image image;
    const Checked c{"ram 1M load " + image.path + "\nvdev virtio-net loc 0x1c0e0000 intr gic:42"};
    CHECK(c.map);
    CHECK(c.says("t:2:37: warning: the interrupt controller 'gic' belongs to arm64 boards"));
    const Checked passed{"ram 1M load " + image.path + "\npass intr gic:144"};
    CHECK(passed.says("t:2:11: warning: the interrupt controller 'gic' belongs to arm64 boards"));
    const Checked node{"ram 1M load " + image.path + "\npass loc 0x2000000 node uart0"};
    CHECK(node.says("t:2:25: warning: a 'node' of the host's device tree belongs to arm64 boards"));
    const Checked named{"ram 1M vdev ioapic name gic vdev ser8250 intr gic:4"};
    CHECK_FALSE(named.says("arm64"));
}

TEST_CASE("images must be there for any board") {
    const Checked c{"ram 1M load /nowhere/Image vdev gic version 2"};
    CHECK(c.says("t:1:13: error: cannot open '/nowhere/Image'"));
}

TEST_CASE("a single vdev of the other board is an error at once") {
    const Checked c{"ram 1M\nvdev ioapic\nvdev pl011"};
    CHECK(c.says("t:3:6: error: vdev 'pl011' exists on arm64 boards only"));
}

TEST_CASE("what this version lacks is a warning for a check and an error for a run") {
    const std::string text =
        "ram 64M\nvdev ioapic\nvdev virtio-snd\nvdev virtio-snd\npass loc pci:0:3.0 intr ioapic:5\n";
    const Checked check{text};
    CHECK(check.says("t:3:6: warning: vdev 'virtio-snd' is not in this version"));
    CHECK_FALSE(check.says("t:4:6"));
    CHECK(check.says("t:5:1: warning: a PCI function with an 'intr' of its own in 'pass' is not in this version"));
    const Checked run{text, Purpose::Run};
    CHECK(run.says("t:3:6: error: vdev 'virtio-snd' is not in this version"));
    CHECK(run.says("t:5:1: error: a PCI function with an 'intr' of its own in 'pass' is not in this version"));
}

TEST_CASE("of 'pass' this version has PCI functions, memory, ports and interrupts") {
    const auto lacks = [](const std::string& pass) {
        return Checked{"ram 64M\n" + pass + "\n", Purpose::Run}.says("is not in this version");
    };
    CHECK_FALSE(lacks("pass loc pci:0x8086/0x1234"));
    CHECK_FALSE(lacks("pass loc 0xfe000000,0x1000,rwn=0x1000 intr ioapic:5=9"));
    CHECK_FALSE(lacks("pass intr ioapic:5"));
    CHECK_FALSE(lacks("pass loc io:0x2f8,8"));
    CHECK_FALSE(lacks("data pass loc 0xfe000000,64K,r"));
    CHECK_FALSE(lacks("pass loc 0x40000000,64M,rwcxm"));
    CHECK_FALSE(lacks("initrd pass loc 0x40000000,64M,rwcxm"));
    CHECK(lacks("pass loc pci:0x8086/0x1234 intr ioapic:5"));
}

TEST_CASE("RAM that is passed is in the map, and a check looks at no image in the host's memory") {
    const Checked c{
        "pass loc 0,1M,rwcxm=0x80000000\nram 1M,63M\ninitrd pass loc 64M,1M,rwcxm\n"
        "guest pass loc 0xb0000000,64K,r\nvdev ioapic\n"};
    INFO(c.text());
    REQUIRE(c.map);
    CHECK(c.text().empty());
    const std::string table = format_guest_map(*c.map);
    CHECK(table.find("0x00000000-0x000fffff  ram, passed\n") != std::string::npos);
    CHECK(table.find("0x04000000-0x040fffff  ram, passed\n") != std::string::npos);
    CHECK(table.find("0xb0000000-0xb000ffff  pass\n") != std::string::npos);
}

TEST_CASE("nothing else may be where passed RAM is") {
    const Checked c{"ram 64M\nvdev ser8250 loc mem:64M\npass loc 64M,64K,rwcxm"};
    CHECK(c.says("t:2:18: error: vdev ser8250 at 0x4000000 to 0x4000007 lies in guest memory: ram at 0x4000000"));
    CHECK(c.says("t:3:10: note: ram is given 0x4000000 to 0x400ffff here"));
}

TEST_CASE("devices that are only declared conflict with each other, with notes") {
    const Checked c{
        arm("vdev shmem loc 0x1c090800 intr gic:37\n"
            "pass loc 0x80001000,0x1000 intr gic:37\n"
            "vdev pci-dummy loc pci:0:3\n"
            "pass loc pci:0:3.0=pci:1:0.0\n"
            "vdev virtio-net loc 0x1c0e0000 intr gic:1020\n")};
    CHECK_FALSE(c.map);
    CHECK(c.says("t:4:16: error: vdev shmem at 0x1c090800 to 0x1c0917ff overlaps vdev pl011 at 0x1c090000"));
    CHECK(c.says("t:3:16: note: vdev pl011 is given 0x1c090000 to 0x1c090fff here"));
    CHECK(c.says("t:5:10: error: pass at 0x80001000 to 0x80001fff lies in guest memory: ram at 0x80000000"));
    CHECK(c.says("t:1:5: note: ram is given"));
    CHECK(c.says("t:5:33: error: line 37 of 'gic' belongs to vdev pl011 already"));
    CHECK(c.says("t:7:10: error: pass at pci:0:3.0 overlaps vdev pci-dummy at pci:0:3.0"));
    CHECK(c.says("t:8:37: error: 'gic' has no line 1020"));
}

TEST_CASE("an HPET may have the lines of the timer and the clock that it stands in for") {
    const std::string text = "ram 64M\nvdev ioapic name pic\nvdev timer8254 intr pic:0\nvdev mc146818\n";
    CHECK_FALSE(Checked{text + "vdev hpet intr pic:0,pic:8 loc 0xf8008000"}.says("belongs to"));
    CHECK(Checked{text + "vdev hpet intr pic:0,pic:24"}.says("'pic' has no line 24"));
}

TEST_CASE("PCI functions may share a line, but it must exist") {
    CHECK_FALSE(Checked{arm("vdev virtio-snd loc pci:0:1 intr gic:50\nvdev virtio-net loc pci:0:2 intr gic:50")}
                    .diagnostics.has_errors());
    CHECK(Checked{arm("vdev virtio-snd loc pci:0:1 intr gik:50")}.says("no interrupt controller is named 'gik'"));
}

TEST_CASE("a pass or reserve before its controller is told so") {
    const Checked c{"ram 64M\npass intr pic:3\nreserve intr pic:4\nvdev ioapic name pic\nreserve intr pic:99"};
    CHECK(c.says("t:2:11: error: the interrupt controller 'pic' is declared later"));
    CHECK(c.says("t:3:14: error: the interrupt controller 'pic' is declared later"));
    CHECK(c.says("t:5:14: error: 'pic' has no line 99"));
}

TEST_CASE("errors of the language do not hide those of the machine, nor make false ones") {
    const Checked c{
        "ram 64M\nload /nowhere/kernel\nvdev ioapic name pic loc zz\nvdev ser8250 intr pic:4 loc 0x3f8\n"
        "vdev ser8250 loc 0x3fc,zz\nvdev pckeyboard loc 0x70\nvdev pckeyboard loc 0x72"};
    CHECK(c.diagnostics.errors() == 4);
    CHECK(c.says("t:2:6: error: cannot open '/nowhere/kernel'"));
    CHECK(c.says("t:3:26: error: 'zz' is not"));
    CHECK(c.says("t:5:24: error: 'zz' is not"));
    CHECK(c.says("t:7:21: error: vdev pckeyboard at 0x72 to 0x76 overlaps vdev pckeyboard at 0x70"));
}

TEST_CASE("what a misread line of memory or a lost vdev would have held is not complained about") {
    const Image image;
    const Checked c{"ram zz\nload " + image.path + "\nvdev ioapik name pic\nvdev ser8250 intr pic:4\npass intr pic:5"};
    CHECK(c.diagnostics.errors() == 2);
    const Checked loads{"ram 64M\nload 99999999999999999999999,x\ninitrd load /nowhere/initrd"};
    CHECK(loads.diagnostics.errors() == 2);
}

TEST_CASE("a user that the host does not have is found by the check") {
    CHECK(
        Checked{"ram 64M user nobody-of-that-name"}.says("t:1:14: error: the host has no user 'nobody-of-that-name'"));
    CHECK(Checked{"ram 64M user 0:no-such-group"}.says("the host has no group 'no-such-group'"));
    CHECK(Checked{"ram 64M user 3999999999"}.says("hint: name them"));
    CHECK_FALSE(Checked{"ram 64M user 3999999999:5"}.says("host has no"));
}

TEST_CASE("strict diagnostics have no warnings") {
    Diagnostics strict;
    strict.be_strict();
    strict.warning({}, "odd");
    CHECK(strict.errors() == 1);
}

TEST_CASE("a file for the other board may have PCI functions whose addresses are not known here") {
    const Checked c{arm("vdev pci-dummy\nvdev virtio-entropy loc pci:0:3\n")};
    INFO(c.text());
    REQUIRE(c.map);
    REQUIRE(c.map->functions.size() == 3);
    CHECK(c.map->functions[1].slot == "0:1.0");
    CHECK(c.map->functions[2].slot == "0:3.0");
    CHECK(Checked{arm("vdev pci-dummy loc pci:0:3.1\n")}.says("the device has no function 0"));
}

TEST_CASE("a check calls no back end and waits for none") {
    const Checked c{"ram 64M\nvdev virtio-fs host_path /no/such tag a\nvdev vhost-user type 2 socket /no/such\n"};
    INFO(c.text());
    CHECK_FALSE(c.says("/no/such"));
}
