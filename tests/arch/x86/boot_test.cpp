// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/boot.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"
#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Blob = LoadSpec::Blob;
using Catch::Matchers::Contains;

namespace {

/// A configuration in the making, with its files.
struct Boot {
    TempDir dir{};
    VmConfig config{};
    Diagnostics errors{};

    explicit Boot(std::vector<MemorySpec> memory) {
        config.memory = std::move(memory);
        config.cpus.resize(1);
    }
    void file(Blob blob, const std::string& name, const Image& contents, std::optional<std::uint64_t> address = {}) {
        const auto number = static_cast<std::uint32_t>(config.loads.size() + 1);
        config.loads.push_back(load(blob, dir.write(name, contents), number, address));
    }
    std::optional<BootPlan> plan() { return plan_boot(config, errors); }
    BootPlan good_plan() {
        auto result = plan();
        for (const Diagnostic& error : errors.all()) UNSCOPED_INFO(error.message);
        REQUIRE(result);
        check_sound(*result);
        return std::move(*result);
    }
    const Diagnostic& only_error() {
        CHECK_FALSE(plan());
        REQUIRE(errors.all().size() == 1);
        return errors.all().front();
    }

private:
    /// No two things share a byte, and all lies in declared memory.
    void check_sound(const BootPlan& plan) const {
        std::vector<Range> used{plan.acpi.value(), *Range::make(kCmdline, plan.cmdline.size() + 1)};
        const bool linux64 = plan.protocol == BootPlan::Protocol::Linux64;
        for (const Range& range : entry_state_ranges(linux64 ? BootEntry::Mode::Long64 : BootEntry::Mode::Protected32))
            used.push_back(range);
        used.push_back(*Range::make(linux64 ? kZeroPage : kStartInfo, kPage));
        for (const BootBlob& blob : plan.blobs) used.push_back(blob.at);
        for (std::size_t i = 0; i < used.size(); ++i) {
            CHECK(covers(declared_memory(config.memory), used[i]));
            for (std::size_t j = 0; j < i; ++j) CHECK_FALSE(used[i].overlaps(used[j]));
        }
        for (const BootBlob& blob : plan.blobs)
            if (plan.kernel && blob.at.start() != plan.kernel->start()) CHECK_FALSE(blob.at.overlaps(*plan.kernel));
    }
};

const BootBlob& blob(const BootPlan& plan, const std::string& what) {
    const auto found = std::find_if(plan.blobs.begin(), plan.blobs.end(),
                                    [&](const BootBlob& b) { return b.what.find(what) != std::string::npos; });
    REQUIRE(found != plan.blobs.end());
    return *found;
}

Image bytes(std::size_t count) { return Image(count, std::byte{0x5a}); }

}  // namespace

