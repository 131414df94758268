// SPDX-License-Identifier: Apache-2.0
// Sections 1.1 to 1.3 of the qvmconf specification: characters, words, numbers.
#include "config/spec_support.hpp"
#include "config/values.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

std::string cmdline(std::string_view text) { return sound("ram 1M cmdline " + std::string{text}).cmdline.value().text; }

std::uint64_t size_of(const std::string& text) {
    return sound("ram 1M vdev shmem create x," + text).vdevs[0].get<NamedSize>("create")->size;
}

}  // namespace

TEST_CASE("1.1.1 the whole file is read before there is a VM: the last line can refuse it") {
    CHECK(said("ram 1M\ncpu\n\nvdev pl011 hostdev -\nbogus\n") == Messages{"5:1 error: unknown option 'bogus'"});
}

TEST_CASE("1.1.2 a number sign starts a comment up to the end of the line, and blank lines mean nothing") {
    check_same("# first\n\nram 1M # second # third\n\n\t\n#\ncpu#last", "ram 1M cpu");
}

TEST_CASE("1.1.2 a comment may follow an argument on its line") {
    const VdevSpec vdev =
        last_vdev("vdev virtio-net peerfeats 0x0 # none\n name a vdev pl011\n hostdev >-   # console");
    CHECK(vdev.get<HostDev>("hostdev")->kind == HostDev::Kind::Stdio);
    CHECK(vdev.get<HostDev>("hostdev")->direction == HostDev::Direction::Output);
}

TEST_CASE("1.1.2 quotes, backslashes and keywords in comments are not looked at") {
    check_same("ram 1M # isn't \"closed, vdev nothing \\\ncpu # tagged by \"google,open-dice\"\n# \\\"\nsched 8",
               "ram 1M cpu sched 8");
    CHECK(sound("# joined? \\\nram 1M").memory.size() == 1);
}

TEST_CASE("1.1.2 a number sign inside quotes is text") { CHECK(cmdline("\"a #b\" # c") == "a #b"); }

TEST_CASE("1.1.2 a number sign in the middle of a word starts a comment") {
    check_same("ram 1M#,2M\ncpu", "ram 1M cpu");
    CHECK(said("ram 1M\nrom#x\ncpu") == Messages{"2:1 error: 'rom' has no argument: 'cpu' after it is an option"});
}

TEST_CASE("1.1.3 line ends are blanks: an option and its argument may be on different lines") {
    const VdevSpec vdev = last_vdev("vdev virtio-blk loc 0x1c050000 intr\n\n   gic:38");
    CHECK(*vdev.get<IntrSpec>("intr") == IntrSpec{"gic", 38});
    CHECK(vdev.find("intr")->where.line == 3);
    CHECK(vdev.find("intr")->where.column == 4);
}

TEST_CASE("1.1.3 one line, many lines and any kind of blank are the same") {
    for (const char* text : {"cpu\nsched\n8\ncpu\nsched\n6\nram\n1M",
                             "\tcpu\r\n  sched 8\v\fcpu\r\n\tsched 6 ram 1M\r\n", "  cpu sched 8 cpu sched\t6\nram 1M"})
        check_same(text, "cpu sched 8 cpu sched 6 ram 1M");
}

TEST_CASE("1.1.4 indentation means nothing") {
    check_same("ram 1M\nvdev pl011\nloc 0x1c090000\nintr gic:37\ncpu\nsched 9\n",
               "  ram 1M\n\tvdev pl011\n\t\tloc 0x1c090000\n        intr gic:37\n      cpu\n  sched 9\n");
}

TEST_CASE("1.1.5 quotes make one argument of text with blanks") {
    CHECK(cmdline("\"console=ttyS0 quiet\"") == "console=ttyS0 quiet");
    CHECK(sound("ram 1M dump \"|gzip >dump_output.gz\"").dump == DumpSpec{true, "gzip >dump_output.gz", {}});
    CHECK(cmdline("\"\"").empty());
}

