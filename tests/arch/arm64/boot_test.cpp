// SPDX-License-Identifier: Apache-2.0
// Rules: qvmconf specification 2.4; Linux, Documentation/arm64/booting.rst.
#include "arch/arm64/boot.hpp"

#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "arch/arm64/layout.hpp"
#include "arch/arm64/support.hpp"
#include "support/fake_devmem.hpp"

using namespace qvm;
using namespace qvm::arm64;
using namespace qvm::arm64::test;
using Catch::Matchers::Contains;

namespace {

Bytes gzip(const Bytes& from) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes to(deflateBound(&stream, from.size()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data()));
    stream.avail_in = static_cast<uInt>(from.size());
    stream.next_out = reinterpret_cast<Bytef*>(to.data());
    stream.avail_out = static_cast<uInt>(to.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    to.resize(to.size() - stream.avail_out);
    deflateEnd(&stream);
    return to;
}

Bytes flat(const TreeNode& root) { return flatten({.root = root}); }

TreeNode root() {
    TreeNode node;
    node.cells("#address-cells", {2});
    node.cells("#size-cells", {2});
    return node;
}

}  // namespace

TEST_CASE("an Image goes to a multiple of 2 MiB plus its text_offset, initrd and tree to the top of RAM") {
    Boot boot;
    boot.file(Blob::Sniff, "Image", make_image({.text_offset = 0x8'0000}));
    boot.file(Blob::Initrd, "initrd", raw(5000));
    boot.config.cmdline = CmdlineSpec{"console=ttyAMA0", {}};
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(plan->entry == kRam + 0x8'0000);
    CHECK(plan->cmdline == "console=ttyAMA0");
    REQUIRE(plan->tree);
    CHECK(plan->tree->last() == kRam + 64 * kMiB - 1);
    REQUIRE(plan->initrd);
    CHECK(plan->initrd->last() < plan->tree->start());
    CHECK(plan->initrd->start() % kPage == 0);
}

TEST_CASE("an Image whose RAM begins elsewhere goes to the next multiple of 2 MiB") {
    Boot boot;
    boot.config.memory = {{false, Range::make(kRam + 0x1000, 32 * kMiB).value(), {}}};
    boot.file(Blob::Sniff, "Image", make_image());
    CHECK(boot.plan().value().entry == kRam + 2 * kMiB);
}

TEST_CASE("an Image may be given a place that its text_offset allows, and no other") {
    Boot good;
    good.file(Blob::Sniff, "Image", make_image(), kRam + 4 * kMiB);
    CHECK(good.plan().value().entry == kRam + 4 * kMiB);
    Boot bad;
    bad.file(Blob::Sniff, "Image", make_image(), kRam + kMiB);
    CHECK_FALSE(bad.plan());
    CHECK_THAT(bad.first_error(), Contains("cannot be loaded at 0x80100000"));
}

TEST_CASE("an Image that is packed by gzip is unpacked") {
    Boot boot;
    boot.file(Blob::Guest, "Image.gz", gzip(make_image({.bytes = 3 * kMiB})));
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(plan->blobs.front().bytes.size() == 3 * kMiB);
    CHECK(plan->blobs.front().bytes.back() == std::byte{0xaa});
}

TEST_CASE("a damaged gzip file, and one with something else in it, are refused") {
    const Bytes whole = gzip(make_image());
    Boot truncated;
    truncated.file(Blob::Sniff, "Image.gz", Bytes(whole.begin(), whole.end() - 10));
    CHECK_FALSE(truncated.plan());
    CHECK_THAT(truncated.first_error(), Contains("damaged gzip file"));
    Boot other;
    other.file(Blob::Sniff, "initrd.gz", gzip(raw(100)));
    CHECK_FALSE(other.plan());
    CHECK_THAT(other.first_error(), Contains("is a gzip file with"));
}

TEST_CASE("the first file of no known format is entered at its first byte") {
    Boot boot;
    boot.file(Blob::Sniff, "rtos.bin", raw(4097), kRam + 0x1'0000);
    CHECK(boot.plan().value().entry == kRam + 0x1'0000);
    Boot without_address;
    without_address.file(Blob::Sniff, "rtos.bin", raw(64));
    CHECK(without_address.plan().value().entry == kRam);
}

TEST_CASE("a later file of no known format is data in the first free place") {
    Boot boot;
    boot.file(Blob::Sniff, "rtos.bin", raw(64));
    boot.file(Blob::Sniff, "more.bin", raw(64));
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(plan->entry == kRam);
    CHECK(plan->blobs.back().at == Range::make(kRam + kPage, 64));
    CHECK(std::ranges::count(plan->reserved, Range::make(kRam + kPage, 64).value()) == 1);
}

TEST_CASE("an ELF goes where its program headers say and is entered at the physical address of its entry point") {
    Boot boot;
    boot.file(Blob::Sniff, "kernel.elf", make_elf({.entry = 0xffff'0000'0000'0020, .vaddr = 0xffff'0000'0000'0000}));
    CHECK(boot.plan().value().entry == kRam + 0x20);
    Boot outside;
    outside.file(Blob::Sniff, "kernel.elf", make_elf({.entry = 0x10}));
    CHECK_FALSE(outside.plan());
    CHECK_THAT(outside.first_error(), Contains("entry point 0x10"));
    Boot foreign;
    foreign.file(Blob::Sniff, "vmlinux", make_elf({.machine = EM_X86_64}));
    CHECK_FALSE(foreign.plan());
    CHECK_THAT(foreign.first_error(), Contains("an ELF for x86-64"));
}

TEST_CASE("what is loaded as data is where it was told, and is kept from the guest's kernel if it lies in RAM") {
    Boot boot;
    boot.config.memory.push_back({false, Range::make(0x7000'0000, 0x1000).value(), {}});
    boot.file(Blob::Sniff, "Image", make_image());
    boot.file(Blob::Data, "handover", raw(100), 0x7000'0000);
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(std::ranges::count(plan->reserved, Range::make(0x7000'0000, 100).value()) == 1);
}

TEST_CASE("nothing is put where a `reserve` is, unless the file says so") {
    Boot boot;
    boot.config.reserved.resize(1);
    boot.config.reserved[0].what = GuestLocation{GuestLocation::Space::Memory, kRam, 4 * kMiB};
    boot.file(Blob::Sniff, "Image", make_image());
    CHECK(boot.plan().value().entry == kRam + 4 * kMiB);
    Boot told;
    told.config.reserved = boot.config.reserved;
    told.file(Blob::Sniff, "rtos.bin", raw(100), kRam);
    told.file(Blob::Data, "more.bin", raw(100));
    const auto plan = told.plan();
    REQUIRE(plan);
    CHECK(plan->entry == kRam);
    CHECK(plan->blobs.back().at == Range::make(kRam + 4 * kMiB, 100));
    Boot untold;
    untold.config.reserved = boot.config.reserved;
    untold.file(Blob::Sniff, "rtos.bin", raw(100));
    CHECK_FALSE(untold.plan());
    CHECK_THAT(untold.first_error(), Contains("meets what is reserved"));
}

TEST_CASE("RAM that covers the interrupt controller is told") {
    Boot boot;
    boot.config.memory = {{false, Range::make(0, kGiB).value(), {}}};
    boot.file(Blob::Sniff, "Image", make_image());
    CHECK_FALSE(boot.plan());
    CHECK_THAT(boot.first_error(), Contains("covers the gic distributor at 0x2f000000"));
}

TEST_CASE("each vCPU has a record of stolen time in memory that the guest's kernel leaves alone") {
    Boot boot;
    boot.config.cpus.resize(65);
    boot.file(Blob::Sniff, "Image", make_image());
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(plan->stolen.value().size() == 2 * kPage);
    CHECK(std::ranges::count(plan->reserved, *plan->stolen) == 1);
}

TEST_CASE("two things in one place, or something outside memory, are told") {
    Boot boot;
    boot.file(Blob::Sniff, "rtos.bin", raw(0x2000), kRam);
    boot.file(Blob::Data, "data", raw(16), kRam + 0x1000);
    CHECK_FALSE(boot.plan());
    CHECK_THAT(boot.first_error(), Contains("meets 'data'") || Contains("meets '"));
    Boot outside;
    outside.file(Blob::Sniff, "rtos.bin", raw(16), 0x1000);
    CHECK_FALSE(outside.plan());
    CHECK_THAT(outside.first_error(), Contains("not all in `ram` or `rom`"));
}

TEST_CASE("a device tree is recognised without its blob word, and there can be only one") {
    Boot boot;
    boot.file(Blob::Sniff, "Image", make_image());
    boot.file(Blob::Sniff, "devices.dtb", flat(root()));
    const auto plan = boot.plan();
    REQUIRE(plan);
    CHECK(plan->user_tree);
    boot.file(Blob::Fdt, "more.dtb", flat(root()));
    CHECK_FALSE(boot.plan());
    CHECK_THAT(boot.first_error(), Contains("second device tree"));
    Boot alone;
    alone.file(Blob::Sniff, "devices.dtb", flat(root()));
    CHECK_FALSE(alone.plan());
    CHECK_THAT(alone.first_error(), Contains("nothing to start"));
}

TEST_CASE("what is no tree, no kernel, or not there is told at its line") {
    for (const auto& [blob, contents, text] :
         {std::tuple{Blob::Fdt, raw(100), "is no device tree"}, std::tuple{Blob::Acpi, raw(100), "take no ACPI tables"},
          std::tuple{Blob::Sniff, Bytes(100, std::byte{'a'}), "no kernel for arm64"}}) {
        Boot boot;
        boot.file(Blob::Guest, "Image", make_image());
        boot.file(blob, "other", contents);
        INFO(text);
        CHECK_FALSE(boot.plan());
        CHECK((boot.first_error().find(text) != std::string::npos || blob == Blob::Sniff));
    }
    Boot none;
    CHECK_FALSE(none.plan());
    CHECK_THAT(none.first_error(), Contains("nothing to start"));
}

TEST_CASE("too little RAM is told with what there is") {
    Boot boot{4 * kMiB};
    boot.file(Blob::Sniff, "Image", make_image({.image_size = 32 * kMiB}));
    CHECK_FALSE(boot.plan());
    CHECK_THAT(boot.first_error(), Contains("needs 32 MiB") && Contains("has 4 MiB"));
}

TEST_CASE("no damaged kernel or tree does harm") {
    std::mt19937 random{20260101};
    TreeNode tree = root();
    tree.add("chosen").text("bootargs", "quiet");
    const Bytes dtb = flat(tree);
    for (const Bytes& whole : {make_image(), make_elf(), gzip(make_image()), dtb})
        for (int round = 0; round < 300; ++round) {
            Bytes damaged = whole;
            for (unsigned i = 0; i <= random() % 4; ++i)
                damaged[random() % std::min<std::size_t>(damaged.size(), 256)] = static_cast<std::byte>(random());
            if (round % 3 == 0) damaged.resize(1 + random() % damaged.size());
            Boot boot;
            boot.file(&whole == &dtb ? Blob::Fdt : Blob::Sniff, "damaged", damaged);
            const auto plan = boot.plan();
            CHECK(plan.has_value() != boot.errors.has_errors());
        }
}

TEST_CASE("what a plan says is put into the guest's memory, the tree's address into x0") {
    Boot boot;
    boot.file(Blob::Sniff, "Image", make_image());
    boot.file(Blob::Initrd, "initrd", raw(5000));
    const auto plan = boot.plan();
    REQUIRE(plan);
    GuestMemory memory;
    memory.add(Range::make(kRam, 64 * kMiB).value(), GuestMemory::Kind::Ram);
    const Bytes tree = make_tree(*plan, {.cpus = 1});
    const BootEntry entry = install_boot(*plan, memory, tree);
    CHECK(entry.pc == kRam);
    CHECK(entry.x0 == plan->tree->start());
    CHECK(memory.read<std::uint32_t>(Gpa{entry.x0}) == 0xedfe'0dd0U);
    CHECK(memory.read<std::uint32_t>(Gpa{kRam + 56}) == 0x644d'5241U);
    CHECK(memory.read<std::uint8_t>(Gpa{plan->initrd->last()}) == std::uint8_t{0x9c});
}

namespace {

PassSpec passed(Blob blob, std::uint64_t guest, std::uint64_t size, std::uint64_t host, const char* letters) {
    PassLocation location{.guest = {.address = guest, .length = size},
                          .attributes = letters,
                          .host = GuestLocation{.address = host},
                          .where = Location{.line = 7}};
    return {.blob = blob, .where = {}, .locations = {std::move(location)}};
}

}  // namespace

TEST_CASE("passed RAM is RAM, with an initrd and data in it that stay") {
    Boot boot;
    const Range initrd = Range::make(kRam + 64 * kMiB, kMiB).value();
    const Range data = Range::make(kRam + 65 * kMiB, kMiB).value();
    boot.config.memory.push_back({false, initrd, {}, MemorySpec::Host{0x1000, true, true}});
    boot.config.memory.push_back({false, data, {}, MemorySpec::Host{0x1000, true, true}});
    boot.config.passed = {passed(Blob::Initrd, initrd.start(), kMiB, 0x1000, "rwcxm"),
                          passed(Blob::Data, data.start(), kMiB, 0x1000, "rwcxm")};
    boot.file(Blob::Sniff, "Image", make_image({}));
    const auto plan = boot.plan();
    INFO(boot.first_error());
    REQUIRE(plan);
    CHECK(plan->ram == std::vector{Range::make(kRam, 66 * kMiB).value()});
    CHECK(plan->initrd == initrd);
    CHECK(std::ranges::count(plan->reserved, data) == 1);
    CHECK(std::ranges::count(plan->reserved, initrd) == 0);
    for (const BootBlob& blob : plan->blobs) CHECK_FALSE(blob.at.overlaps(initrd));
    CHECK(plan->tree->last() < initrd.start());
}

TEST_CASE("a kernel, an initrd and a tree are read from the host's memory") {
    const qvm::test::FakeDevmem host{kMiB};
    KeptMemory kept = host.kept();
    const Bytes tree = flat(root());
    host.put(0x1000, make_image({}));
    host.put(0x8'0000, raw(100));
    host.put(0x9'0000, tree);
    Boot boot;
    boot.config.passed = {passed(Blob::Guest, 0x1000, make_image({}).size(), 0x1000, "r"),
                          passed(Blob::Initrd, 0x8'0000, 100, 0x8'0000, "r"),
                          passed(Blob::Fdt, 0x9'0000, 0x1000, 0x9'0000, "r")};
    const auto plan = plan_boot(boot.config, plan_gic(boot.config, boot.errors), boot.errors, &kept);
    INFO(boot.first_error());
    REQUIRE(plan);
    CHECK(plan->initrd->size() == 100);
    CHECK(plan->user_tree);
    const Bytes kernel = make_image({});
    CHECK(
        std::ranges::any_of(plan->blobs, [&](const BootBlob& each) { return std::ranges::equal(each.bytes, kernel); }));
}

TEST_CASE("what is in the host's memory and makes no sense is told where it is passed") {
    const qvm::test::FakeDevmem host{kMiB};
    KeptMemory kept = host.kept();
    const auto told = [&](Blob blob, const Bytes& bytes) {
        host.put(0x1000, bytes);
        Boot boot;
        boot.file(Blob::Sniff, "Image", make_image({}));
        boot.config.passed = {passed(blob, 0x1000, bytes.size(), 0x1000, "r")};
        CHECK_FALSE(plan_boot(boot.config, plan_gic(boot.config, boot.errors), boot.errors, &kept));
        CHECK(boot.errors.all().front().where.line == 7);
        return boot.first_error();
    };
    CHECK_THAT(told(Blob::Acpi, raw(100)), Contains("arm64 guests take no ACPI tables"));
    CHECK_THAT(told(Blob::Fdt, raw(100)), Contains("'host memory at 0x1000' is no device tree"));
    Bytes tree = flat(root());
    tree.resize(tree.size() / 2);
    CHECK_THAT(told(Blob::Fdt, tree), Contains("is a damaged device tree"));
    CHECK_THAT(told(Blob::Guest, make_image({})), Contains("is a second kernel"));
}
