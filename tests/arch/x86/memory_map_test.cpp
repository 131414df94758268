// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/memory_map.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"
#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Type = E820Entry::Type;

TEST_CASE("one RAM line from 0 gives low RAM, the EBDA and high RAM, and no RAM in the legacy hole") {
    const std::vector memory{ram(0, 256 * kMiB)};
    CHECK(make_e820(memory, {}) == std::vector<E820Entry>{{0, 0x9fc00, Type::Ram},
                                                          {0x9fc00, 0x400, Type::Reserved},
                                                          {kMiB, 255 * kMiB, Type::Ram}});
}

TEST_CASE("the PC idiom of three lines gives ROM as reserved") {
    const std::vector memory{ram(0, 0xa0000), rom(0xc0000, 0x40000), ram(kMiB, 511 * kMiB)};
    CHECK(make_e820(memory, {}) == std::vector<E820Entry>{{0, 0x9fc00, Type::Ram},
                                                          {0x9fc00, 0x400, Type::Reserved},
                                                          {0xc0000, 0x40000, Type::Reserved},
                                                          {kMiB, 511 * kMiB, Type::Ram}});
}

TEST_CASE("ACPI tables cut their piece out of what they lie in") {
    SECTION("of ROM") {
        const std::vector memory{ram(0, 0xa0000), rom(0xc0000, 0x40000)};
        CHECK(make_e820(memory, Range::make(0xe0000, 0x2000)) ==
              std::vector<E820Entry>{{0, 0x9fc00, Type::Ram},
                                     {0x9fc00, 0x400, Type::Reserved},
                                     {0xc0000, 0x20000, Type::Reserved},
                                     {0xe0000, 0x2000, Type::Acpi},
                                     {0xe2000, 0x1e000, Type::Reserved}});
    }
    SECTION("of RAM") {
        const std::vector memory{ram(kMiB, 15 * kMiB)};
        CHECK(make_e820(memory, Range::make(16 * kMiB - 0x1000, 0x1000)) ==
              std::vector<E820Entry>{{kMiB, 15 * kMiB - 0x1000, Type::Ram}, {16 * kMiB - 0x1000, 0x1000, Type::Acpi}});
    }
    SECTION("of RAM in the legacy hole, which the guest is not told of otherwise") {
        const std::vector memory{ram(0, 2 * kMiB)};
        CHECK(make_e820(memory, Range::make(0xe0000, 0x1000)).at(2) == E820Entry{0xe0000, 0x1000, Type::Acpi});
    }
}

TEST_CASE("lines that touch are one stretch, in whatever order they come") {
    const std::vector memory{ram(4 * kGiB, kGiB), ram(2 * kMiB, kMiB), ram(kMiB, kMiB), ram(5 * kGiB, kGiB)};
    CHECK(usable_ram(memory) == std::vector{*Range::make(kMiB, 2 * kMiB), *Range::make(4 * kGiB, 2 * kGiB)});
    CHECK(make_e820(memory, {}).size() == 2);
}

TEST_CASE("declared memory has ROM and the legacy hole, usable RAM has neither") {
    const std::vector memory{ram(0, kMiB), rom(kMiB, kMiB)};
    CHECK(declared_memory(memory) == std::vector{*Range::make(0, 2 * kMiB)});
    CHECK(usable_ram(memory) == std::vector{*Range::make(0, kLowRamEnd)});
    CHECK(covers(declared_memory(memory), *Range::make(kMiB - 1, 2)));
    CHECK_FALSE(covers(declared_memory(memory), *Range::make(2 * kMiB - 1, 2)));
}

TEST_CASE("RAM in the chipset's addresses is an error that says how to split the line") {
    Diagnostics errors;
    VmConfig config;
    config.memory = {ram(0, 6 * kGiB)};
    check_memory(config, errors);
    REQUIRE(errors.all().size() == 1);
    CHECK(errors.all()[0].message ==
          "ram 0x0 to 0x17fffffff reaches into the chipset's addresses, 0xfec00000 to 0xffffffff");
    CHECK(errors.all()[0].hint == "split it: `ram 0,3G` and `ram 4G,3G`");
}

TEST_CASE("RAM that begins high is told to go above 4 GiB") {
    Diagnostics errors;
    VmConfig config;
    config.memory = {ram(0, kMiB), ram(0xf000'0000, 512 * kMiB)};
    check_memory(config, errors);
    REQUIRE(errors.all().size() == 1);
    CHECK(errors.all()[0].hint == "move it to 4 GiB: `ram 4G,512M`");
}

TEST_CASE("RAM up to the chipset and from 4 GiB on is good, and so is firmware ROM below 4 GiB") {
    Diagnostics errors;
    VmConfig config;
    config.memory = {ram(0, kChipset), rom(0xfffc'0000, 0x40000), ram(4 * kGiB, kGiB)};
    check_memory(config, errors);
    CHECK(errors.all().empty());
}

TEST_CASE("a VM without RAM is an error at its first load") {
    Diagnostics errors;
    VmConfig config;
    config.memory = {rom(kMiB, kMiB)};
    config.loads = {load(LoadSpec::Blob::Sniff, "vmlinuz", 7)};
    check_memory(config, errors);
    REQUIRE(errors.all().size() == 1);
    CHECK(errors.all()[0].message == "the VM has no RAM");
    CHECK(errors.all()[0].where.line == 7);
}
