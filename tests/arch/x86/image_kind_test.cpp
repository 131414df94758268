// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/elf.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Format = ImageKind::Format;

namespace {

Image with_magic(std::size_t at, const std::string& magic, std::size_t size = 1024) {
    Image image(size);
    const Image bytes = text_image(magic);
    std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(at));
    return image;
}

}  // namespace

TEST_CASE("kernels for x86 are recognised") {
    CHECK(identify(make_bzimage()).format == Format::BzImage);
    CHECK(identify(make_elf64()).format == Format::Elf);
    CHECK(identify(make_elf64()).name == "an ELF for x86-64");
    CHECK(identify(make_elf32()).format == Format::Elf);
}

TEST_CASE("a bzImage with an EFI stub is a bzImage and no PE program") {
    Image image = make_bzimage();
    put(image, 0, std::uint16_t{0x5a4d});
    CHECK(identify(image).format == Format::BzImage);
}

TEST_CASE("what is no kernel for x86 is called by its name") {
    CHECK(identify(make_elf64({.machine = EM_AARCH64})).name == "an ELF for aarch64");
    CHECK(identify(make_elf64({.machine = EM_AARCH64})).format == Format::Other);
    CHECK(identify(with_magic(0x38, "ARM\x64")).name == "a Linux arm64 Image");
    CHECK(identify(with_magic(0, "\x1f\x8b")).name == "a gzip file");
    CHECK(identify(with_magic(0, "\x28\xb5\x2f\xfd")).name == "a zstd file");
    CHECK(identify(with_magic(0, "070701")).format == Format::Initrd);
    CHECK(identify(with_magic(0, "\xd0\x0d\xfe\xed")).format == Format::Fdt);
    CHECK(identify(with_magic(0, "MZ")).name == "a PE program (EFI or Windows)");
    CHECK(identify(text_image("ram 256M\n")).name == "a text file");
    CHECK(identify(Image(64)).name == "of no format that qvm knows");
}

TEST_CASE("an ELF for a big-endian machine is recognised") {
    Image image = make_elf64({.machine = 0x1600});  // 22 in the other order
    put(image, EI_DATA, std::uint8_t{ELFDATA2MSB});
    CHECK(identify(image).name == "an ELF for s390");
}

TEST_CASE("every beginning of a file can be identified") {
    for (const Image& whole : {make_bzimage(), make_elf64()})
        for (std::size_t size = 0; size < 1024 && size < whole.size(); ++size)
            CHECK_FALSE(identify(ByteView{whole}.first(size)).name.empty());
}
