// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/elf.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Catch::Matchers::Contains;

namespace {

std::string fault_of(const Image& file) {
    const ElfResult result = parse_elf(file);
    return result.image ? "" : result.fault.message;
}

/// Offset of the second program header, the one of PT_LOAD.
constexpr std::size_t kLoad = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);

}  // namespace

TEST_CASE("ELF files of both classes give their segments and the PVH entry point") {
    for (const Image& file : {make_elf64(), make_elf32()}) {
        const ElfResult result = parse_elf(file);
        REQUIRE(result.image);
        CHECK(result.image->entry == 0x10'0010);
        REQUIRE(result.image->segments.size() == 1);
        CHECK(result.image->segments[0].at == *Range::make(0x10'0000, 256));
        CHECK(result.image->segments[0].bytes.size() == 64);
        CHECK(result.image->segments[0].bytes.front() == std::byte{0xbb});
    }
}

TEST_CASE("an ELF without the PVH note says which kernel option is missing") {
    const ElfResult result = parse_elf(make_elf64({.note = false}));
    REQUIRE_FALSE(result.image);
    CHECK_THAT(result.fault.message, Contains("without a PVH entry point"));
    CHECK_THAT(result.fault.hint, Contains("CONFIG_PVH=y"));
}

TEST_CASE("an ELF for another machine says for which") {
    CHECK(fault_of(make_elf64({.machine = EM_AARCH64})) == "is an ELF for aarch64");
    CHECK(fault_of(make_elf64({.machine = EM_RISCV})) == "is an ELF for RISC-V");
}

TEST_CASE("the entry point must be in a segment") {
    CHECK_THAT(fault_of(make_elf64({.entry = 0x20'0000})), Contains("0x200000 is in no segment"));
}

TEST_CASE("an object file is no executable") {
    Image file = make_elf64();
    put(file, offsetof(Elf64_Ehdr, e_type), std::uint16_t{ET_REL});
    CHECK(fault_of(file) == "is an ELF file but no executable");
}

TEST_CASE("a segment that wraps or has more in the file than in memory is damage") {
    CHECK_THAT(fault_of(make_elf64({.load = UINT64_MAX - 10})), Contains("passes the end of the address space"));
    CHECK_THAT(fault_of(make_elf64({.bytes = 64, .memory = 63})), Contains("more bytes in the file than in memory"));
}

TEST_CASE("segments that overlap are damage") {
    Image file = make_elf64();
    std::copy_n(file.begin() + kLoad, sizeof(Elf64_Phdr), file.begin() + sizeof(Elf64_Ehdr));
    CHECK_THAT(fault_of(file), Contains("two segments overlap at 0x100000"));
}

TEST_CASE("a segment without memory is left out") {
    Image file = make_elf64({.memory = 256});
    put(file, kLoad + offsetof(Elf64_Phdr, p_memsz), std::uint64_t{0});
    CHECK_THAT(fault_of(file), Contains("in no segment"));
}

TEST_CASE("notes of others before Xen's are stepped over") {
    // GNU's note takes the place of Xen's; Xen's follows where the segment was, padded as its size says.
    Image file = make_elf64();
    const std::size_t at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    const Image xen{file.begin() + at, file.begin() + at + 20};
    put(file, at, std::uint32_t{4});
    put(file, at + 4, std::uint32_t{3});
    put(file, at + 12, std::uint32_t{0x0055'4e47});
    std::copy(xen.begin(), xen.end(), file.begin() + at + 20);
    put(file, sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), std::uint64_t{40});
    REQUIRE(parse_elf(file).image);
    CHECK(parse_elf(file).image->entry == 0x10'0010);
}

TEST_CASE("every truncation of an ELF is an error") {
    for (const Image& whole : {make_elf64(), make_elf32()})
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const ElfResult result = parse_elf(ByteView{whole}.first(size));
            REQUIRE_FALSE(result.image);
            REQUIRE_FALSE(result.fault.message.empty());
        }
}

TEST_CASE("random damage to an ELF's headers never leads outside the file") {
    std::mt19937 random{2};  // NOLINT(cert-msc51-cpp): the same images in every run
    for (const Image& whole : {make_elf64(), make_elf32()})
        for (int i = 0; i < 20000; ++i) {
            const Image file = mutated(whole, whole.size() - 64, random);
            const ElfResult result = parse_elf(file);
            if (!result.image) {
                REQUIRE_FALSE(result.fault.message.empty());
                continue;
            }
            for (const ElfSegment& segment : result.image->segments) {
                REQUIRE(segment.bytes.size() <= segment.at.size());
                if (segment.bytes.empty()) continue;
                REQUIRE(segment.bytes.data() >= file.data());
                REQUIRE(segment.bytes.data() + segment.bytes.size() <= file.data() + file.size());
            }
        }
}
