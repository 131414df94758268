// SPDX-License-Identifier: Apache-2.0
// Sections 2.8 to 2.17 of the qvmconf specification, and 8.1: the languages that are none.
#include "config/spec_support.hpp"
#include "config/variables.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

TEST_CASE("2.8 logger has a set of severities and one destination") {
    const VmConfig config = sound(
        "ram 1M logger fatal,internal,error,warn,info,debug,verbose stderr logger error stdout logger info slog "
        "logger debug none");
    REQUIRE(config.loggers.size() == 4);
    CHECK(config.loggers[0].severities.size() == kSeverityCount);
    CHECK(config.loggers[1] == LogRule{{Severity::Error}, LogDestination::Stdout});
    CHECK(config.loggers[2] == LogRule{{Severity::Info}, LogDestination::Slog});
    CHECK(config.loggers[3] == LogRule{{Severity::Debug}, LogDestination::None});
}

TEST_CASE("2.8 what is no severity and no destination is refused where it stands") {
    CHECK(said("ram 1M logger error,notice stderr") == Messages{"1:21 error: unknown severity 'notice'"});
    CHECK(said("ram 1M logger error /var/log/x") == Messages{"1:21 error: unknown log destination '/var/log/x'"});
}

TEST_CASE("2.8 severities are a set and not a level") {
    CHECK(sound("ram 1M logger verbose stderr").loggers.at(0).severities == std::vector{Severity::Verbose});
}

TEST_CASE("2.8 without a logger there is no rule, so that the default holds") {
    CHECK(sound("ram 1M").loggers.empty());
    const Log log{"", {}};
    CHECK(log.wants(Severity::Info));
    CHECK_FALSE(log.wants(Severity::Debug));
}

TEST_CASE("2.9 dump takes a directory or a command, the last one counts") {
    CHECK(sound("ram 1M dump /var/dumps").dump == DumpSpec{false, "/var/dumps", {}});
    CHECK(sound("ram 1M dump \"|gzip >d.gz\"").dump == DumpSpec{true, "gzip >d.gz", {}});
    CHECK(sound("ram 1M dump a dump b").dump->target == "b");
    CHECK(said("ram 1M dump |") == Messages{"1:13 error: a command is missing after '|'"});
}

TEST_CASE("2.10 unsupported pairs each of three types with one of three actions") {
    using Type = UnsupportedSpec::Type;
    using Action = UnsupportedSpec::Action;
    const VmConfig config =
        sound("ram 1M unsupported instruction abort unsupported reference fail unsupported register ignore");
    REQUIRE(config.unsupported.size() == 3);
    CHECK(config.unsupported[0] == UnsupportedSpec{Type::Instruction, Action::Abort, {}});
    CHECK(config.unsupported[1] == UnsupportedSpec{Type::Reference, Action::Fail, {}});
    CHECK(config.unsupported[2] == UnsupportedSpec{Type::Register, Action::Ignore, {}});
    CHECK(said("ram 1M unsupported abort reference").at(0) ==
          "1:20 error: unknown type 'abort' of what is unsupported");
}

TEST_CASE("2.11 debug has no argument, and a vdev's variable of that name is something else") {
    const VmConfig config = sound("ram 1M debug vdev pl011 set debug off");
    CHECK(config.debug);
    CHECK(config.vdevs.at(0).variables.at(0).value == "off");
}

TEST_CASE("2.12 safety none is quiet, warn warns once, required is an error: nothing here is certified") {
    CHECK(said("ram 1M safety none").empty());
    CHECK(said("ram 1M safety warn safety warn") ==
          Messages{"1:15 warning: no part of this program is certified for safety"});
    CHECK(said("ram 1M safety required") == Messages{"1:15 error: no part of this program is certified for safety"});
    CHECK(said("ram 1M safety on") == Messages{"1:15 error: 'on' is not a choice of 'safety'"});
}

TEST_CASE("2.13 dryrun is a word without an argument") {
    CHECK(sound("ram 1M dryrun cpu").dryrun);
    CHECK_FALSE(sound("ram 1M").dryrun);
}