TEST_CASE("a bzImage goes to its preferred address, the initrd to the top, the tables to the BIOS area") {
    Boot boot{{ram(0, 256 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Initrd, "initrd", bytes(5000));
    boot.config.cmdline = CmdlineSpec{"console=ttyS0", {}};
    const BootPlan plan = boot.good_plan();
    CHECK(plan.protocol == BootPlan::Protocol::Linux64);
    CHECK(plan.kernel == Range::make(16 * kMiB, 2 * kMiB));
    CHECK(plan.entry == 16 * kMiB + 0x200);
    CHECK(plan.initrd == Range::make(256 * kMiB - 0x2000, 5000));
    CHECK(plan.acpi->start() == kLegacyAcpi);
    CHECK(plan.cmdline == "console=ttyS0");
    CHECK(plan.e820.back().type == E820Entry::Type::Ram);
}

TEST_CASE("a relocatable kernel moves above its preferred address when that is taken") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    SECTION("by data") {
        boot.file(Blob::Data, "stone", bytes(16), 16 * kMiB + 0x1000);
        CHECK(boot.good_plan().kernel == Range::make(18 * kMiB, 2 * kMiB));
    }
    SECTION("by a hole between two lines") {
        boot.config.memory = {ram(0, 17 * kMiB), ram(21 * kMiB, 20 * kMiB)};
        CHECK(boot.good_plan().kernel == Range::make(22 * kMiB, 2 * kMiB));
    }
    SECTION("or goes above 4 GiB when there is no other place") {
        boot.config.memory = {ram(0, 17 * kMiB), ram(4 * kGiB, kGiB)};
        CHECK(boot.good_plan().kernel == Range::make(4 * kGiB, 2 * kMiB));
    }
}

TEST_CASE("a kernel that spans two lines that touch is loaded") {
    Boot boot{{ram(0, 17 * kMiB), ram(17 * kMiB, 16 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    CHECK(boot.good_plan().kernel == Range::make(16 * kMiB, 2 * kMiB));
}

TEST_CASE("a kernel that cannot be moved is loaded where it wants to be or not at all") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage({.relocatable = 0}));
    SECTION("there is room") { CHECK(boot.good_plan().kernel->start() == 16 * kMiB); }
    SECTION("there is none") {
        boot.config.memory = {ram(0, 17 * kMiB), ram(32 * kMiB, 16 * kMiB)};
        CHECK_THAT(boot.only_error().message, Contains("needs 2 MiB of RAM in one piece at 0x1000000;"));
    }
}

TEST_CASE("too little RAM for the kernel says how much is needed") {
    Boot boot{{ram(0, 16 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    CHECK(boot.only_error().message ==
          "the kernel needs 2 MiB of RAM in one piece at 0x1000000 or above; the largest free piece there has 0 MiB");
    CHECK(boot.errors.all()[0].hint == "give the VM at least 18 MiB from address 0");
}

TEST_CASE("an address for the kernel is obeyed where the kernel can run") {
    Boot boot{{ram(0, 64 * kMiB)}};
    SECTION("good") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage(), 32 * kMiB);
        CHECK(boot.good_plan().kernel->start() == 32 * kMiB);
    }
    SECTION("not aligned, or below the preferred one, where it would not stay") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage(), GENERATE(16 * kMiB + 0x1000, 2 * kMiB));
        CHECK_THAT(boot.only_error().message, Contains("this kernel cannot be loaded at 0x"));
    }
}

TEST_CASE("the initrd stays below initrd_addr_max and goes above it only for kernels that can") {
    Boot boot{{ram(0, 3 * kGiB), ram(4 * kGiB, kGiB)}};
    boot.file(Blob::Initrd, "initrd", bytes(0x1000));
    SECTION("below") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
        CHECK(boot.good_plan().initrd == Range::make(2 * kGiB - 0x1000, 0x1000));
    }
    SECTION("above, but below 4 GiB, when it is full") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage({.initrd_addr_max = 0xfff}));
        CHECK(boot.good_plan().initrd == Range::make(3 * kGiB - 0x1000, 0x1000));
    }
    SECTION("above 4 GiB when there is nothing else") {
        boot.config.memory = {ram(0, 18 * kMiB), ram(4 * kGiB, kGiB)};
        boot.config.loads[0].path = boot.dir.write("initrd", bytes(16 * kMiB));
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
        CHECK(boot.good_plan().initrd == Range::make(5 * kGiB - 16 * kMiB, 16 * kMiB));
    }
    SECTION("nowhere for a kernel that cannot") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage({.xloadflags = 1, .initrd_addr_max = 0xfff}));
        CHECK_THAT(boot.only_error().message,
                   Contains("the initrd needs 1 MiB of free RAM in one piece below 0x100000;"));
    }
}

