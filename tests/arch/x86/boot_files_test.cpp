// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/boot_files.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"
#include "support/fake_devmem.hpp"
#include "vmm/error.hpp"

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

namespace {

/// Images in the host's memory, which has 1 MiB.
struct Passed {
    qvm::test::FakeDevmem host{kMiB};
    VmConfig config{};
    Diagnostics errors{};
    BootFiles files{};

    /// `size`: of what is passed; 0 is that of the contents.
    void image(Blob blob, std::uint64_t at, const Image& contents, const std::string& letters = "r",
               std::uint64_t size = 0) {
        host.put(at, contents);
        PassLocation location{.guest = {.address = 0xb000'0000 + at, .length = size != 0 ? size : contents.size()},
                              .attributes = letters,
                              .host = GuestLocation{.address = at},
                              .where = Location{.line = static_cast<std::uint32_t>(config.passed.size() + 1)}};
        config.passed.push_back({.blob = blob, .where = {}, .locations = {location}});
    }
    void open() {
        KeptMemory kept = host.kept();
        files = open_boot_files(config, errors, &kept);
    }
    std::string only() {
        open();
        REQUIRE(errors.all().size() == 1);
        CHECK(errors.all().front().where.line == 1);
        return errors.all().front().message + " / " + errors.all().front().hint;
    }
};

}  // namespace

TEST_CASE("images in the host's memory are read as files are") {
    Passed boot;
    boot.image(Blob::Guest, 0x1000, make_bzimage());
    boot.image(Blob::Initrd, 0x8'0003, text_image("anything"));
    boot.image(Blob::Acpi, 0x9'0000, make_acpi_table("SSDT"), "r", 0x1000);
    boot.open();
    REQUIRE(boot.errors.all().empty());
    REQUIRE(boot.files.kernel);
    CHECK(std::holds_alternative<BzImage>(boot.files.kernel->image));
    CHECK(boot.files.kernel->load->path == "host memory at 0x1000");
    REQUIRE(boot.files.initrd);
    CHECK(std::ranges::equal(boot.files.initrd->bytes, text_image("anything")));
    REQUIRE(boot.files.acpi.size() == 1);
    CHECK(boot.files.acpi.front().bytes.size() == make_acpi_table("SSDT").size());
}

TEST_CASE("what is read once stays, whatever happens to the host's memory") {
    Passed boot;
    boot.image(Blob::Guest, 0x1000, make_elf64());
    boot.image(Blob::Initrd, 0x8'0000, text_image("first"));
    boot.open();
    boot.host.put(0x8'0000, text_image("other"));
    CHECK(std::ranges::equal(boot.files.initrd->bytes, text_image("first")));
}

TEST_CASE("an initrd in the guest's RAM is not read") {
    Passed boot;
    boot.image(Blob::Guest, 0x1000, make_bzimage());
    boot.image(Blob::Initrd, 0x8'0000, text_image("x"), "rwm", 0x1000);
    boot.open();
    CHECK(boot.errors.all().empty());
    REQUIRE(boot.files.initrd);
    CHECK(boot.files.initrd->bytes.empty());
    CHECK(boot.files.initrd->in_ram == Range::make(0xb008'0000, 0x1000));
}

TEST_CASE("damaged images in the host's memory are told where they are passed") {
    const auto told = [](Blob blob, const Image& contents, std::uint64_t size = 0) {
        Passed boot;
        boot.image(blob, 0x1000, contents, "r", size);
        if (blob != Blob::Guest) boot.image(Blob::Guest, 0x8'0000, make_bzimage());
        return boot.only();
    };
    CHECK_THAT(told(Blob::Guest, text_image("\x1f\x8b\x08 packed")),
               Contains("'host memory at 0x1000' is no kernel for x86: it is a gzip file / for an initrd write "
                        "`initrd pass`"));
    Image cut = make_bzimage();
    cut.resize(cut.size() / 2);
    CHECK_THAT(told(Blob::Guest, cut), Contains("is truncated"));
    CHECK_THAT(told(Blob::Guest, text_image("\xd0\x0d\xfe\xed")), Contains("x86 guests take no flattened device tree"));
    CHECK_THAT(told(Blob::Fdt, text_image("\xd0\x0d\xfe\xed")), Contains("x86 guests take no flattened device tree"));
    CHECK_THAT(told(Blob::Acpi, text_image("SSDT")), Contains("has 4 bytes"));
    Image table = make_acpi_table("SSDT");
    table.back() ^= std::byte{1};
    CHECK_THAT(told(Blob::Acpi, table, 0x1000), Contains("its checksum is wrong"));
    CHECK_THAT(told(Blob::Acpi, make_acpi_table("DSDT"), 0x1000), Contains("which qvm makes by itself"));
    CHECK_THAT(told(Blob::Acpi, Image(0x1000)), Contains("has 0 bytes and an ACPI table at least 36"));
}

TEST_CASE("random bytes in the host's memory are judged without harm") {
    std::mt19937_64 random{7};
    for (unsigned round = 0; round < 300; ++round) {
        Image image = round % 2 == 0 ? make_bzimage() : make_elf64();
        for (unsigned i = 0; i < 1 + round / 20; ++i)
            image[random() % std::min<std::size_t>(image.size(), 0x300)] = std::byte(random());
        Passed boot;
        boot.image(Blob::Guest, 0x1000, image, "r", 1 + random() % (2 * image.size()));
        boot.open();
        CHECK((boot.files.kernel.has_value() || boot.errors.has_errors()));
    }
}

TEST_CASE("kernels in a file and in memory are two, and without a host nobody looks") {
    Passed boot;
    boot.image(Blob::Guest, 0x1000, make_bzimage());
    boot.image(Blob::Guest, 0x8'0000, make_bzimage());
    boot.open();
    REQUIRE(boot.errors.all().size() == 2);
    CHECK(boot.errors.all().front().message == "'host memory at 0x80000' is a second kernel");
    Passed check;
    check.image(Blob::Guest, 0x1000, text_image("nothing"));
    check.files = open_boot_files(check.config, check.errors);
    CHECK(check.errors.all().empty());
    CHECK_FALSE(check.files.kernel);
}

TEST_CASE("memory that the host does not give is the host's fault") {
    Passed boot;
    boot.image(Blob::Guest, 0x1000, make_bzimage());
    KeptMemory nobody{false, boot.host.root()};
    CHECK_THROWS_WITH(open_boot_files(boot.config, boot.errors, &nobody), Contains("set host-devmem on"));
}
