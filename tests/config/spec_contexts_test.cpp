// SPDX-License-Identifier: Apache-2.0
// Sections 1.4 to 1.7 of the qvmconf specification: substitution, composition, contexts, order.
#include "config/spec_support.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

/// Several files in the order of the command line.
Outcome read_files(const std::vector<std::string>& texts) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    for (const std::string& text : texts) reader.add_text("part", text);
    out.config = reader.finish(catalog());
    return out;
}

}  // namespace

TEST_CASE("1.4 a region of the host gives the address and the length of a pass") {
    const VmConfig config = sound("pass loc mem:$asinfo_start{sysram},$asinfo_length{sysram},rwcxm");
    const PassLocation& location = config.passed.at(0).locations.at(0);
    CHECK(location.guest == GuestLocation{GuestLocation::Space::Memory, 0x80000000, 64 * kMiB});
    CHECK(location.is_memory());
}

TEST_CASE("1.4 the host map comes before what the host says of itself") {
    const Outcome out = read_spec("ram $asinfo_start{sysram},$asinfo_length{sysram}", "region sysram 0x40000000,1M");
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.config->memory.at(0).range == range_of(0x40000000, kMiB));
}

TEST_CASE("1.4 a name that nothing on the host has is an error at the form") {
    CHECK(said("ram 1M\npass loc mem:$asinfo_start{android},4K") ==
          Messages{"2:14 error: this host has no region named 'android'"});
    CHECK(said("ram 1M load $env{NOWHERE}/k") == Messages{"1:13 error: the environment variable 'NOWHERE' is not set"});
}

TEST_CASE("1.4 the environment is put into words, without making new ones") {
    const VmConfig config = sound("ram 1M load $env{IMAGES}/$env{WORDS}.img");
    CHECK(config.loads.at(0).path == "/vm/images/a b#c.img");
}

TEST_CASE("1.4 inside quotes the forms are replaced and every other dollar sign stays") {
    CHECK(sound("ram 1M cmdline \"a=$HOME b=$(x) c=${d} e=$env{IMAGES} $\"").cmdline->text ==
          "a=$HOME b=$(x) c=${d} e=/vm/images $");
}

TEST_CASE("1.4 what was put in is not looked at again") {
    CHECK(sound("ram 1M cmdline $env{DOLLAR}").cmdline->text == "$env{IMAGES}");
}

TEST_CASE("1.5 there are no conditions, includes or macros") {
    CHECK(said("if x\nram 1M").at(0) == "1:1 error: unknown option 'if'");
    CHECK(said("ram 1M\ninclude other.qvmconf").at(0) == "2:1 error: unknown option 'include'");
    CHECK(said("ram 1M\n@other.qvmconf").at(0) == "2:1 error: unknown option '@other.qvmconf'");
    CHECK(first_hint("ram 1M\n@other.qvmconf") == "'@file' is read on the command line only");
}

TEST_CASE("1.5 several files are one configuration, in their order") {
    const Outcome out = read_files({"system a ram 1M", "ram 2M", "cpu"});
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.config->system == "a");
    CHECK(out.config->memory.at(1).range == range_of(kMiB, 2 * kMiB));
    CHECK(read_files({"ram 1M", "system a"}).messages().at(0) == "1:1 error: 'system' must be the first option");
}

TEST_CASE("1.6.1 cpu, vdev, pass and reserve each open a context") {
    const VmConfig config = sound(
        "ram 1M vdev pl011 loc 0x1000000 reserve loc 0x2000000 pass loc 0x3000000 cpu sched 7 vdev pl011 loc "
        "0x4000000");
    CHECK(config.vdevs.at(0).get<GuestLocation>("loc")->address == 0x1000000);
    CHECK(std::get<GuestLocation>(config.reserved.at(0).what).address == 0x2000000);
    CHECK(config.passed.at(0).locations.at(0).guest.address == 0x3000000);
    CHECK(config.cpus.at(0).sched->priority == 7);
    CHECK(config.vdevs.at(1).get<GuestLocation>("loc")->address == 0x4000000);
}

TEST_CASE("1.6.2 a context ends where the next one begins") {
    CHECK(said("ram 1M vdev pl011 cpu hostdev -") == Messages{"1:23 error: 'cpu' has no option 'hostdev'"});
    CHECK(said("ram 1M cpu pass sched 7") == Messages{"1:17 error: 'pass' has no option 'sched'"});
    CHECK(said("ram 1M pass loc 0x3000000 vdev pl011 reserve hostdev -") ==
          Messages{"1:46 error: 'reserve' has no option 'hostdev'"});
}

TEST_CASE("1.6.3 ram between a cpu and its sched changes nothing") {
    check_same("cpu ram 32m sched 8", "cpu sched 8 ram 32m");
}

TEST_CASE("1.6.3 options that may stand anywhere do not close a context") {
    for (const char* between : {"ram 4K", "rom 4K", "load k", "initrd load i", "fdt load f", "cmdline x",
                                "logger error stderr", "set slog-buffer 4K", "debug", "safety none", "dump /var/dumps",
                                "unsupported reference ignore", "user nobody", "dryrun"}) {
        const std::string word{between};
        check_same("ram 1M cpu " + word + " sched 8", "ram 1M " + word + " cpu sched 8");
        check_same("ram 1M vdev pl011 " + word + " hostdev -", "ram 1M " + word + " vdev pl011 hostdev -");
        check_same("ram 1M pass loc 0x3000000 " + word + " loc 0x4000000",
                   "ram 1M " + word + " pass loc 0x3000000 loc 0x4000000");
        check_same("ram 1M reserve loc 0x3000000 " + word + " intr 39",
                   "ram 1M " + word + " reserve loc 0x3000000 intr 39");
    }
}

