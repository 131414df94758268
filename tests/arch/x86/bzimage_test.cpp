// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/bzimage.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"
#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Catch::Matchers::Contains;

namespace {

std::string fault_of(const Image& file) {
    const BzImageResult result = parse_bzimage(file);
    return result.image ? "" : result.fault.message;
}

}  // namespace

TEST_CASE("a bzImage gives its kernel and what the loader must know") {
    const Image file = make_bzimage();
    const BzImageResult result = parse_bzimage(file);
    REQUIRE(result.image);
    CHECK(result.image->kernel.size() == 0x1000);
    CHECK(result.image->kernel.front() == std::byte{0xaa});
    CHECK(result.image->setup_header.size() == 0x26c - 0x1f1);
    CHECK(result.image->initrd_addr_max == 0x7fff'ffff);
    CHECK(result.image->cmdline_size == 255);
    CHECK(result.image->alignment == 2 * kMiB);
    CHECK(result.image->pref_address == 16 * kMiB);
    CHECK(result.image->memory_size == 2 * kMiB);
    CHECK(result.image->relocatable);
    CHECK(result.image->above_4g);
}

TEST_CASE("a setup_sects of 0 means 4") {
    const Image file = make_bzimage({.setup_sects = 0});
    const BzImageResult result = parse_bzimage(file);
    REQUIRE(result.image);
    CHECK(result.image->kernel.data() == file.data() + 5 * 512);
}

TEST_CASE("a signature behind the kernel is no part of it") {
    Image file = make_bzimage();
    file.resize(file.size() + 1000);
    REQUIRE(parse_bzimage(file).image);
    CHECK(parse_bzimage(file).image->kernel.size() == 0x1000);
}

TEST_CASE("a kernel that is larger than its init_size needs its own size") {
    const Image file = make_bzimage({.init_size = 16});
    REQUIRE(parse_bzimage(file).image);
    CHECK(parse_bzimage(file).image->memory_size == 0x1000);
}

TEST_CASE("kernels that cannot be entered in 64-bit mode are refused with the reason") {
    CHECK(fault_of(make_bzimage({.version = 0x20b})) == "speaks boot protocol 2.11; qvm needs 2.12");
    CHECK(fault_of(make_bzimage({.xloadflags = 2})) == "is a Linux kernel without the 64-bit entry point");
    CHECK_THAT(parse_bzimage(make_bzimage({.xloadflags = 2})).fault.hint, Contains("CONFIG_64BIT=y"));
    CHECK_THAT(fault_of(make_bzimage({.kernel_bytes = 0x200})), Contains("no room for the 64-bit entry"));
}

TEST_CASE("every truncation of a bzImage is an error that says so") {
    const Image whole = make_bzimage();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const BzImageResult result = parse_bzimage(ByteView{whole}.first(size));
        REQUIRE_FALSE(result.image);
        REQUIRE_THAT(result.fault.message, Contains("is truncated"));
    }
}

TEST_CASE("random damage to a bzImage's header never leads outside the file") {
    std::mt19937 random{1};  // NOLINT(cert-msc51-cpp): the same images in every run
    const Image whole = make_bzimage();
    for (int i = 0; i < 20000; ++i) {
        const Image file = mutated(whole, 0x290, random);
        const BzImageResult result = parse_bzimage(file);
        if (!result.image) {
            REQUIRE_FALSE(result.fault.message.empty());
            continue;
        }
        REQUIRE(result.image->kernel.data() + result.image->kernel.size() <= file.data() + file.size());
        REQUIRE(result.image->memory_size >= result.image->kernel.size());
        REQUIRE(result.image->setup_header.size() <= 0x290 - 0x1f1);
    }
}

TEST_CASE("the zero page has the kernel's header with setup_data, and the loader's fields") {
    const Image file = make_bzimage();
    const BzImage image = parse_bzimage(file).image.value();
    const auto page = make_zero_page({.setup_header = image.setup_header,
                                      .cmdline = kCmdline,
                                      .initrd = Range::make(0x1'2345'6000, 0x789),
                                      .kernel = 0x100'0000,
                                      .rsdp = 0xe0000,
                                      .e820 = {{0, 0x9fc00, E820Entry::Type::Ram}, {1, 2, E820Entry::Type::Acpi}}});
    REQUIRE(page.size() == kPage);
    CHECK(get<std::uint32_t>(page, 0x202) == 0x5372'6448U);
    CHECK(get<std::uint64_t>(page, 0x250) == 0x1234'5678U);
    CHECK(get<std::uint8_t>(page, 0x210) == 0xff);
    CHECK(get<std::uint32_t>(page, 0x228) == kCmdline);
    CHECK(get<std::uint32_t>(page, 0x218) == 0x2345'6000U);
    CHECK(get<std::uint32_t>(page, 0x0c0) == 1U);
    CHECK(get<std::uint32_t>(page, 0x21c) == 0x789U);
    CHECK(get<std::uint32_t>(page, 0x0c4) == 0U);
    CHECK(get<std::uint64_t>(page, 0x070) == 0xe0000U);
    CHECK(get<std::uint8_t>(page, 0x1e8) == 2);
    CHECK(get<std::uint64_t>(page, 0x2d0 + 20) == 1U);
    CHECK(get<std::uint64_t>(page, 0x2d0 + 28) == 2U);
    CHECK(get<std::uint32_t>(page, 0x2d0 + 36) == 3U);
    CHECK(get<std::uint8_t>(page, 0x1ef) == 0);  // sentinel: the loader has cleared what it does not know
    CHECK(get<std::uint64_t>(page, 0) == 0U);    // screen_info
}
