// SPDX-License-Identifier: Apache-2.0
// What is said of a wrong configuration: the right place, one message for one mistake, all of them in one run.
#include <catch2/catch.hpp>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

Messages messages(std::string_view text) {
    const Outcome out = parse(text);
    if (out.diagnostics.has_errors()) CHECK_FALSE(out.config);
    return out.messages();
}

std::string hint(std::string_view text) {
    const Outcome out = parse(text);
    return out.diagnostics.all().empty() ? "no message" : out.diagnostics.all().front().hint;
}

}  // namespace

TEST_CASE("a message looks as promised") {
    CHECK(parse("ram 1M\nvdev ser825\n").rendered() ==
          "vm.qvmconf:2:6: error: unknown vdev type 'ser825'\n"
          "vdev ser825\n"
          "     ^~~~~~\n"
          "  hint: did you mean 'ser8250'?\n");
}

TEST_CASE("a guest without memory is an error of the whole file") {
    CHECK(messages("cpu") == Messages{"0:0 error: the guest has no memory"});
    CHECK(messages("") == Messages{"0:0 error: the guest has no memory"});
    CHECK(messages("rom 4K") == Messages{"0:0 error: the guest has no memory"});
}

TEST_CASE("a wrong ram line is not also a missing one") {
    CHECK(messages("ram 12Q") == Messages{"1:5 error: '12Q' is not a size or an address"});
    CHECK(messages("ram") == Messages{"1:1 error: 'ram' has no argument"});
}

TEST_CASE("system must be the first option") {
    CHECK(messages("ram 1M\nsystem a") ==
          Messages{"2:1 error: 'system' must be the first option", "1:1 note: the configuration begins here"});
    CHECK(messages("system a ram 1M system b").size() == 2);
}

TEST_CASE("a name that cannot be a directory's is refused where it goes wrong") {
    CHECK(messages("system a/b ram 1M") == Messages{"1:9 error: 'a/b' cannot be the name of a VM"});
}

TEST_CASE("a load before any ram has nowhere to go, said once") {
    CHECK(messages("load x initrd load y ram 32m") ==
          Messages{"1:1 error: 'load' before any 'ram': there is nowhere to load to"});
}

TEST_CASE("memory is in whole pages") {
    CHECK(messages("ram 1m,1023") ==
          Messages{"1:8 warning: the length 0x3ff is not a multiple of 4 KiB: it becomes 0x1000"});
    CHECK(hint("ram 1m,1023") == "did you mean '1023M'?");
    CHECK(messages("ram 0x1001,4K") == Messages{"1:5 error: the start 0x1001 is not a multiple of 4 KiB"});
    CHECK(hint("ram 0x1001,4K") == "KVM maps whole pages of 4 KiB; the nearest are 0x1000 and 0x2000");
}

TEST_CASE("memory is not empty and does not wrap") {
    CHECK(messages("ram 0") == Messages{"1:5 error: a ram of length zero"});
    CHECK(messages("ram 0xfffffffffffff000,8K") ==
          Messages{"1:5 error: this ram does not fit in the 64-bit address space"});
    CHECK(messages("ram 0xfffffffffffff000,4K ram 4K") ==
          Messages{"1:31 error: this ram does not fit in the 64-bit address space"});
}

TEST_CASE("overlapping memory is an error with a note at the other line") {
    const Messages expected{"2:5 error: the range 0x80000 to 0x100fff is taken",
                            "1:5 note: by this ram, which has 0x0 to 0x9ffff"};
    CHECK(messages("ram 0,0xa0000\nrom 0x80000,0x81000") == expected);
    CHECK(messages("ram 2M,1M ram 1M,0x100000 ram 0,0x101000").size() == 2);
    CHECK(messages("ram 0,1G ram 4K,4K").size() == 2);
}

TEST_CASE("memory after a wrong line has no known place and is not judged by it") {
    CHECK(messages("ram 0x1001,1M\nram 1M\nrom 0xc0000,0x40000").size() == 1);
}

TEST_CASE("an unknown option is one message, with a suggestion") {
    CHECK(messages("rma 512M\nram 1M") == Messages{"1:1 error: unknown option 'rma'"});
    CHECK(hint("rma 512M\nram 1M") == "did you mean 'ram'?");
    CHECK(messages("frobnicate a b c\nram 1M") == Messages{"1:1 error: unknown option 'frobnicate'"});
}

TEST_CASE("unknown options on several lines are all reported") {
    CHECK(messages("ram 1M\nvdev ser8250\n  nmae foo\n  hostdve /dev/x\n  intr a:1") ==
          Messages{"3:3 error: unknown option 'nmae'", "4:3 error: unknown option 'hostdve'"});
}