TEST_CASE("an initrd that does not fit says how much RAM is missing") {
    Boot boot{{ram(0, 20 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Initrd, "initrd", bytes(24 * kMiB));
    CHECK(boot.only_error().message ==
          "the initrd needs 24 MiB of free RAM in one piece; the largest piece has 15 MiB");
    CHECK(boot.errors.all()[0].where.line == 2);
    CHECK_THAT(boot.errors.all()[0].hint, Contains("more RAM"));
}

TEST_CASE("an initrd with an address goes there") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Initrd, "initrd", bytes(100), 0x200'0001);
    CHECK(boot.good_plan().initrd == Range::make(0x200'0001, 100));
}

TEST_CASE("an initrd with an address that the kernel cannot reach is refused") {
    Boot boot{{ram(0, 64 * kMiB), ram(4 * kGiB, kGiB)}};
    boot.file(Blob::Initrd, "initrd", bytes(100), 4 * kGiB);
    SECTION("PVH has Linux's old fields alone") { boot.file(Blob::Sniff, "vmlinux", make_elf64()); }
    SECTION("a bzImage may say so") { boot.file(Blob::Sniff, "vmlinuz", make_bzimage({.xloadflags = 1})); }
    CHECK_THAT(boot.only_error().message, Contains("the initrd ends at 0x100000063; this kernel reaches up to 0x"));
}

TEST_CASE("an ELF goes where its program headers say, in RAM or ROM") {
    Boot boot{{ram(0, 0xa0000), rom(0xc0000, 0x40000), ram(kMiB, kMiB)}};
    SECTION("RAM") {
        boot.file(Blob::Sniff, "guest.elf", make_elf64());
        const BootPlan plan = boot.good_plan();
        CHECK(plan.protocol == BootPlan::Protocol::Pvh);
        CHECK(plan.entry == 0x10'0010);
        CHECK(blob(plan, "segment").at == *Range::make(0x10'0000, 256));
        CHECK(blob(plan, "segment").bytes.size() == 64);
    }
    SECTION("ROM") {
        boot.file(Blob::Sniff, "guest.elf", make_elf32({.load = 0xc0000, .entry = 0xc0000}));
        CHECK(boot.good_plan().entry == 0xc0000);
    }
    SECTION("not outside") {
        boot.file(Blob::Sniff, "guest.elf", make_elf64({.load = 0x20'0000, .entry = 0x20'0000}));
        CHECK_THAT(
            boot.only_error().message,
            Contains("a segment of the kernel goes to 0x200000 to 0x2000ff, which is not all in `ram` or `rom`"));
    }
    SECTION("nor across an end") {
        boot.file(Blob::Sniff, "guest.elf", make_elf64({.load = 0x1f'ffff, .entry = 0x1f'ffff}));
        CHECK_THAT(boot.only_error().message, Contains("not all in"));
    }
    SECTION("nor over the boot structures") {
        boot.file(Blob::Sniff, "guest.elf", make_elf64({.load = 0x6800, .entry = 0x6800}));
        CHECK_THAT(boot.only_error().message, Contains("meets the PVH start_info at 0x6000 to 0x6fff"));
    }
    SECTION("and an address on its line is ignored with a warning") {
        boot.file(Blob::Sniff, "guest.elf", make_elf64(), 0x1000);
        boot.good_plan();
        REQUIRE(boot.errors.all().size() == 1);
        CHECK(boot.errors.all()[0].kind == DiagnosticKind::Warning);
    }
}

TEST_CASE("the smallest VM is 1 MiB and a little ELF") {
    Boot boot{{ram(0, 2 * kMiB)}};
    boot.file(Blob::Sniff, "guest.elf", make_elf32());
    boot.good_plan();
}

TEST_CASE("without memory in the BIOS area the tables go to the top of RAM, below the initrd's reach") {
    Boot boot{{ram(0, 0xa0000), ram(kMiB, 63 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Initrd, "initrd", bytes(0x1000));
    const BootPlan plan = boot.good_plan();
    CHECK(plan.acpi->last() == 64 * kMiB - 1);
    CHECK(plan.initrd->last() == plan.acpi->start() - 1);
    CHECK(plan.e820.back() == E820Entry{plan.acpi->start(), plan.acpi->size(), E820Entry::Type::Acpi});
}

TEST_CASE("the tables leave the BIOS area when data is there, or when they are too large for it") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    SECTION("data") { boot.file(Blob::Data, "bios", bytes(16), 0xe0000); }
    SECTION("size") { boot.config.cpus.resize(2048); }
    CHECK(boot.good_plan().acpi->last() == 64 * kMiB - 1);
}

TEST_CASE("data goes where it is told to, in RAM or ROM") {
    Boot boot{{ram(0, 0xa0000), rom(0xc0000, 0x10000), ram(kMiB, 63 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Data, "vgabios", bytes(100), 0xc0000);
    CHECK(blob(boot.good_plan(), "vgabios").at == *Range::make(0xc0000, 100));
}

TEST_CASE("data without an address goes to free RAM") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Data, "table", bytes(100));
    CHECK(blob(boot.good_plan(), "table").at == *Range::make(kMiB, 100));
}

TEST_CASE("data that meets something else says what") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Data, "a", bytes(0x1000), 0x300'0000);
    boot.file(Blob::Data, "b", bytes(0x1000), 0x300'0fff);
    boot.file(Blob::Data, "c", bytes(0x1000), kZeroPage);
    boot.file(Blob::Data, "d", bytes(0x1000), UINT64_MAX);
    CHECK_FALSE(boot.plan());
    REQUIRE(boot.errors.all().size() == 3);
    CHECK_THAT(boot.errors.all()[0].message, Contains("/b' goes to") && Contains("/a' at 0x3000000"));
    CHECK_THAT(boot.errors.all()[1].message, Contains("meets the zero page"));
    CHECK_THAT(boot.errors.all()[2].message, Contains("passes the end of the address space"));
}

TEST_CASE("a command line that the kernel would cut is an error where it stands") {
    Boot boot{{ram(0, 64 * kMiB)}};
    boot.config.cmdline = CmdlineSpec{std::string(256, 'x'), Location{.line = 9}};
    SECTION("bzImage says its limit") {
        boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
        CHECK(boot.only_error().message == "the command line has 256 bytes; this kernel takes 255");
        CHECK(boot.errors.all()[0].where.line == 9);
    }
    SECTION("an ELF does not") {
        boot.file(Blob::Sniff, "vmlinux", make_elf64());
        CHECK(boot.good_plan().cmdline.size() == 256);
    }
}

TEST_CASE("without low RAM there is one error about it") {
    Boot boot{{ram(kMiB, 63 * kMiB)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    CHECK_THAT(boot.only_error().message, Contains("need RAM at 0x1000"));
}

TEST_CASE("a truncated kernel is an error that names the file") {
    Boot boot{{ram(0, 64 * kMiB)}};
    Image kernel = make_bzimage();
    kernel.resize(kernel.size() - 1);
    boot.file(Blob::Sniff, "vmlinuz", kernel);
    CHECK_THAT(boot.only_error().message, Contains("/vmlinuz' is truncated"));
}

TEST_CASE("random damage to kernels gives a sound plan or an error") {
    std::mt19937 random{3};  // NOLINT(cert-msc51-cpp): the same images in every run
    const Image whole[] = {make_bzimage(), make_elf64(), make_elf32()};
    for (int i = 0; i < 600; ++i) {
        const Image& image = whole[i % 3];
        Boot boot{{ram(0, 64 * kMiB), ram(4 * kGiB, kGiB)}};
        boot.file(Blob::Sniff, "kernel", mutated(image, i % 3 == 0 ? 0x290 : image.size(), random));
        boot.file(Blob::Initrd, "initrd", bytes(4096));
        if (boot.plan())
            boot.good_plan();
        else
            CHECK(boot.errors.has_errors());
    }
}

namespace {

MemorySpec passed_ram(std::uint64_t start, std::uint64_t size, bool kept) {
    return {false, Range::make(start, size).value(), Location{.line = 9}, MemorySpec::Host{0x8000'0000, true, kept}};
}

/// An initrd that is there already.
PassSpec passed_initrd(std::uint64_t start, std::uint64_t size) {
    return {.blob = Blob::Initrd,
            .where = {},
            .locations = {{.guest = {.address = start, .length = size}, .attributes = "rwcxm"}}};
}

}  // namespace

TEST_CASE("RAM that is passed is RAM: the kernel goes there, and the guest is told") {
    Boot boot{{passed_ram(0, 0xa0000, false), passed_ram(kMiB, 63 * kMiB, false)}};
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Data, "data", text_image("data"), 0x20'0000);
    const BootPlan plan = boot.good_plan();
    CHECK(plan.e820.front().addr == 0);
    CHECK(plan.e820.front().type == E820Entry::Type::Ram);
    CHECK(plan.kernel->start() == 0x100'0000);
}

TEST_CASE("an initrd in passed RAM stays where it is, and nothing comes over it") {
    Boot boot{{{false, Range::make(0, 48 * kMiB).value(), {}}, passed_ram(48 * kMiB, 16 * kMiB, true)}};
    boot.config.passed.push_back(passed_initrd(48 * kMiB, 16 * kMiB));
    boot.file(Blob::Sniff, "vmlinuz", make_bzimage());
    boot.file(Blob::Data, "data", text_image("data"));
    const BootPlan plan = boot.good_plan();
    CHECK(plan.initrd == Range::make(48 * kMiB, 16 * kMiB));
    for (const BootBlob& blob : plan.blobs) CHECK_FALSE(blob.at.overlaps(*plan.initrd));
    CHECK_FALSE(plan.acpi->overlaps(*plan.initrd));
    boot.file(Blob::Data, "more", text_image("data"), 50 * kMiB);
    CHECK_THAT(boot.only_error().message, Contains("meets what is passed at 0x3000000 to 0x3ffffff"));
}

TEST_CASE("an initrd in passed RAM must not be where the boot begins, and within the kernel's reach") {
    Boot low{{passed_ram(0, 0xa0000, true), {false, Range::make(kMiB, 63 * kMiB).value(), {}}}};
    low.config.passed.push_back(passed_initrd(0, 0xa0000));
    low.file(Blob::Sniff, "vmlinuz", make_bzimage());
    CHECK_THAT(low.only_error().message, Contains("what is passed at 0x0 to 0x9ffff meets "));
    Boot high{{{false, Range::make(0, 64 * kMiB).value(), {}}, passed_ram(8 * kGiB, 16 * kMiB, true)}};
    high.config.passed.push_back(passed_initrd(8 * kGiB, 16 * kMiB));
    high.file(Blob::Sniff, "vmlinuz", make_bzimage({.xloadflags = 1}));
    CHECK_THAT(high.only_error().message, Contains("the initrd ends at 0x200ffffff; this kernel reaches up to "));
    CHECK(high.errors.all().front().hint == "let the guest see it lower");
}
