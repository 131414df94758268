// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <catch2/catch.hpp>

#include "config/variables.hpp"

using namespace qvm;

TEST_CASE("numbers are decimal, 0x hexadecimal or 0d decimal") {
    CHECK(*parse_number("1234") == 1234);
    CHECK(*parse_number("0x1f") == 0x1f);
    CHECK(*parse_number("0XAb") == 0xab);
    CHECK(*parse_number("0d16384") == 16384);
    CHECK(*parse_number("0600") == 600);
    CHECK(*parse_number("0") == 0);
}

TEST_CASE("numbers reach to the last of 64 bits and not beyond") {
    CHECK(*parse_number("0xffffffffffffffff") == UINT64_MAX);
    CHECK(*parse_number("18446744073709551615") == UINT64_MAX);
    CHECK(parse_number("18446744073709551616").error().message == "'18446744073709551616' does not fit in 64 bits");
    CHECK_FALSE(parse_number("0x10000000000000000"));
}

TEST_CASE("what is not a number is refused") {
    for (const char* text : {"", "x", "0x", "0d", "1x", "-1", "+1", " 1", "1 ", "1.5", "0x-1", "1,2", "0x0x1"}) {
        INFO(text);
        CHECK_FALSE(parse_number(text));
        CHECK_FALSE(parse_size(text));
    }
}

TEST_CASE("sizes and addresses have suffixes in either case") {
    CHECK(*parse_size("4K") == 4096);
    CHECK(*parse_size("512m") == 512 * kMiB);
    CHECK(*parse_size("4G") == 4 * kGiB);
    CHECK(*parse_size("1t") == 1024 * kGiB);
    CHECK(*parse_size("0x10k") == 16 * kKiB);
    CHECK(*parse_size("0d2M") == 2 * kMiB);
    CHECK(*parse_size("4096") == 4096);
}

TEST_CASE("a suffix that leads beyond 64 bits is an error") {
    CHECK(*parse_size("16777215T") == 0xffffff0000000000);
    CHECK(parse_size("16777216T").error().message == "'16777216T' does not fit in 64 bits");
    CHECK(parse_size("0xffffffffffffffffK").error().message == "'0xffffffffffffffffK' does not fit in 64 bits");
}

TEST_CASE("sizes as they are written elsewhere get a hint") {
    CHECK(parse_size("512MB").error().hint == "did you mean '512M'?");
    CHECK(parse_size("512MiB").error().hint == "did you mean '512M'?");
    CHECK(parse_number("4K").error().hint == "did you mean '4096'?");
}

TEST_CASE("a location is in memory, in ports or where the vdev decides") {
    using Space = GuestLocation::Space;
    CHECK(*parse_location("0x3f8") == GuestLocation{Space::Default, 0x3f8, std::nullopt});
    CHECK(*parse_location("mem:0x1000,0x8") == GuestLocation{Space::Memory, 0x1000, 8});
    CHECK(*parse_location("io:0xcf,1") == GuestLocation{Space::Io, 0xcf, 1});
    CHECK(*parse_location("4096M,2G") == GuestLocation{Space::Default, 4 * kGiB, 2 * kGiB});
}

TEST_CASE("a PCI location is a bus, a device and perhaps a function") {
    using Space = GuestLocation::Space;
    CHECK(*parse_location("pci:0:1") == GuestLocation{Space::Pci, 8, std::nullopt});
    CHECK(*parse_location("pci:0:31.7") == GuestLocation{Space::Pci, 0xff, std::nullopt});
    CHECK(*parse_location("pci:255:0x1f.0") == GuestLocation{Space::Pci, 0xfff8, std::nullopt});
}

TEST_CASE("the error of a location says which part is wrong") {
    const auto at = [](const char* text) {
        const ValueError error = parse_location(text).error();
        return std::pair{error.offset, error.length};
    };
    CHECK(at("mem:zz,8") == std::pair<std::size_t, std::size_t>{4, 2});
    CHECK(at("0x1000,rwn") == std::pair<std::size_t, std::size_t>{7, 3});
    CHECK(at("men:0x1000") == std::pair<std::size_t, std::size_t>{0, 3});
    CHECK(at("pci:0:32.1") == std::pair<std::size_t, std::size_t>{6, 2});
    CHECK(at("pci:0:3.8") == std::pair<std::size_t, std::size_t>{8, 1});
    CHECK(parse_location("men:0x1000").error().hint == "did you mean 'mem'?");
}

TEST_CASE("impossible locations are refused") {
    for (const char* text : {"", "mem:", "io:0x10000", "io:0xffff,2", "0x1000,0", "0xffffffffffffffff,2", "1,2,3",
                             "pci:0", "pci:0:1:2", "pci:256:0", "pci:0:1.2.3", "pci:", "pci:0:"}) {
        INFO(text);
        CHECK_FALSE(parse_location(text));
    }
    CHECK(parse_location("io:0xffff,1"));
    CHECK(parse_location("0xffffffffffffffff,1"));
}

