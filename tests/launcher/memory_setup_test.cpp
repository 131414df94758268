// SPDX-License-Identifier: Apache-2.0
#include "launcher/memory_setup.hpp"

#include <catch2/catch.hpp>

#include "config/passed_memory.hpp"
#include "config/reader.hpp"
#include "launcher/launcher.hpp"
#include "launcher/passed_ram_check.hpp"
#include "support/fake_devmem.hpp"
#include "support/fake_uio.hpp"
#include "vmm/error.hpp"

using namespace qvm;

namespace {

MemorySpec line(bool rom, std::uint64_t start, std::uint64_t size) {
    return {rom, Range::make(start, size).value(), Location{}};
}

std::string check(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics};
    reader.add_text("t", text);
    auto config = reader.read(make_catalog());
    if (config) take_passed_memory(*config, diagnostics);
    if (config) check_memory(*config, diagnostics);
    if (config) check_passed_ram(*config, diagnostics);
    return diagnostics.render(sources);
}

/// Memory as a text has it, some of it the host's: 16 KiB at 64 KiB, full of one letter.
struct Made {
    explicit Made(const std::string& text) {
        host.put(64 * kKiB, std::vector<std::byte>(16 * kKiB, std::byte{'h'}));
        ConfigReader reader{sources, diagnostics};
        reader.add_text("t", text);
        config = reader.read(catalog);
        REQUIRE(config);
        take_passed_memory(*config, diagnostics);
        INFO(diagnostics.render(sources));
        REQUIRE_FALSE(diagnostics.has_errors());
    }
    void make() { make_memory(*config, memory, log, host.root()); }

    test::FakeDevmem host{128 * kKiB};
    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog = make_catalog();
    std::optional<VmConfig> config;
    GuestMemory memory;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
};

}  // namespace

TEST_CASE("RAM that is passed is the host's memory, zeroed unless something is in it") {
    Made made{
        "ram 0,4K\nset host-devmem on\nset host-prefault on\n"
        "pass loc 4K,4K,rwcxm=64K\ndata pass loc 8K,8K,rwcxm=68K\n"};
    made.make();
    REQUIRE(made.memory.blocks().size() == 3);
    CHECK_FALSE(made.memory.blocks()[0].is_passed());
    const auto& zeroed = made.memory.blocks()[1];
    CHECK(zeroed.is_passed());
    CHECK(zeroed.mapping.bytes().size() == 4 * kKiB);
    CHECK(made.memory.read<char>(Gpa{4 * kKiB}) == '\0');
    CHECK(made.host.at(64 * kKiB) == '\0');
    CHECK(made.memory.read<char>(Gpa{8 * kKiB}) == 'h');
    CHECK(made.host.at(76 * kKiB) == 'h');
    CHECK(made.memory.write(Gpa{16 * kKiB - 1}, 'g'));
    CHECK(made.host.at(76 * kKiB - 1) == 'g');
}

TEST_CASE("RAM from the middle of what a UIO device has begins where it is to") {
    Made made{"ram 0,4K\npass loc 4K,8K,rwxm=0x40001000\n"};
    test::add_uio(made.host.files(), "uio0", "memory", "0x40000000", 0x4000);
    std::ofstream{made.host.root() / "dev/uio0", std::ios::in | std::ios::out}.seekp(0x1000) << 'u';
    made.make();
    const auto& block = made.memory.blocks().at(1);
    CHECK(block.mapping.bytes().size() == 0x2000);
    CHECK(made.memory.write(Gpa{0x1fff}, 'x'));
    std::ifstream file{made.host.root() / "dev/uio0"};
    file.seekg(0x1000);
    CHECK(file.get() == 0);
    file.seekg(0x1fff);
    CHECK(file.get() == 'x');
}

TEST_CASE("RAM that the host does not give is one line with the way out") {
    Made made{"ram 0,4K\npass loc 4K,4K,rwcxm=64K\n"};
    CHECK_THROWS_WITH(made.make(),
                      Catch::Contains("0x10000 to 0x10fff cannot be passed: no device of VFIO's or UIO's has it"));
    Made own{"set host-devmem on\npass loc 4K,4K,rwcxm=64K\n"};
    own.host.files().write("proc/iomem", "00000000-0001ffff : System RAM\n");
    CHECK_THROWS_WITH(own.make(), Catch::Contains("is the host's own RAM"));
    Made odd{"pass loc 4K,4K,rwcxm=64K\n"};
    test::add_uio(odd.host.files(), "uio0", "odd", "0xf800", 0x2000);
    CHECK_THROWS_WITH(odd.make(), Catch::Contains("not at the beginning of a page"));
}

TEST_CASE("RAM that is passed is on no huge page, and no other program serves it") {
    CHECK(check("pass loc 0,2M,rwm\nset host-hugepages 2M").find("no ram is made of whole pages") != std::string::npos);
    const std::string vdevs = "vdev virtio-fs\n  path /tmp\n  tag t\nvdev vhost-user\n";
    const std::string told = check("ram 4M\n" + vdevs + "pass loc 4M,2M,rwm");
    CHECK(told.find("t:2:6: error: another program serves vdev virtio-fs, and it cannot have RAM that is passed (m)") !=
          std::string::npos);
    CHECK(told.find("error: another program serves vdev vhost-user") != std::string::npos);
    CHECK(told.find("t:6:10: note: this RAM") != std::string::npos);
    CHECK(check("ram 4M\n" + vdevs).find("another program") == std::string::npos);
}

TEST_CASE("a line of whole huge pages is made of them") {
    CHECK(page_for(line(false, 0, 64 * kMiB), HugePages::Size2M) == 2 * kMiB);
    CHECK(page_for(line(false, kGiB, kGiB), HugePages::Size1G) == kGiB);
    CHECK(page_for(line(false, 0, 64 * kMiB), HugePages::Off) == 4 * kKiB);
}

TEST_CASE("other lines, and all rom, are on small pages") {
    CHECK(page_for(line(false, 0, 0xa0000), HugePages::Size2M) == 4 * kKiB);
    CHECK(page_for(line(false, kMiB, 64 * kMiB), HugePages::Size2M) == 4 * kKiB);
    CHECK(page_for(line(false, 0, 64 * kMiB), HugePages::Size1G) == 4 * kKiB);
    CHECK(page_for(line(true, 0, 64 * kMiB), HugePages::Size2M) == 4 * kKiB);
}

TEST_CASE("huge pages that no line can be made of are an error of the configuration") {
    CHECK(check("ram 0,640K\nram 1M,63M\nset host-hugepages 2M")
              .find("t:3:20: error: no ram is made of whole pages of "
                    "2.0 MiB") != std::string::npos);
    CHECK(check("ram 0,640K\nram 2M,62M\nset host-hugepages 2M").find("error") == std::string::npos);
    CHECK(check("ram 0,640K\nset host-hugepages off").find("error") == std::string::npos);
    CHECK(check("ram zz\nset host-hugepages 2M").find("whole pages") == std::string::npos);
}