TEST_CASE("1.1.5 quoted text may run over lines; for the guest each line end is one blank") {
    CHECK(cmdline("\"root=/dev/vda\n\t\trw\n quiet\"") == "root=/dev/vda \t\trw  quiet");
    CHECK(cmdline("\"a\r\nb\"") == "a b");
}

TEST_CASE("1.1.5 a backslash before a line end inside quotes joins the lines") {
    CHECK(cmdline("\"root=/dev/\\\nvda \\\n  rw\"") == "root=/dev/vda   rw");
    CHECK(cmdline("\"a\\\r\nb\"") == "ab");
    CHECK(cmdline("\"a\\ \nb\"") == "a\\  b");
}

TEST_CASE("1.1.5 a quote may start and end in the middle of a word") {
    const auto target = [](const std::string& text) {
        return *last_vdev("vdev pl011 hostdev " + text).get<HostDev>("hostdev");
    };
    CHECK(target(">\"|tee -a log\"") == HostDev{HostDev::Direction::Output, HostDev::Kind::Command, "tee -a log"});
    CHECK(target("/dev/\"my tty\"0") == HostDev{HostDev::Direction::Both, HostDev::Kind::Path, "/dev/my tty0"});
    CHECK(sound("\"ra\"m 1\"M\"").memory.size() == 1);
}

TEST_CASE("1.1.5 a quote that never closes is an error where it opens") {
    CHECK(said("ram 1M\n cmdline x\"y\n") == Messages{"2:11 error: this quote is never closed"});
}

