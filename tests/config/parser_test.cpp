// SPDX-License-Identifier: Apache-2.0
// What a right configuration becomes; what is said of a wrong one is in messages_test.cpp.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

/// Fails, with the messages, if there is no configuration.
VmConfig good(std::string_view text) {
    const Outcome out = parse(text);
    INFO(out.rendered());
    REQUIRE(out.config);
    return *out.config;
}

Range range(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

std::vector<Range> memory(std::string_view text) {
    std::vector<Range> out;
    for (const MemorySpec& each : good(text).memory) out.push_back(each.range);
    return out;
}

}  // namespace

TEST_CASE("the smallest configuration is one line of memory and has one vCPU") {
    const VmConfig config = good("ram 512M");
    CHECK(config.memory.at(0).range == range(0, 512 * kMiB));
    CHECK(config.cpus.size() == 1);
    CHECK_FALSE(config.cpus.at(0).sched);
    CHECK(config.system.empty());
}

TEST_CASE("a whole Linux configuration in the vendor's style is read") {
    const Outcome out = parse(R"(system linux-x86
ram 0,0xa0000
reserve loc 0xa0000,0x20000  # VGA
rom 0xc0000,0x40000
ram 1m,1023m
cpu
    sched 10
cpu
    runmask 1,2
load /vm/images/bzImage
initrd load /vm/images/initrd
cmdline "console=ttyS0,115200 earlyprintk=serial
	root=/dev/vda rw \
quiet"
vdev ioapic
    loc 0xf8000000
    intr apic
    name myioapic
vdev ser8250
    intr myioapic:4
    hostdev >-   # console
    delayed forever
vdev mc146818
    reg 0x0b,0x02
    reg 0x0a,0x26
logger fatal,internal,error,warn,info stderr
)");
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.diagnostics.all().empty());
    const VmConfig& config = *out.config;
    CHECK(config.system == "linux-x86");
    CHECK(config.memory.size() == 3);
    CHECK(config.memory[1].rom);
    CHECK(config.memory[2].range == range(kMiB, 1023 * kMiB));
    CHECK(config.cpus.size() == 2);
    CHECK(config.loads.size() == 2);
    CHECK(config.loads[1].blob == LoadSpec::Blob::Initrd);
    CHECK(config.cmdline->text == "console=ttyS0,115200 earlyprintk=serial \troot=/dev/vda rw quiet");
    REQUIRE(config.vdevs.size() == 3);
    CHECK(config.vdevs[0].name() == "myioapic");
    CHECK(*config.vdevs[0].get<IntrSpec>("intr") == IntrSpec{"apic", std::nullopt});
    CHECK(config.vdevs[1].get<GuestLocation>("loc") == nullptr);
    CHECK_FALSE(config.vdevs[1].get<Delay>("delayed")->seconds);
    CHECK(config.vdevs[2].options.size() == 2);
    CHECK(config.loggers.at(0).destination == LogDestination::Stderr);
}

TEST_CASE("memory without a start follows the highest so far") {
    CHECK(memory("ram 0xa0000 rom 0xc0000,0x40000 ram 512M") ==
          std::vector{range(0, 0xa0000), range(0xc0000, 0x40000), range(kMiB, 512 * kMiB)});
}

TEST_CASE("memory without a start follows the highest, not the last") {
    CHECK(memory("ram 4G,1G ram 0,1M ram 1M").back() == range(5 * kGiB, kMiB));
}

TEST_CASE("start addresses have suffixes too") { CHECK(memory("ram 4096M,2048M").back() == range(4 * kGiB, 2 * kGiB)); }

TEST_CASE("memory may reach the last page of the address space") {
    CHECK(memory("ram 1M ram 0xfffffffffffff000,4K").back().last() == UINT64_MAX);
}

TEST_CASE("several vCPUs on one line are the same as on several lines") {
    for (const char* text : {"ram 1M cpu sched 8 cpu sched 6", "ram 1M\ncpu\nsched\n8\n\n  cpu sched\n6"}) {
        const VmConfig config = good(text);
        REQUIRE(config.cpus.size() == 2);
        CHECK(config.cpus[0].sched->priority == 8);
        CHECK(config.cpus[1].sched->priority == 6);
    }
}

TEST_CASE("ram does not close the context of a cpu") {
    const VmConfig config = good("cpu ram 32m sched 8");
    CHECK(config.cpus.at(0).sched->priority == 8);
    CHECK(config.memory.at(0).range == range(0, 32 * kMiB));
}

