// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/pvh.hpp"

#include <catch2/catch.hpp>

#include "arch/little_endian.hpp"
#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;

TEST_CASE("start_info tells of command line, RSDP, the initrd as a module, and the memory map") {
    const auto page = make_start_info({.cmdline = kCmdline,
                                       .initrd = Range::make(0x800'0000, 123),
                                       .rsdp = 0xe0000,
                                       .e820 = {{0, 4096, E820Entry::Type::Ram}, {8192, 1, E820Entry::Type::Reserved}}},
                                      kStartInfo);
    const auto info = get<HvmStartInfo>(page, 0).value();
    CHECK(info.magic == 0x336ec578);
    CHECK(info.version == 1);
    CHECK(info.flags == 0);
    CHECK(info.cmdline_paddr == kCmdline);
    CHECK(info.rsdp_paddr == 0xe0000);

    REQUIRE(info.nr_modules == 1);
    const auto module = get<HvmModlistEntry>(page, info.modlist_paddr - kStartInfo).value();
    CHECK(module.paddr == 0x800'0000);
    CHECK(module.size == 123);

    REQUIRE(info.memmap_entries == 2);
    const auto row = get<HvmMemmapEntry>(page, info.memmap_paddr - kStartInfo + sizeof(HvmMemmapEntry)).value();
    CHECK(row.addr == 8192);
    CHECK(row.size == 1);
    CHECK(row.type == 2);
}

TEST_CASE("without an initrd there is no module, and the largest map fits") {
    const auto page = make_start_info({.initrd = {}, .e820 = std::vector<E820Entry>(kE820Max)}, kStartInfo);
    const auto info = get<HvmStartInfo>(page, 0).value();
    CHECK(info.nr_modules == 0);
    CHECK(info.modlist_paddr == 0);
    CHECK(page.size() == kPage);
}