TEST_CASE("a PCI location may say what the device is in place of where it is") {
    const auto location = parse_location("pci:0x8086/0x1234");
    REQUIRE(location);
    CHECK(location->space == GuestLocation::Space::Pci);
    CHECK(location->pci_id == PciId{0x8086, 0x1234});
    for (const char* text : {"pci:0x10000/1", "pci:1/0x10000", "pci:/1", "pci:1/", "pci:1/2/3", "pci:x/1"}) {
        INFO(text);
        CHECK_FALSE(parse_location(text));
    }
}

TEST_CASE("an interrupt is a controller and a line, or a controller alone") {
    CHECK(*parse_intr("myioapic:4") == IntrSpec{"myioapic", 4});
    CHECK(*parse_intr("gic:0x25") == IntrSpec{"gic", 37});
    CHECK(*parse_intr("apic") == IntrSpec{"apic", std::nullopt});
    CHECK(*parse_intr("39") == IntrSpec{"", 39});
}

TEST_CASE("half an interrupt is refused") {
    for (const char* text : {"", ":4", "a:", "a:b", "a:b:4", "a:4294967296", "4294967296", "a:1K"}) {
        INFO(text);
        CHECK_FALSE(parse_intr(text));
    }
    CHECK(parse_intr("a:4294967295"));
}

TEST_CASE("hostdev names a path, the terminal or a command, with a direction") {
    using D = HostDev::Direction;
    using K = HostDev::Kind;
    CHECK(*parse_hostdev("/dev/ttyS0") == HostDev{D::Both, K::Path, "/dev/ttyS0"});
    CHECK(*parse_hostdev("<disk.img") == HostDev{D::Input, K::Path, "disk.img"});
    CHECK(*parse_hostdev(">log") == HostDev{D::Output, K::Path, "log"});
    CHECK(*parse_hostdev("-") == HostDev{D::Both, K::Stdio, ""});
    CHECK(*parse_hostdev(">-") == HostDev{D::Output, K::Stdio, ""});
    CHECK(*parse_hostdev("<-") == HostDev{D::Input, K::Stdio, ""});
    CHECK(*parse_hostdev(">|cat -n") == HostDev{D::Output, K::Command, "cat -n"});
    CHECK(*parse_hostdev("|socat - x") == HostDev{D::Both, K::Command, "socat - x"});
    CHECK(*parse_hostdev("-x") == HostDev{D::Both, K::Path, "-x"});
}

TEST_CASE("a hostdev without a target is refused") {
    for (const char* text : {"", "<", ">", "|", ">|", ">| "}) {
        INFO(text);
        CHECK_FALSE(parse_hostdev(text));
    }
}

TEST_CASE("a priority may have a letter for its policy") {
    using P = SchedSpec::Policy;
    CHECK(*parse_sched("10") == SchedSpec{10, P::RoundRobin});
    CHECK(*parse_sched("20r") == SchedSpec{20, P::RoundRobin});
    CHECK(*parse_sched("50f") == SchedSpec{50, P::Fifo});
    CHECK(*parse_sched("255o") == SchedSpec{255, P::Other});
}

TEST_CASE("priorities outside 1 to 255 and unknown policies are refused") {
    for (const char* text : {"", "0", "256", "f", "10x", "10ff", "-1", "0x10", "99999999999999999999"}) {
        INFO(text);
        CHECK_FALSE(parse_sched(text));
    }
}

TEST_CASE("spec 2.3: the sporadic form has two priorities, a count, a period and a budget") {
    const SchedSpec expected{20, SchedSpec::Policy::Sporadic, Sporadic{10, 5, 100, 30}};
    CHECK(*parse_sched("20,10,5,100,30s") == expected);
    CHECK(*parse_sched("20,10,5,100,30") == expected);
    CHECK_FALSE(parse_sched("20")->sporadic);
}

TEST_CASE("a wrong sporadic form is refused where it goes wrong") {
    const auto fault = [](const char* text) {
        const ValueError error = parse_sched(text).error();
        return std::to_string(error.offset) + " " + error.message;
    };
    CHECK(fault("20,10,5,100") == "0 4 numbers where the sporadic form has 5");
    CHECK(fault("20,10,5,100,30,1s") == "0 6 numbers where the sporadic form has 5");
    CHECK(fault("0,10,5,100,30s") == "0 '0' is not a priority");
    CHECK(fault("20,256,5,100,30s") == "3 '256' is not a priority");
    CHECK(fault("20f,10,5,100,30s") == "0 '20f' is not a priority");
    CHECK(fault("20,21,5,100,30s") == "3 the low priority is above the high one");
    CHECK(fault("20,10,0,100,30s") == "6 this must be at least 1");
    CHECK(fault("20,10,5,x,30s") == "8 'x' is not a number");
    CHECK(fault("20,10,5,100,101s") == "12 the budget is longer than the period");
}