TEST_CASE("1.1.5 in double quotes a backslash protects a quote and a backslash, and nothing else") {
    CHECK(cmdline(R"("a=\"b c\" d\\e")") == R"(a="b c" d\e)");
    CHECK(cmdline(R"("a\n\t\$b")") == R"(a\n\t\$b)");
    CHECK(cmdline(R"(a\\b)") == R"(a\\b)");
}

TEST_CASE("1.1.5 single quotes are ordinary characters") {
    CHECK(cmdline("'a") == "'a");
    CHECK(cmdline("\"it's\"") == "it's");
    CHECK(said("ram 1M cmdline 'a b'").at(0) == "1:19 error: unknown option 'b''");
}

TEST_CASE("1.1.5 a word of the command line is one word, whatever is in it") {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_argv(std::vector<std::string>{"ram", "1M", "cmdline", "a \"b\" # \\\nc"});
    out.config = reader.finish(catalog());
    REQUIRE(out.config);
    CHECK(out.config->cmdline->text == "a \"b\" # \\ c");
    CHECK(out.config->cmdline->where.line == 4);
}

TEST_CASE("1.1.6 a backslash before a line end outside quotes is a blank") {
    check_same("ram \\\n1M cpu\\\r\nsched 8", "ram 1M cpu sched 8");
    CHECK(said("ram 1M cp\\\nu").at(0) == "1:8 error: unknown option 'cp'");
}

TEST_CASE("1.2.1 every word is an option or an argument of the option before it") {
    check_same("ram 1M cmdline ram load load", "ram 1M\ncmdline \"ram\"\nload \"load\"");
    CHECK(said("ram 1M 2M cpu") == Messages{"1:8 error: unknown option '2M'"});
}

TEST_CASE("1.2.2 options without an argument leave the next word alone") {
    const VmConfig config = sound(
        "ram 1M cpu cpu debug dryrun reserve pass vdev hpet legacy-free frequency 5 vdev virtio-console legacy "
        "tx-backpressure name c");
    CHECK(config.cpus.size() == 2);
    CHECK(config.debug);
    CHECK(config.dryrun);
    CHECK(config.passed.size() == 1);
    CHECK(config.vdevs.at(0).has("legacy-free"));
    CHECK(*config.vdevs[0].get<std::uint64_t>("frequency") == 5);
    CHECK(config.vdevs.at(1).has("legacy"));
    CHECK(config.vdevs[1].has("tx-backpressure"));
    CHECK(config.vdevs[1].name() == "c");
}

TEST_CASE("1.2.2 set, logger, log and unsupported have two arguments") {
    const VmConfig config = sound(
        "ram 1M set slog-buffer 8K logger error stderr unsupported register ignore vdev pl011 log info none name u");
    CHECK(config.variables.at(0).value == "8K");
    CHECK(config.loggers.at(0) == LogRule{{Severity::Error}, LogDestination::Stderr});
    CHECK(config.unsupported.at(0).action == UnsupportedSpec::Action::Ignore);
    CHECK(*config.vdevs.at(0).get<LogRule>("log") == LogRule{{Severity::Info}, LogDestination::None});
    CHECK(config.vdevs[0].name() == "u");
}

TEST_CASE("1.2.2 a blob word takes the load or pass behind it along") {
    const VmConfig config = sound("ram 1M data load 0x1000,d guest load g data pass loc 0x80000000,4K load k");
    CHECK(config.loads.at(0) == LoadSpec{Blob::Data, 0x1000, "d", {}});
    CHECK(config.loads.at(1).blob == Blob::Guest);
    CHECK(config.passed.at(0).blob == Blob::Data);
    CHECK(config.loads.at(2).blob == Blob::Sniff);
}

TEST_CASE("1.2.3 an argument that is a list is one word") {
    CHECK(sound("ram 1M cpu runmask 0,1,2,3").cpus.at(0).runmask.size() == 4);
    CHECK(sound("ram 0x80000000,512M").memory.at(0).range == range_of(0x80000000, 512 * kMiB));
    const PassLocation passed = sound("ram 1M pass loc mem:0x1000,0x8,rwn=0x2000").passed.at(0).locations.at(0);
    CHECK(passed.guest == GuestLocation{GuestLocation::Space::Memory, 0x1000, 8});
    CHECK(passed.attributes == "rwn");
    CHECK(passed.host->address == 0x2000);
    CHECK(said("ram 1M cpu runmask 0, 1") == Messages{"1:22 error: '' is not a number"});
    CHECK(first_hint("ram 1M cpu runmask 0, 1") == "a list is one word, without blanks after its commas");
}

TEST_CASE("1.2.4 what is not given is not there, but for one vCPU") {
    const VmConfig config = sound("ram 1M");
    CHECK(config.cpus.size() == 1);
    CHECK(config.vdevs.empty());
    CHECK(config.loads.empty());
    CHECK_FALSE(config.cmdline);
    CHECK_FALSE(config.dump);
    CHECK_FALSE(config.user);
    CHECK_FALSE(config.debug);
    CHECK(config.unsupported.empty());
    CHECK(config.safety == Safety::None);
}

TEST_CASE("1.2.5 keywords are lower case") {
    CHECK(said("RAM 1M\nram 1M") == Messages{"1:1 error: unknown option 'RAM'"});
    CHECK(said("ram 1M vdev PL011") == Messages{"1:13 error: unknown vdev type 'PL011'"});
    CHECK(said("ram 1M vdev pl011 Intr gic:1").at(0) == "1:19 error: unknown option 'Intr'");
}

TEST_CASE("1.2.6 the last of a repeated option counts") {
    const VdevSpec vdev = last_vdev("vdev virtio-net mac 020000000001 peer a mac 020000000002 peer b");
    CHECK(vdev.options.size() == 2);
    CHECK(*vdev.get<std::string>("mac") == "02:00:00:00:00:02");
    CHECK(*vdev.get<std::string>("peer") == "b");
    CHECK(sound("ram 1M dump a dump b").dump->target == "b");
}

TEST_CASE("1.2.6 loc and intr of pass and reserve, hostdev, create, allow, deny, log and hpet's intr count each time") {
    const VmConfig config = sound(
        "ram 1M pass loc 0x80000000 loc 0x80001000 intr gic:50 intr gic:51 reserve loc 0x90000000 intr gic:52 loc "
        "0x90001000 vdev virtio-console hostdev <in hostdev >out log error slog log info none vdev shmem create a,4K "
        "create b,8K allow c allow d deny e deny f vdev hpet intr x:2 intr x:8,x:9");
    CHECK(config.passed.at(0).locations.size() == 2);
    CHECK(config.passed[0].interrupts.size() == 2);
    CHECK(config.reserved.size() == 3);
    CHECK(config.vdevs.at(0).options.size() == 4);
    CHECK(config.vdevs.at(1).options.size() == 6);
    CHECK(config.vdevs.at(2).options.size() == 2);
}

TEST_CASE("1.3 numbers are decimal, 0x hexadecimal or 0d decimal; sizes may have K, M, G and T in either case") {
    CHECK(size_of("1234") == 1234);
    CHECK(size_of("0x1f") == 0x1f);
    CHECK(size_of("0XfF") == 0xff);
    CHECK(size_of("0d16384") == 16384);
    CHECK(size_of("4K") == 4096);
    CHECK(size_of("4k") == 4096);
    CHECK(size_of("512m") == 512 * kMiB);
    CHECK(size_of("4G") == 4 * kGiB);
    CHECK(size_of("1T") == 1024 * kGiB);
    CHECK(size_of("0x10K") == 16 * kKiB);
}

TEST_CASE("1.3 start addresses have suffixes, too") {
    CHECK(sound("ram 4096M,2048M").memory.at(0).range == range_of(4 * kGiB, 2 * kGiB));
    CHECK(sound("ram 1m,1023m").memory.at(0).range == range_of(kMiB, 1023 * kMiB));
    CHECK(sound("ram 1M load 1m,k").loads.at(0).address == kMiB);
}

TEST_CASE("1.3 0xa0000 is 640 KB and a page is 4K") { check_same("ram 0xa0000 ram 0x1000", "ram 640K ram 4K"); }

TEST_CASE("1.3 an address without prefix is decimal") {
    CHECK(last_vdev("vdev pl011 loc 1000").get<GuestLocation>("loc")->address == 1000);
    CHECK(said("ram 1M vdev pl011 loc 1c090000") == Messages{"1:23 error: '1c090000' is not a size or an address"});
}

TEST_CASE("1.3 values have up to 64 bits") {
    CHECK(sound("ram 1M set counter-offset 0xffffffffffffffff").variables.at(0).value == "0xffffffffffffffff");
    CHECK(said("ram 1M set counter-offset 0x1ffffffffffffffff") ==
          Messages{"1:27 error: '0x1ffffffffffffffff' does not fit in 64 bits"});
    CHECK(said("ram 17179869184G") == Messages{"1:5 error: '17179869184G' does not fit in 64 bits"});
}

TEST_CASE("1.3 a leading zero is octal for bind-mode alone") {
    CHECK(*last_vdev("vdev virtio-net bind-mode 0640").get<std::uint64_t>("bind-mode") == 0640);
    CHECK(*last_vdev("vdev virtio-net bind-mode 600").get<std::uint64_t>("bind-mode") == 0600);
    CHECK(*last_vdev("vdev virtio-blk threads 010").get<std::uint64_t>("threads") == 10);
    CHECK(said("ram 1M vdev virtio-net bind-mode 0680") == Messages{"1:34 error: '0680' is not an access mode"});
}

TEST_CASE("1.3 ram 1m,1023 is a length of 1023 bytes") {
    CHECK(parse_memory("1m,1023")->length == 1023);
    CHECK(said("ram 1m,1023 cpu") ==
          Messages{"1:8 warning: the length 0x3ff is not a multiple of 4 KiB: it becomes 0x1000"});
    CHECK(first_hint("ram 1m,1023 cpu") == "did you mean '1023M'?");
}

TEST_CASE("1.3 there are no expressions") {
    CHECK(said("ram 1M+1M") == Messages{"1:5 error: '1M+1M' is not a size or an address"});
    CHECK(said("ram (1M)") == Messages{"1:5 error: '(1M)' is not a size or an address"});
}

TEST_CASE("1.3 a number that is no size has no suffix") {
    CHECK(said("ram 1M vdev hpet frequency 14M") == Messages{"1:28 error: '14M': a size suffix is not allowed here"});
    CHECK(first_hint("ram 1M vdev hpet frequency 14M") == "did you mean '14680064'?");
}