TEST_CASE("1.6.4 a vdev variable belongs to the last vdev, whatever was opened since") {
    const VmConfig config = sound("ram 1M vdev pl011 name a vdev pl011 name b cpu set debug off sched 8");
    CHECK(config.vdevs.at(0).variables.empty());
    CHECK(config.vdevs.at(1).variables.at(0).value == "off");
    CHECK(config.cpus.at(0).sched->priority == 8);
    CHECK(config.variables.empty());
}

TEST_CASE("1.6.4 a global variable belongs to the VM, wherever it stands") {
    const VmConfig config = sound("ram 1M vdev pl011 set exit-on-halt off");
    CHECK(config.variables.at(0).name == "exit-on-halt");
    CHECK(config.vdevs.at(0).variables.empty());
}

TEST_CASE("1.6.5 the next file goes on with the context, and is warned about if that is how it begins") {
    const Outcome out = read_files({"ram 1M vdev pl011\n", "hostdev - cpu\n", "cmdline x sched 8"});
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.config->vdevs.at(0).has("hostdev"));
    CHECK(out.config->cpus.at(0).sched->priority == 8);
    CHECK(out.messages() ==
          Messages{"1:1 warning: 'hostdev' continues what another source began", "1:8 note: it belongs to this"});
}

TEST_CASE("1.6.6 an option of a context without one is an error with its place") {
    CHECK(said("ram 1M\nhostdev -\nvdev pl011") == Messages{"2:1 error: 'hostdev' needs a 'vdev' before it"});
    CHECK(said("ram 1M\n  sched 8\ncpu").at(0) == "2:3 error: 'sched' needs a 'cpu' or 'vdev' before it");
    CHECK(said("ram 1M loc 0x1000") == Messages{"1:8 error: 'loc' needs a 'vdev', 'reserve' or 'pass' before it"});
}

TEST_CASE("1.7 but for the rules below the order is free") {
    const VmConfig one = sound("ram 1M cpu sched 5 cmdline x vdev pl011 hostdev - dump d load k");
    const VmConfig other = sound("dump d cmdline x vdev pl011 hostdev - cpu sched 5 ram 1M load k");
    CHECK(one == other);
}

TEST_CASE("1.7 system is the first option or none") {
    CHECK(sound("# name\n system a ram 1M").system == "a");
    CHECK(sound("ram 1M").system.empty());
    CHECK(said("ram 1M\nsystem a") ==
          Messages{"2:1 error: 'system' must be the first option", "1:1 note: the configuration begins here"});
}

TEST_CASE("1.7 memory stands before what uses it") {
    CHECK(said("load x ram 32m") == Messages{"1:1 error: 'load' before any 'ram': there is nowhere to load to"});
    CHECK(said("cpu\ninitrd load x ram 32m").at(0) ==
          "2:8 error: 'load' before any 'ram': there is nowhere to load to");
    CHECK(sound("rom 0xc0000,4K load 0xc0000,bios ram 1M").loads.size() == 1);
}

TEST_CASE("1.7 an interrupt controller stands before the vdev, pass and reserve that name it", "[pc]") {
    for (const char* user : {"vdev ser8250 intr chip:4", "pass intr chip:4", "reserve intr chip:4"}) {
        const std::string line{user};
        CAPTURE(line);
        CHECK(judged("ram 1M\nvdev ioapic loc 0xf8000000 name chip\n" + line).empty());
        const Messages late = judged("ram 1M\n" + line + "\nvdev ioapic loc 0xf8000000 name chip");
        const auto column = std::to_string(line.find("chip") + 1);
        CHECK(late == Messages{"2:" + column + " error: the interrupt controller 'chip' is declared later",
                               "3:6 note: it is declared here"});
        CHECK(judged("ram 1M\n" + line) == Messages{"2:" + column + " error: no interrupt controller is named 'chip'"});
    }
}

TEST_CASE("1.7 the implicit controllers need no declaration, and a declared one keeps the rule", "[pc]") {
    CHECK(judged("ram 1M vdev pl011 loc 0x1c090000 intr gic:37").empty());
    CHECK(judged("ram 1M vdev gic version 2 vdev pl011 loc 0x1c090000 intr gic:37").empty());
    CHECK_THAT(judged("ram 1M vdev pl011 loc 0x1c090000 intr gic:37 vdev gic version 2").at(0),
               Contains("1:39 error: the interrupt controller 'gic' is declared later"));
}

TEST_CASE("1.7 safety goes for the vdevs behind it, and the last one for the rest") {
    CHECK(sound("ram 1M safety warn vdev pl011 safety none").safety == Safety::None);
}

TEST_CASE("1.7 variables of a vdev come after it") {
    CHECK(said("ram 1M\nset debug off\nvdev pl011").at(1) ==
          "2:5 error: 'debug' is a variable of a vdev, and there is none before it");
}

TEST_CASE("1.7 vdevs keep the order of the file") {
    const VmConfig config = sound("ram 1M vdev virtio-net vdev virtio-blk vdev virtio-net");
    CHECK(config.vdevs.at(0).syntax->type == "virtio-net");
    CHECK(config.vdevs.at(1).syntax->type == "virtio-blk");
    CHECK(config.vdevs.at(2).syntax->type == "virtio-net");
}
