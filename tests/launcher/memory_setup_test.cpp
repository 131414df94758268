// SPDX-License-Identifier: Apache-2.0
#include "launcher/memory_setup.hpp"

#include <catch2/catch.hpp>

#include "config/reader.hpp"
#include "launcher/launcher.hpp"

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
    const auto config = reader.read(make_catalog());
    if (config) check_memory(*config, diagnostics);
    return diagnostics.render(sources);
}

}  // namespace

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
