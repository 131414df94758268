// SPDX-License-Identifier: Apache-2.0
// pass, dump, unsupported, user and dryrun, from text to value.
#include <catch2/catch.hpp>

#include "config/support.hpp"
#include "config/values.hpp"

using namespace qvm;
using namespace qvm::test;
using Space = GuestLocation::Space;

namespace {

VmConfig good(std::string_view text) {
    Outcome out = parse(text);
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.messages().empty());
    return *out.config;
}

Messages messages(std::string_view text) { return parse(text).messages(); }

}  // namespace

TEST_CASE("pass loc has an address, a length, attributes and the host's address, all but the first optional") {
    const auto all = *parse_pass_location("mem:0x1000,0x8,rwn=0x2000");
    CHECK(all.guest == GuestLocation{.space = Space::Memory, .address = 0x1000, .length = 8});
    CHECK(all.attributes == "rwn");
    CHECK(all.host == GuestLocation{.address = 0x2000});
    CHECK(*parse_pass_location("mem:0x1000,0x8,rwn,=0x2000") == all);
    CHECK(*parse_pass_location("mem:0x1000,0x8,rwn,=mem:0x2000") == all);
    CHECK(parse_pass_location("mem:0x2000,r=0x1000")->guest.length == std::nullopt);
    CHECK(parse_pass_location("0x1000")->attributes.empty());
    CHECK(parse_pass_location("1M,64K")->guest.length == 64 * kKiB);
    CHECK(parse_pass_location("0x1000,0x1000,+-rwxcemdnstb")->attributes == kPassAttributes);
    CHECK(parse_pass_location("0x80000000,1G,rwcxm")->is_memory());
    CHECK_FALSE(all.is_memory());
    CHECK(parse_pass_location("0x80000000,1G,+m")->is_memory());
    CHECK_FALSE(parse_pass_location("0x80000000,1G,rwm-m")->is_memory());
    CHECK(parse_pass_location("io:0x60,5,rw")->guest.space == Space::Io);
}

TEST_CASE("pass loc names PCI devices by slot or by what they are") {
    const auto both = *parse_pass_location("pci:0:12.0=pci:0x8086/0x1234");
    CHECK(both.guest.address == 12U << 3);
    REQUIRE(both.host);
    CHECK(both.host->pci_id == PciId{0x8086, 0x1234});
    CHECK(parse_pass_location("pci:0x8086/0x5aa8")->guest.pci_id == PciId{0x8086, 0x5aa8});
    CHECK(parse_pass_location("pci:0:2.0=pci:0:2.0")->host->address == 2U << 3);
}

TEST_CASE("a wrong pass loc is marked where it goes wrong") {
    const auto at = [](std::string_view text) {
        const auto parsed = parse_pass_location(text);
        REQUIRE_FALSE(parsed);
        return text.substr(parsed.error().offset, parsed.error().length);
    };
    CHECK(at("0x1000,0x10,rwq") == "q");
    CHECK(at("0x1000,0x10,rw=zz") == "zz");
    CHECK(at("mem:zz,0x10,rw") == "zz");
    CHECK(at("0x1000,0x20,0x30") == "0x30");
    CHECK(at("pci:0:2=0x1000") == "0x1000");
    CHECK(at("0x1000,0x2000=0xfffffffffffff000") == "0xfffffffffffff000");
    for (const char* text : {"", "=1", "0x1000,", "0x1000,,rw", "0x1000,rw,0x10", "0x1000,rw=", "io:0xffff,2,rw"}) {
        INFO(text);
        CHECK_FALSE(parse_pass_location(text));
    }
}

TEST_CASE("pass intr has a line, t or u, and the host's interrupt") {
    CHECK(*parse_pass_intr("gic:144") == PassIntr{.guest = {"gic", 144}});
    CHECK(*parse_pass_intr("gic:44=150") == PassIntr{.guest = {"gic", 44}, .host = 150});
    CHECK(parse_pass_intr("gic:44,u=150")->delivery == PassIntr::Delivery::Unmask);
    CHECK(parse_pass_intr("gic:44,t")->delivery == PassIntr::Delivery::Thread);
    for (const char* text : {"", "gic:", "gic:1,x", "gic:1,t,u", "gic:1=", "gic:1=x", "gic:1,"}) {
        INFO(text);
        CHECK_FALSE(parse_pass_intr(text));
    }
}

TEST_CASE("a pass opens a context of its own, with as many locations and lines as wanted") {
    const VmConfig config = good(
        "ram 1M\nvdev ioapic loc 0x1000000 name pic\ndata pass loc 0x2000000,64K,rwn\n loc io 0x60,5 intr pic:4=9\n"
        "pass intr pic:5");
    REQUIRE(config.passed.size() == 2);
    const PassSpec& first = config.passed[0];
    CHECK(first.blob == Blob::Data);
    CHECK(first.after_vdevs == 1);
    REQUIRE(first.locations.size() == 2);
    CHECK(first.locations[0].where.line == 3);
    CHECK(first.locations[1].guest == GuestLocation{.space = Space::Io, .address = 0x60, .length = 5});
    CHECK(first.interrupts.at(0).host == 9);
    CHECK(config.passed[1].blob == Blob::Sniff);
    CHECK(config.passed[1].locations.empty());
}