TEST_CASE("the argument of an unknown option may be on the next line") {
    CHECK(messages("ram 1M vdev ser8250 itnr\n  gic:4\n  sched 5") == Messages{"1:21 error: unknown option 'itnr'"});
}

TEST_CASE("an option of a context needs the context before it") {
    CHECK(messages("ram 1M hostdev - cpu") == Messages{"1:8 error: 'hostdev' needs a 'vdev' before it"});
    CHECK(messages("ram 1M runmask 0") == Messages{"1:8 error: 'runmask' needs a 'cpu' before it"});
    CHECK(messages("ram 1M loc 0x1000") == Messages{"1:8 error: 'loc' needs a 'vdev', 'reserve' or 'pass' before it"});
}

TEST_CASE("an option of another vdev is refused with those that there are") {
    CHECK(messages("ram 1M vdev mc146818 hostdev -") ==
          Messages{"1:22 error: vdev 'mc146818' has no option 'hostdev'"});
    CHECK(hint("ram 1M vdev mc146818 hostdev -") == "it has: reg, name, log");
    CHECK(messages("ram 1M cpu hostdev -") == Messages{"1:12 error: 'cpu' has no option 'hostdev'"});
}

TEST_CASE("a number of vCPUs after cpu is explained") {
    CHECK(messages("ram 1M cpu 2") == Messages{"1:12 error: unknown option '2'"});
    CHECK(hint("ram 1M cpu 2") == "'cpu' takes no argument; write it once for each vCPU");
}

TEST_CASE("an unknown vdev is one message, whatever its options") {
    CHECK(messages("ram 1M vdev balloon size 4 loc 0x1000\n intr a:1 pages 17 log error none name ram\ncpu sched 5") ==
          Messages{"1:13 error: unknown vdev type 'balloon'"});
}

TEST_CASE("after an unknown vdev the rest is checked again") {
    CHECK(messages("ram 1M vdev balloon x 1 ram 1Q y 2 vdev ser8250 intr :") ==
          Messages{"1:13 error: unknown vdev type 'balloon'", "1:29 error: '1Q' is not a size or an address",
                   "1:54 error: the interrupt controller's name is missing before ':'"});
}

TEST_CASE("an option where an argument should be is not swallowed") {
    CHECK(messages("ram\nram 1M cpu sched vdev ser8250 intr a:1") ==
          Messages{"1:1 error: 'ram' has no argument: 'ram' after it is an option",
                   "2:12 error: 'sched' has no argument: 'vdev' after it is an option"});
    CHECK(messages("ram 1M logger cpu sched 5") ==
          Messages{"1:8 error: 'logger' has no argument: 'cpu' after it is an option"});
    CHECK(messages("ram 1M vdev") == Messages{"1:8 error: 'vdev' has no argument"});
    CHECK(messages("ram 1M vdev cpu sched 5") ==
          Messages{"1:8 error: 'vdev' has no argument: 'cpu' after it is an option"});
}

TEST_CASE("a blank after a comma is one message and explained") {
    CHECK(messages("ram 0x1000, 512M cpu").size() == 1);
    CHECK(hint("ram 0x1000, 512M cpu") == "a list is one word, without blanks after its commas");
}

TEST_CASE("wrong arguments are marked where they go wrong") {
    CHECK(messages("ram 1M vdev ser8250 loc io:0x3f8,zz") == Messages{"1:34 error: 'zz' is not a size or an address"});
    CHECK(messages("ram 1M vdev dog action explode").front() == "1:24 error: 'explode' is not a choice of 'action'");
    CHECK(hint("ram 1M vdev dog action terminat") == "did you mean 'terminate'?");
    CHECK(hint("ram 1M vdev dog action explode") == "one of: terminate, dump");
    CHECK(messages("ram 1M cpu runmask 0,a") == Messages{"1:22 error: 'a' is not a number"});
    CHECK(messages("ram 1M logger error,wran stderr logger warn stdrer") ==
          Messages{"1:21 error: unknown severity 'wran'", "1:45 error: unknown log destination 'stdrer'"});
}

TEST_CASE("both parts of a log rule are checked") { CHECK(messages("ram 1M logger wran stdrer").size() == 2); }

TEST_CASE("a vdev without an option that it needs is refused at its type") {
    CHECK(messages("ram 1M vdev ioapic name a") == Messages{"1:13 error: vdev 'ioapic' needs 'loc'"});
}

TEST_CASE("an option that is needed but wrong is not also missing") {
    CHECK(messages("ram 1M vdev ioapic loc zz") == Messages{"1:24 error: 'zz' is not a size or an address"});
}