TEST_CASE("load, cmdline, logger, set and rom do not close the context of a vdev") {
    const VmConfig config = good(
        "ram 1M vdev ser8250 load k cmdline x logger error stderr set slog-buffer 4K rom 4K initrd load i hostdev -");
    CHECK(config.vdevs.at(0).get<HostDev>("hostdev")->kind == HostDev::Kind::Stdio);
}

TEST_CASE("cpu, vdev and reserve open a context of their own") {
    const VmConfig config =
        good("ram 1M vdev ser8250 sched 5 cpu sched 6 reserve loc 0x1000 vdev ser8250 loc io:0x2f8");
    CHECK(config.vdevs.at(0).get<SchedSpec>("sched")->priority == 5);
    CHECK(config.cpus.at(0).sched->priority == 6);
    CHECK(config.reserved.size() == 1);
    CHECK(config.vdevs.at(1).get<GuestLocation>("loc")->address == 0x2f8);
}

TEST_CASE("an option of the vdev goes before a global one of the same name") {
    const VmConfig config = good("ram 1M vdev dog data hello");
    CHECK(*config.vdevs.at(0).get<std::string>("data") == "hello");
}

TEST_CASE("an option's argument may be on the next line") {
    CHECK(good("ram\n1M vdev ser8250 intr\n  myioapic:4").vdevs.at(0).get<IntrSpec>("intr")->line == 4U);
}

TEST_CASE("an argument may be spelt like an option where it is text") {
    CHECK(good("ram 1M vdev ser8250 name cpu").vdevs.at(0).name() == "cpu");
    CHECK(good("ram 1M cmdline vdev").cmdline->text == "vdev");
}

TEST_CASE("every type of argument reaches its place") {
    const VmConfig config = good("ram 1M vdev dog action dump legacy window 2M log error,warning none log info slog");
    const VdevSpec& dog = config.vdevs.at(0);
    CHECK(*dog.get<std::string>("action") == "dump");
    CHECK(dog.has("legacy"));
    CHECK(*dog.get<std::uint64_t>("window") == 2 * kMiB);
    CHECK(dog.options.size() == 5);
    CHECK(dog.get<LogRule>("log")->destination == LogDestination::Slog);
}

TEST_CASE("an option given twice counts with its last value") {
    const VmConfig config = good("ram 1M vdev ser8250 intr a:1 sched 5 intr a:2");
    CHECK(config.vdevs.at(0).options.size() == 2);
    CHECK(config.vdevs.at(0).get<IntrSpec>("intr")->line == 2U);
}

TEST_CASE("a repeatable option counts each time, in order") {
    const VmConfig config = good("ram 1M vdev ser8250 hostdev <in hostdev >out");
    REQUIRE(config.vdevs.at(0).options.size() == 2);
    CHECK(std::get<HostDev>(config.vdevs[0].options[0].value).target == "in");
    CHECK(config.vdevs[0].get<HostDev>("hostdev")->target == "out");
}