TEST_CASE("a delay is a number of seconds or forever") {
    CHECK(*parse_delay("0") == Delay{0});
    CHECK(*parse_delay("30") == Delay{30});
    CHECK(*parse_delay("forever") == Delay{});
    CHECK_FALSE(parse_delay("ever"));
}

TEST_CASE("a pair is two numbers with a comma") {
    CHECK(*parse_pair("0x0b,0x02") == NumberPair{0x0b, 0x02});
    for (const char* text : {"", "1", "1,", ",1", "1,2,3", "a,b"}) {
        INFO(text);
        CHECK_FALSE(parse_pair(text));
    }
}

TEST_CASE("a runmask is a list of CPUs, not a mask") {
    CHECK(*parse_runmask("0") == std::vector<std::uint32_t>{0});
    CHECK(*parse_runmask("3,1,3") == std::vector<std::uint32_t>{3, 1});
    CHECK(parse_runmask("0-3").error().hint == "ranges are not part of the language; name each CPU: 0,1,2,3");
    CHECK(parse_runmask("0,x").error().offset == 2);
    CHECK_FALSE(parse_runmask(""));
    CHECK_FALSE(parse_runmask("0,"));
    CHECK_FALSE(parse_runmask("65536"));
}

TEST_CASE("severities are a set, and warning is another word for warn") {
    CHECK(*parse_severities("fatal,internal,error,warn,info,debug,verbose") ==
          std::vector<Severity>{Severity::Fatal, Severity::Internal, Severity::Error, Severity::Warn, Severity::Info,
                                Severity::Debug, Severity::Verbose});
    CHECK(*parse_severities("warning,warn") == std::vector<Severity>{Severity::Warn});
    CHECK(parse_severities("error,wran").error().hint == "did you mean 'warn'?");
    CHECK(parse_severities("error,wran").error().offset == 6);
    CHECK_FALSE(parse_severities(""));
}

TEST_CASE("messages go to stdout, stderr, slog or nowhere") {
    CHECK(*parse_destination("stdout") == LogDestination::Stdout);
    CHECK(*parse_destination("stderr") == LogDestination::Stderr);
    CHECK(*parse_destination("slog") == LogDestination::Slog);
    CHECK(*parse_destination("none") == LogDestination::None);
    CHECK(parse_destination("file").error().hint == "one of: stdout, stderr, slog, none");
}

TEST_CASE("a load has an address only if a number stands before the first comma") {
    CHECK(parse_load("0x100000,kernel")->address == 0x100000);
    CHECK(parse_load("1M,kernel")->address == kMiB);
    CHECK(parse_load("1M,kernel")->path == "kernel");
    CHECK_FALSE(parse_load("a,b")->address);
    CHECK(parse_load("a,b")->path == "a,b");
    CHECK(parse_load("1,2,3")->path == "2,3");
    CHECK(parse_load("12")->path == "12");
}

TEST_CASE("a load without a path, or with an address beyond 64 bits, is refused") {
    CHECK_FALSE(parse_load(""));
    CHECK_FALSE(parse_load("0x1000,"));
    CHECK(parse_load("0x1ffffffffffffffff,k").error().length == 19);
}

TEST_CASE("memory is a length with an optional start") {
    CHECK_FALSE(parse_memory("512M")->start);
    CHECK(parse_memory("512M")->length == 512 * kMiB);
    CHECK(parse_memory("0x80000000,512M")->start == 0x80000000);
    CHECK(parse_memory("1m,1023")->length == 1023);
    CHECK_FALSE(parse_memory("1,2,3"));
    CHECK_FALSE(parse_memory("0x1000,"));
    CHECK(parse_memory("0x1000,zz").error().offset == 7);
}

TEST_CASE("the name of a VM can be that of a directory") {
    CHECK(*parse_system_name("linux-1_a.b") == "linux-1_a.b");
    CHECK(parse_system_name(std::string(63, 'a')));
    for (const std::string& text : {std::string{}, std::string{"."}, std::string{".."}, std::string{"a/b"},
                                    std::string{"a b"}, std::string{"\xc3\xa4"}, std::string(64, 'a')}) {
        INFO(text);
        CHECK_FALSE(parse_system_name(text));
    }
}

TEST_CASE("variables are checked by their type") {
    const auto fits = [](VariableType type, std::string_view value) {
        return bool{check_variable({"x", type, ""}, value)};
    };
    for (const char* word : {"on", "off", "1", "0", "yes", "no", "true", "false"}) {
        CHECK(fits(VariableType::Boolean, word));
        CHECK(fits(VariableType::Tristate, word));
    }
    CHECK(fits(VariableType::Tristate, "auto"));
    CHECK_FALSE(fits(VariableType::Boolean, "auto"));
    CHECK(fits(VariableType::Number, "0xffffffffffffffff"));
    CHECK_FALSE(fits(VariableType::Number, "4K"));
    CHECK(fits(VariableType::Address, "4K"));
    CHECK(fits(VariableType::String, "any thing"));
}