TEST_CASE("a pass may name the device's node of the host's tree: by path, label, alias or address") {
    const auto node = [](const std::string& text) {
        return good("ram 1M pass loc 0x2000000 node " + text + " intr gic:44").passed.at(0).node.value().text;
    };
    CHECK(node("/soc/serial@7e201000") == "/soc/serial@7e201000");
    CHECK(node("uart0") == "uart0");
    CHECK(node("my-alias_1") == "my-alias_1");
    CHECK(node("0x9010000") == "0x9010000");
    CHECK_FALSE(good("ram 1M pass loc 0x2000000").passed.at(0).node);
    CHECK(messages("ram 1M pass node a/b") == Messages{"1:18 error: 'a/b' is no node of a device tree"});
    CHECK(messages("ram 1M pass node \"\"").size() == 1);
    CHECK(messages("ram 1M pass node a node b") ==
          Messages{"1:25 warning: 'node' given twice for one 'pass': the last one counts"});
    CHECK(good("ram 1M pass loc 0x2000000 node a pass loc 0x3000000 node b").passed.at(1).node->text == "b");
}

TEST_CASE("passed memory can be all that the guest has") {
    CHECK(good("pass loc 0x80000000,64M,rwcxm=0x90000000 load kernel").memory.empty());
    CHECK(messages("pass loc 0x80000000,64M,rwcx load kernel").size() == 2);
}

TEST_CASE("a passed line names its controller") {
    CHECK(messages("ram 1M pass intr 39") == Messages{"1:18 error: this interrupt line does not name its controller"});
}

TEST_CASE("dump takes a directory or a command") {
    CHECK(good("ram 1M dump /var/dumps").dump == DumpSpec{false, "/var/dumps", {}});
    CHECK(good("ram 1M dump \"|gzip >x.gz\"").dump == DumpSpec{true, "gzip >x.gz", {}});
    CHECK(messages("ram 1M dump \"| \"") == Messages{"1:13 error: a command is missing after '|'"});
}

TEST_CASE("unsupported has one action for each type, the last one") {
    using Type = UnsupportedSpec::Type;
    using Action = UnsupportedSpec::Action;
    const VmConfig config =
        good("ram 1M unsupported reference abort unsupported register ignore unsupported reference fail");
    REQUIRE(config.unsupported.size() == 2);
    CHECK(config.unsupported[0] == UnsupportedSpec{Type::Register, Action::Ignore, {}});
    CHECK(config.unsupported[1] == UnsupportedSpec{Type::Reference, Action::Fail, {}});
    CHECK(messages("ram 1M unsupported memory abort") ==
          Messages{"1:20 error: unknown type 'memory' of what is unsupported"});
    CHECK(messages("ram 1M unsupported register die") == Messages{"1:29 error: unknown action 'die'"});
    CHECK(messages("ram 1M unsupported cpu sched 5") ==
          Messages{"1:8 error: 'unsupported' has no argument: 'cpu' after it is an option"});
}

TEST_CASE("user has names or numbers") {
    CHECK(good("ram 1M user 1000").user == UserSpec{"1000", {}, {}});
    CHECK(good("ram 1M user qvm:kvm,disk").user == UserSpec{"qvm", {"kvm", "disk"}, {}});
    for (const char* text : {":1", "1:", "1:2,", "1:2:3"}) {
        INFO(text);
        CHECK_FALSE(parse_user(text));
    }
}

TEST_CASE("dryrun is kept") {
    CHECK_FALSE(good("ram 1M").dryrun);
    CHECK(good("ram 1M dryrun").dryrun->column == 8);
}

TEST_CASE("variables of a vdev belong to the last one before them") {
    const Outcome out = parse("ram 1M vdev ser8250 vdev dog cpu set debug off");
    REQUIRE(out.config);
    CHECK(out.config->vdevs[0].variables.empty());
    REQUIRE(out.config->vdevs[1].variables.size() == 1);
    CHECK(out.config->vdevs[1].variables[0].value == "off");
    CHECK(out.config->variables.empty());
    CHECK(messages("ram 1M set debug off").at(1) ==
          "1:12 error: 'debug' is a variable of a vdev, and there is none before it");
}

TEST_CASE("hardware addresses are written with colons or without") {
    CHECK(*parse_mac("AA:bb:cc:dd:ee:0f") == "aa:bb:cc:dd:ee:0f");
    CHECK(*parse_mac("aabbccddee0F") == "aa:bb:cc:dd:ee:0f");
    for (const char* text :
         {"", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:gg", "aabbccddeeff0", "01:00:00:00:00:00", "aa:bbccddeeff"}) {
        INFO(text);
        CHECK_FALSE(parse_mac(text));
    }
}