TEST_CASE("2.14 every variable of the specification is known with its type and context") {
    const auto is = [](std::string_view name, VariableType type, VariableContext context) {
        CAPTURE(name);
        const VariableSpec* const found = find_variable(name);
        REQUIRE(found != nullptr);
        CHECK(found->type == type);
        CHECK(found->context == context);
    };
    for (const char* name : {"grow-heap", "slog-buffer", "host-paddr-gicd", "host-paddr-gich", "host-paddr-gicv"})
        is(name, VariableType::Address, VariableContext::Global);
    for (const char* name : {"exit-on-halt", "gic-hwassist", "legacy-free", "posted-interrupts", "virtual-interrupts"})
        is(name, VariableType::Boolean, VariableContext::Global);
    is("counter-offset", VariableType::Number, VariableContext::Global);
    is("message-block-timeout", VariableType::Number, VariableContext::Global);
    is("fdt-dump-file", VariableType::String, VariableContext::Global);
    is("pointer-authentication", VariableType::Tristate, VariableContext::Global);
    is("debug", VariableType::Boolean, VariableContext::Vdev);
    is("vdev-message-block-timeout", VariableType::Number, VariableContext::Vdev);
}

TEST_CASE("2.14 a boolean is on or off in four spellings") {
    for (const char* value : {"on", "off", "1", "0", "yes", "no", "true", "false"})
        CHECK(sound("ram 1M set exit-on-halt " + std::string{value}).variables.at(0).value == value);
    CHECK(said("ram 1M set exit-on-halt auto") == Messages{"1:25 error: 'auto' is not a value of 'exit-on-halt'"});
}

TEST_CASE("2.14 a tristate may be auto, too") {
    CHECK(sound("ram 1M set pointer-authentication auto").variables.at(0).value == "auto");
    CHECK(sound("ram 1M set pointer-authentication off").variables.at(0).value == "off");
    CHECK(said("ram 1M set pointer-authentication maybe").size() == 1);
}

TEST_CASE("2.14 numbers, addresses and strings") {
    const VmConfig config = sound(
        "ram 1M set message-block-timeout 5000 set grow-heap 512K set fdt-dump-file \"/tmp/a b.dtb\" set "
        "host-paddr-gicd 0x2f000000");
    CHECK(config.variables.size() == 4);
    CHECK(config.variables[2].value == "/tmp/a b.dtb");
    CHECK(said("ram 1M set message-block-timeout 5s") == Messages{"1:34 error: '5s' is not a number"});
    CHECK(said("ram 1M set grow-heap much") == Messages{"1:22 error: 'much' is not a size or an address"});
}

TEST_CASE("2.14 the last value of a variable counts") {
    const VmConfig config = sound("ram 1M set exit-on-halt off set exit-on-halt on");
    REQUIRE(config.variables.size() == 1);
    CHECK(config.variables[0].value == "on");
}

TEST_CASE("2.14 an unknown variable is a warning, and an error only for the strict") {
    CHECK(said("ram 1M set exit-on-hlt off") == Messages{"1:12 warning: unknown variable 'exit-on-hlt' has no effect"});
    Sources sources;
    Diagnostics diagnostics;
    diagnostics.be_strict();
    ConfigReader reader{sources, diagnostics, kHost};
    reader.add_text("vm.qvmconf", "ram 1M set exit-on-hlt off");
    CHECK_FALSE(reader.finish(catalog()));
}

TEST_CASE("2.14 set ? is a question, and it knows the vdev before it") {
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics, kHost};
    reader.add_argv(std::vector<std::string>{"vdev", "pl011", "set", "?"});
    const auto question = reader.question();
    REQUIRE(question);
    CHECK(question->about == ConfigReader::Question::About::Variables);
    CHECK(question->vdev == "pl011");
}

TEST_CASE("2.15 user has a user and groups, by number or name") {
    CHECK(sound("ram 1M user 1000").user == UserSpec{"1000", {}, {}});
    CHECK(sound("ram 1M user qvm:kvm,disk").user == UserSpec{"qvm", {"kvm", "disk"}, {}});
    CHECK(said("ram 1M user 1:2:3").size() == 1);
}

TEST_CASE("2.16 a type may be spelt as the file that has it") {
    for (const char* spelling : {"pl011", "vdev-pl011", "vdev-pl011.so", "pl011.so", "vdev-pl011-safety.so",
                                 "pl011-safety", "/proc/boot/vdev-pl011.so", "./vdev-pl011"}) {
        CAPTURE(spelling);
        CHECK(last_vdev("vdev " + std::string{spelling}).syntax->type == "pl011");
    }
    CHECK(last_vdev("vdev vdev-wdt-sp805-safety.so").syntax->type == "wdt-sp805");
}

TEST_CASE("2.16 the type is mandatory") {
    CHECK(said("ram 1M vdev") == Messages{"1:8 error: 'vdev' has no argument"});
    CHECK(said("ram 1M vdev cpu") == Messages{"1:8 error: 'vdev' has no argument: 'cpu' after it is an option"});
}