TEST_CASE("the last sched and runmask of a cpu count") {
    const VmConfig config = good("ram 1M cpu sched 5 runmask 0 sched 7f runmask 1,2");
    CHECK(config.cpus.at(0).sched == SchedSpec{7, SchedSpec::Policy::Fifo});
    CHECK(config.cpus.at(0).runmask == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("the type of a vdev may be spelt as its file") {
    for (const char* type : {"ser8250", "vdev-ser8250", "vdev-ser8250.so", "vdev-ser8250-safety.so", "ser8250-safety",
                             "/proc/boot/vdev-ser8250.so", "./ser8250"}) {
        INFO(type);
        CHECK(good(std::string{"ram 1M vdev "} + type).vdevs.at(0).syntax == &kSerial);
    }
}

TEST_CASE("each loc and intr of a reserve is a reservation") {
    using Space = GuestLocation::Space;
    const VmConfig config = good("ram 1M reserve intr 39 loc pci:0:1 loc 0x1000,0x8 intr myioapic:3");
    REQUIRE(config.reserved.size() == 4);
    CHECK(std::get<IntrSpec>(config.reserved[0].what) == IntrSpec{"", 39});
    CHECK(std::get<GuestLocation>(config.reserved[1].what) == GuestLocation{Space::Pci, 8, std::nullopt});
    CHECK(std::get<GuestLocation>(config.reserved[2].what) == GuestLocation{Space::Default, 0x1000, 8});
}

TEST_CASE("a location may have a blank after io, as one guide writes it") {
    using Space = GuestLocation::Space;
    const VmConfig config = good("ram 1M reserve loc io 0xcf,0x8");
    CHECK(std::get<GuestLocation>(config.reserved.at(0).what) == GuestLocation{Space::Io, 0xcf, 8});
}

TEST_CASE("blob words say what a load brings") {
    using Blob = LoadSpec::Blob;
    const VmConfig config = good("ram 1M load a guest load b initrd load c fdt load d data load 0x1000,e acpi load f");
    std::vector<Blob> blobs;
    for (const LoadSpec& each : config.loads) blobs.push_back(each.blob);
    CHECK(blobs == std::vector{Blob::Sniff, Blob::Guest, Blob::Initrd, Blob::Fdt, Blob::Data, Blob::Acpi});
    CHECK(config.loads[4].address == 0x1000);
}

TEST_CASE("values know where they stand") {
    const VmConfig config = good("ram 1M\nvdev ser8250\n  intr a:1\nload k");
    CHECK(config.vdevs[0].where.line == 2);
    CHECK(config.vdevs[0].where.column == 6);
    CHECK(config.vdevs[0].find("intr")->where.line == 3);
    CHECK(config.vdevs[0].find("intr")->where.column == 8);
    CHECK(config.loads[0].where.column == 6);
}

TEST_CASE("the last cmdline counts, with a warning") {
    const Outcome out = parse("ram 1M\ncmdline a\ncmdline b");
    CHECK(out.config->cmdline->text == "b");
    CHECK(out.messages() ==
          Messages{"3:1 warning: 'cmdline' again: the last one counts", "2:9 note: this one has no effect"});
}

TEST_CASE("each bare newline in a command line becomes one blank") {
    CHECK(good("ram 1M cmdline \"a\n\nb\r\nc\"").cmdline->text == "a  b c");
}

TEST_CASE("unknown variables and those without effect are kept, with a warning, and the last value counts") {
    const Outcome out = parse("ram 1M\nset made-up 7\nset legacy-free off\nset slog-bufer 4K\nset legacy-free on");
    REQUIRE(out.config);
    CHECK(out.config->variables.size() == 3);
    CHECK(out.config->variables[1].value == "on");
    CHECK(out.config->variables[0].name == "made-up");
    CHECK(out.config->variables[0].value == "7");
    CHECK(out.messages() == Messages{"2:5 warning: unknown variable 'made-up' has no effect",
                                     "3:5 warning: 'legacy-free' has no effect: this version does not have it yet",
                                     "4:5 warning: unknown variable 'slog-bufer' has no effect"});
    CHECK(out.diagnostics.all()[2].hint == "did you mean 'slog-buffer'?");
}

TEST_CASE("an option without effect gives one warning with its reason") {
    const Outcome out = parse("ram 1M\nvdev ser8250 batch 10\nvdev ser8250 batch 20");
    REQUIRE(out.config);
    CHECK(out.messages() == Messages{"2:14 warning: 'batch' has no effect: output is never held back"});
}

TEST_CASE("elements of the command line are words and files") {
    const std::string path = "/tmp/qvm-config-test-" + std::to_string(::getpid()) + ".qvmconf";
    std::ofstream{path} << "ram 1M\nvdev ser8250\n";
    const Outcome out = parse_argv({"system", "a", "@" + path, "cmdline", "a b # c", "cpu"});
    std::remove(path.c_str());
    INFO(out.rendered());
    REQUIRE(out.config);
    CHECK(out.config->cmdline->text == "a b # c");
    CHECK(out.config->vdevs.size() == 1);
    CHECK(out.sources.name(out.config->vdevs[0].where.source) == path);
    CHECK(out.sources.name(out.config->cmdline->where.source) == "command line");
    CHECK(out.config->cmdline->where.line == 5);
}

TEST_CASE("a context goes on in the next source, with a warning") {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics};
    reader.add_text("a", "ram 1M vdev ser8250\n");
    reader.add_text("b", "name x cpu\n");
    reader.add_text("c", "logger error stderr sched 7");
    out.config = reader.finish(kGrammar);
    REQUIRE(out.config);
    CHECK(out.config->vdevs[0].name() == "x");
    CHECK(out.config->cpus[0].sched->priority == 7);
    CHECK(out.messages() ==
          Messages{"1:1 warning: 'name' continues what another source began", "1:8 note: it belongs to this"});
}

TEST_CASE("ten thousand vdevs are read") {
    std::string text = "ram 1M\n";
    for (int i = 0; i < 10000; ++i)
        text += "vdev ser8250 intr pic:" + std::to_string(i) + " name s" + std::to_string(i) + "\n";
    CHECK(good(text).vdevs.size() == 10000);
}
