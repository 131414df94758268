// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/boot_files.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Blob = LoadSpec::Blob;
using Catch::Matchers::Contains;

namespace {

struct Opened {
    TempDir dir{};
    VmConfig config{};
    Diagnostics errors{};
    BootFiles files{};

    void line(Blob blob, const std::string& name, const Image& contents) {
        const auto number = static_cast<std::uint32_t>(config.loads.size() + 1);
        config.loads.push_back(load(blob, dir.write(name, contents), number));
    }
    void open() { files = open_boot_files(config, errors); }
    [[nodiscard]] const Diagnostic& only() const {
        REQUIRE(errors.all().size() == 1);
        return errors.all().front();
    }
};

}  // namespace

TEST_CASE("kernel, initrd and data are told apart by their words and contents") {
    Opened boot;
    boot.line(Blob::Data, "table", text_image("data"));
    boot.line(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.line(Blob::Initrd, "initrd", text_image("anything"));
    boot.open();
    CHECK(boot.errors.all().empty());
    REQUIRE(boot.files.kernel);
    CHECK(std::holds_alternative<BzImage>(boot.files.kernel->image));
    REQUIRE(boot.files.initrd);
    CHECK(boot.files.initrd->bytes.size() == 8);
    CHECK(boot.files.data.size() == 1);
}

TEST_CASE("`guest load` of an ELF is a kernel too") {
    Opened boot;
    boot.line(Blob::Guest, "vmlinux", make_elf64());
    boot.open();
    REQUIRE(boot.files.kernel);
    CHECK(std::holds_alternative<ElfImage>(boot.files.kernel->image));
}

TEST_CASE("a configuration without a kernel says how to name one") {
    Opened boot;
    boot.line(Blob::Initrd, "initrd", text_image("x"));
    boot.open();
    CHECK_THAT(boot.only().message, Contains("there is nothing to start"));
    CHECK(boot.only().where.line == 1);
}

TEST_CASE("a missing kernel file is one error, at its line") {
    Opened boot;
    boot.config.loads = {load(Blob::Sniff, "/no/vmlinuz", 4)};
    boot.open();
    CHECK_THAT(boot.only().message, Contains("cannot open '/no/vmlinuz'"));
    CHECK(boot.only().where.line == 4);
}

TEST_CASE("all files are judged, and all errors are reported") {
    Opened boot;
    boot.config.loads = {load(Blob::Sniff, "/no/vmlinuz", 1), load(Blob::Initrd, "/no/initrd", 2),
                         load(Blob::Fdt, "/no/dtb", 3), load(Blob::Acpi, "/no/table", 4)};
    boot.open();
    REQUIRE(boot.errors.all().size() == 4);
    CHECK_THAT(boot.errors.all()[2].message, Contains("x86 guests take no flattened device tree"));
    CHECK_THAT(boot.errors.all()[3].message, Contains("cannot open '/no/table'"));
}

TEST_CASE("acpi load takes whole tables that are not qvm's own") {
    const TempDir dir;
    const auto message_for = [&dir](const Image& table, std::optional<std::uint64_t> address = {}) {
        Opened boot;
        boot.config.loads = {load(Blob::Sniff, dir.write("k", make_elf32()), 1),
                             load(Blob::Acpi, dir.write("t", table), 2, address)};
        boot.open();
        return boot.errors.all().empty() ? std::string{} : boot.errors.all().front().message;
    };
    CHECK(message_for(make_acpi_table("SSDT")).empty());
    CHECK_THAT(message_for(make_acpi_table("DSDT")), Contains("is a table 'DSDT', which qvm makes by itself"));
    CHECK_THAT(message_for(make_acpi_table("SSDT"), 0x10'0000), Contains("has no address of its own"));
    Image table = make_acpi_table("SSDT");
    table[9] ^= std::byte{1};
    CHECK_THAT(message_for(table), Contains("its checksum is wrong"));
    table.push_back({});
    CHECK_THAT(message_for(table), Contains("has 41 bytes, but says that it is an ACPI table of 40"));
    CHECK_THAT(message_for(text_image("SSDT")), Contains("has 4 bytes"));
}

TEST_CASE("a file that is no kernel is called by what it is") {
    const auto message_for = [](const Image& contents) {
        Opened boot;
        boot.line(Blob::Sniff, "file", contents);
        boot.open();
        return boot.only().message;
    };
    CHECK_THAT(message_for(make_elf64({.machine = EM_AARCH64})), Contains("it is an ELF for aarch64"));
    CHECK_THAT(message_for(text_image("\x1f\x8b\x08 packed")), Contains("it is a gzip file"));
    CHECK_THAT(message_for(text_image("hello\n")), Contains("it is a text file"));
    CHECK_THAT(message_for(text_image("\xd0\x0d\xfe\xed")), Contains("x86 guests take no flattened device tree"));
    CHECK_THAT(message_for(make_elf64({.note = false})), Contains("file' is an ELF for x86 without a PVH entry point"));
}

TEST_CASE("an initrd without its word is told of it") {
    Opened boot;
    boot.line(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.line(Blob::Sniff, "initrd", text_image("070701"));
    boot.open();
    CHECK_THAT(boot.only().hint, Contains("`initrd load "));
}

TEST_CASE("second kernels and second initrds are refused, with a note where the first is") {
    Opened boot;
    boot.line(Blob::Sniff, "a", make_bzimage());
    boot.line(Blob::Sniff, "b", make_elf64());
    boot.line(Blob::Initrd, "c", text_image("x"));
    boot.line(Blob::Initrd, "d", text_image("x"));
    boot.open();
    REQUIRE(boot.errors.all().size() == 4);
    CHECK_THAT(boot.errors.all()[0].message, Contains("is a second kernel"));
    CHECK(boot.errors.all()[1].where.line == 1);
    CHECK_THAT(boot.errors.all()[2].message, Contains("second initrd"));
    CHECK(boot.errors.all()[3].where.line == 3);
}
