// SPDX-License-Identifier: Apache-2.0
// /proc/iomem and /proc/ioports, as kernels write them.
#include "devices/platform/host_iomem.hpp"

#include <catch2/catch.hpp>

#include "support/fake_root.hpp"

namespace qvm::test {
namespace {

Range at(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

constexpr const char* kIomem =
    "00001000-0009ffff : System RAM\n"
    "000a0000-000bffff : PCI Bus 0000:00\n"
    "09010000-09010fff : pl031@9010000\n"
    "  09010000-09010fff : rtc-pl031 pl031@9010000\n"
    "09030000-09030fff : pl061@9030000\n"
    "40000000-bfffffff : System RAM\n"
    "  40210000-4177ffff : Kernel code\n";

constexpr const char* kIoports =
    "0000-0cf7 : PCI Bus 0000:00\n"
    "  0060-0060 : keyboard\n"
    "  0070-0077 : rtc0\n"
    "  0510-051b : QEMU0002:00\n"
    "  0600-067f : 0000:00:1f.0\n"
    "    0600-0603 : ACPI PM1a_EVT_BLK\n"
    "0cf8-0cff : PCI conf1\n"
    "0d00-ffff : PCI Bus 0000:00\n"
    "  0700-073f : 0000:00:1f.3\n";

}  // namespace

TEST_CASE("what the host's memory belongs to is told by the innermost name") {
    const FakeRoot root;
    root.write("proc/iomem", kIomem);
    const auto all = host_memory_map(root.path());
    CHECK(resource_at(all, at(0x901'0000, 0x1000)) == "rtc-pl031 pl031@9010000");
    CHECK(resource_at(all, at(0x903'0ffc, 4)) == "pl061@9030000");
    CHECK(resource_at(all, at(0x902'0000, 0x1000)).empty());
    CHECK(resource_at(all, at(0x901'0800, 0x1'8000)) == "rtc-pl031 pl031@9010000");
    CHECK(host_ram_in(all, at(0xb000'0000, 0x1000)) == at(0x4000'0000, 0x8000'0000));
    CHECK(host_ram_in(all, at(0, 0x1001)) == at(0x1000, 0x9'f000));
    CHECK_FALSE(host_ram_in(all, at(0x901'0000, 0x1000)));
}

TEST_CASE("what reaches into something else has a neighbour") {
    const FakeRoot root;
    root.write("proc/iomem",
               "10000000-3fffffff : PCI Bus 0000:00\n  10000000-1007ffff : 0000:00:01.0\n"
               "fe200000-fe2000ff : timer@fe200000\n  fe200000-fe2000ff : timer driver\n"
               "fe200100-fe2001ff : gpio@fe200100\n  fe200180-fe2001ff : half\n");
    const auto all = host_memory_map(root.path());
    const auto name = [&](std::uint64_t start, std::uint64_t size) {
        const HostResource* found = neighbour_in(all, at(start, size));
        return found != nullptr ? found->name : "";
    };
    CHECK(name(0xfe20'0000, 0x100).empty());
    CHECK(name(0xfe20'0000, 0x1000) == "half");
    CHECK(name(0xfe20'0040, 0x41).empty());
    CHECK(name(0xfe20'0040, 0x180) == "half");
    CHECK(name(0xfe20'0100, 0x100).empty());
    CHECK(name(0xfe20'0200, 0xe00).empty());
    CHECK(name(0xfe1f'f000, 0x2000) == "timer driver");
    CHECK(name(0x1000'0000, 0x8'0000).empty());
    CHECK(name(0x1000'0000, 0x10'0000).empty());
    CHECK(name(0x0fff'f000, 0x2000) == "0000:00:01.0");
    CHECK(name(0x2000'0000, 0x1000).empty());
}

TEST_CASE("a driver's ports are told from places on a bus") {
    const FakeRoot root;
    root.write("proc/ioports", kIoports);
    const auto all = host_port_map(root.path());
    CHECK(port_driver(all, at(0x60, 1)) == "keyboard");
    CHECK(port_driver(all, at(0x71, 1)) == "rtc0");
    CHECK(port_driver(all, at(0x600, 1)) == "ACPI PM1a_EVT_BLK");
    CHECK(port_driver(all, at(0xcf8, 4)) == "PCI conf1");
    CHECK(port_driver(all, at(0x510, 12)).empty());
    CHECK(port_driver(all, at(0x700, 0x40)).empty());
    CHECK(port_driver(all, at(0x505, 1)).empty());
}

TEST_CASE("addresses that the kernel hides, and lines that it never writes, name nothing") {
    const FakeRoot root;
    root.write("proc/iomem",
               "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n"
               "\n:\n : \nx-y : z\n10 : z\n20-10 : z\n0-ffffffffffffffff : z\n-1 : z\n1- : z\n123456789abcdef01-2 : z\n"
               "1000-1fff : good\n");
    const auto all = host_memory_map(root.path());
    REQUIRE(all.size() == 1);
    CHECK(all.front().name == "good");
    CHECK(host_memory_map(root.path() / "nowhere").empty());
}

}  // namespace qvm::test