TEST_CASE("two vdevs of one name are an error with a note at the other") {
    CHECK(messages("ram 1M\nvdev ser8250 name a\nvdev ser8250 name b\nvdev dog name a") ==
          Messages{"4:15 error: the name 'a' is taken", "2:19 note: by this vdev"});
    CHECK(messages("ram 1M vdev dog name \"\"") == Messages{"1:22 error: an empty name"});
}

TEST_CASE("the interrupt of a vdev names its controller") {
    CHECK(messages("ram 1M vdev ser8250 intr 4") ==
          Messages{"1:26 error: this interrupt line does not name its controller"});
}

TEST_CASE("a blob word needs a load after it") {
    CHECK(messages("ram 1M initrd /boot/initrd cpu") ==
          Messages{"1:8 error: 'initrd' must be followed by 'load' or 'pass'"});
    CHECK(messages("ram 1M fdt") == Messages{"1:8 error: 'fdt' must be followed by 'load' or 'pass'"});
}

TEST_CASE("variables with values of the wrong type are refused") {
    CHECK(messages("ram 1M set exit-on-halt maybe") ==
          Messages{"1:25 error: 'maybe' is not a value of 'exit-on-halt'"});
    CHECK(messages("ram 1M set vdev ser8250").front() ==
          "1:8 error: 'set' has no argument: 'vdev' after it is an option");
}

TEST_CASE("a quote that never closes is the only message about what it swallows") {
    CHECK(messages("cpu cmdline \"x\nram 1M\n") == Messages{"1:13 error: this quote is never closed"});
    CHECK(messages("ram \"512M\n cpu") == Messages{"1:5 error: this quote is never closed"});
    CHECK(messages("vdev ioapic name \"a\nloc 0xf8000000") == Messages{"1:18 error: this quote is never closed"});
}

TEST_CASE("an invalid byte is the only message about its word") {
    CHECK(messages("ram 1\x01M cp\xffu foo\nsched\x02 7 vdev ser8250") ==
          Messages{"1:6 error: control character 0x01", "1:11 error: byte 0xff is not valid UTF-8",
                   "2:6 error: control character 0x02"});
}

TEST_CASE("a file of bytes is one message") {
    CHECK(messages({"\x7f"
                    "ELF\x02\x01\x01\0\0",
                    9}) == Messages{"1:8 error: NUL byte: this is not a text file"});
}

TEST_CASE("a file word inside a file is explained") {
    CHECK(hint("@other ram 1M") == "'@file' is read on the command line only");
}

TEST_CASE("a file that cannot be read is one message at its word") {
    const Outcome out = parse_argv({"cpu", "@/nowhere/x.qvmconf", "sched", "5", "name", "x"});
    CHECK_FALSE(out.config);
    CHECK(out.messages() ==
          Messages{"2:1 error: cannot read configuration '/nowhere/x.qvmconf': No such file or directory"});
    CHECK(out.rendered().starts_with("command line:2:1: error: "));
}

TEST_CASE("a file that was asked for by its name has no place") {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics};
    reader.add_file("/");
    CHECK_FALSE(reader.finish(kGrammar));
    CHECK(out.rendered() == "error: cannot read configuration '/': Is a directory\n");
}

TEST_CASE("messages about the command line count its words") {
    const Outcome out = parse_argv({"ram", "1M", "vdev", "ser825"});
    CHECK(out.rendered() ==
          "command line:4:1: error: unknown vdev type 'ser825'\n"
          "ser825\n"
          "^~~~~~\n"
          "  hint: did you mean 'ser8250'?\n");
}

TEST_CASE("all that is wrong is said in one run, in the order of the file") {
    CHECK(messages("ram 1M\ncpu sched 0\nvdev ser825\n loc 1\nvdev ser8250\n intr :4\nreserve loc pci:0\nfoo\n") ==
          Messages{"2:11 error: '0' is not a priority", "3:6 error: unknown vdev type 'ser825'",
                   "6:7 error: the interrupt controller's name is missing before ':'",
                   "7:17 error: a PCI location is pci:bus:device[.function] or pci:vendor/device",
                   "8:1 error: unknown option 'foo'"});
}

TEST_CASE("languages that were made up elsewhere are refused") {
    for (const char* text : {"system name=x ram 1M", "ram addr=0,size=1M", "ram 1M cpu cluster=0,cores=2",
                             "ram 1M load addr=0,file=x cpu 2", "ram 1M vdev ser8250 loc addr=1"}) {
        INFO(text);
        CHECK_FALSE(parse(text).config);
    }
}