TEST_CASE("2.16 an unknown type is an error, and left out if that is wanted") {
    const std::string text = "ram 1M\nvdev vendor-isp regs 0x1000 name isp lanes 4\ncpu sched 8";
    CHECK(said(text) == Messages{"2:6 error: unknown vdev type 'vendor-isp'"});
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("vm.qvmconf", text);
    out.config = reader.read(catalog(), {.skip_unknown_vdevs = true});
    CHECK(out.messages() == Messages{"2:6 warning: unknown vdev type 'vendor-isp': it is left out"});
    CHECK(out.config->vdevs.empty());
    CHECK(out.config->cpus.at(0).sched->priority == 8);
}

TEST_CASE("2.16 a type may have a colon, the name of an interrupt controller may not") {
    CHECK(said("ram 1M vdev a:b") == Messages{"1:13 error: unknown vdev type 'a:b'"});
    CHECK(said("ram 1M vdev ioapic name my:chip") ==
          Messages{"1:25 error: the name of an interrupt controller has no colon"});
    CHECK(sound("ram 1M vdev pl011 name a:b").vdevs.at(0).name() == "a:b");
}

TEST_CASE("2.16 options may follow on the line of the type") {
    CHECK(*last_vdev("vdev gic version 2").get<std::string>("version") == "2");
    CHECK(*last_vdev("vdev pci-dummy clone pci:0:31.0").get<GuestLocation>("clone") ==
          GuestLocation{GuestLocation::Space::Pci, 31U << 3});
}

TEST_CASE("2.16 the GIC and the local APIC are there without being named") {
    CHECK(judged("ram 1M vdev wdt-sp805 loc 0x1c0f0000 intr gic:32").empty());
    CHECK(judged("ram 1M vdev ioapic loc 0xf8000000 intr apic name chip").empty());
}

TEST_CASE("2.17 words for which no guide has a place are no options at the top") {
    for (const char* word : {"allow", "generate", "smmu", "sched", "runmask"}) {
        CAPTURE(word);
        CHECK_THAT(said("ram 1M\n" + std::string{word} + " 5").at(0), Contains("2:1 error: "));
    }
    CHECK(said("ram 1M\nfdt x") == Messages{"2:1 error: 'fdt' must be followed by 'load' or 'pass'"});
    CHECK(said("ram 1M\nacpi x") == Messages{"2:1 error: 'acpi' must be followed by 'load' or 'pass'"});
}

TEST_CASE("8.1 made-up spellings are refused, each at its place") {
    struct Case {
        const char* text;
        const char* message;
    };
    for (const Case& each : {
             Case{"system name=box ram 1M", "1:12 error: 'name=box' cannot be the name of a VM"},
             Case{"ram addr=4K,size=1M", "1:5 error: 'addr=4K' is not a size or an address"},
             Case{"ram 1M cpu cluster=1,cores=4", "1:12 error: unknown option 'cluster=1,cores=4'"},
             Case{"ram 1M cpu 4", "1:12 error: unknown option '4'"},
             Case{"ram 1M pass addr=4K,host=8K,size=4K", "1:13 error: unknown option 'addr=4K,host=8K,size=4K'"},
             Case{"ram 1M pass loc 0x4000000,guestloc", "1:27 error: unknown attribute 'g'"},
             Case{"ram 1M pass interrupt=9", "1:13 error: unknown option 'interrupt=9'"},
             Case{"ram 1M vdev generic_timer", "1:13 error: unknown vdev type 'generic_timer'"},
             Case{"ram 1M vdev gicd", "1:13 error: unknown vdev type 'gicd'"},
             Case{"ram 1M vdev gicr loc 0x1000", "1:13 error: unknown vdev type 'gicr'"},
             Case{"ram 1M vdev virtio-blk file=disk.img", "1:24 error: unknown option 'file=disk.img'"},
             Case{"ram 1M vdev pl011 loc addr=0x1000", "1:23 error: 'addr=0x1000' is not a size or an address"},
             Case{"ram 1M vdev wdt-sp805 action=dump", "1:23 error: unknown option 'action=dump'"},
         }) {
        CAPTURE(each.text);
        const Messages messages = said(each.text);
        REQUIRE_FALSE(messages.empty());
        CHECK(messages.front() == each.message);
    }
    // A path may look like anything, so that only the missing file shows it.
    CHECK_THAT(judged("ram 1M vdev pl011 load addr=4K,file=x").at(0),
               Contains("1:24 error: ") && Contains("'addr=4K,file=x'"));
}
