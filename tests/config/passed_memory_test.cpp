// SPDX-License-Identifier: Apache-2.0
// Passed memory that is the guest's RAM, or holds an image.
#include "config/passed_memory.hpp"

#include <catch2/catch.hpp>

#include "config/print_config.hpp"
#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

struct Taken {
    explicit Taken(std::string_view text) : out{parse(text)} {
        INFO(out.rendered());
        REQUIRE(out.config);
        take_passed_memory(*out.config, out.diagnostics);
    }
    [[nodiscard]] Messages messages() const { return out.messages(); }
    [[nodiscard]] bool says(const std::string& part) const { return out.rendered().find(part) != std::string::npos; }
    Outcome out;
};

Range at(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

}  // namespace

TEST_CASE("memory passed with m becomes the guest's RAM, behind its lines") {
    const Taken taken{
        "pass loc 0x80000000,64M,rwcxm=0x90000000 loc 0xf0000000,64K,rw ram 0,1M\n"
        "data pass loc 0x84000000,4K,rwm initrd pass loc 0x84001000,8K,+m load kernel"};
    CHECK(taken.messages().empty());
    const auto& memory = taken.out.config->memory;
    REQUIRE(memory.size() == 4);
    CHECK_FALSE(memory[0].host);
    CHECK(memory[1] == MemorySpec{false, at(0x8000'0000, 64 * kMiB), {}, MemorySpec::Host{0x9000'0000, true, false}});
    CHECK(memory[1].where.line == 1);
    CHECK(memory[2] == MemorySpec{false, at(0x8400'0000, 0x1000), {}, MemorySpec::Host{0x8400'0000, false, true}});
    CHECK(memory[3] == MemorySpec{false, at(0x8400'1000, 0x2000), {}, MemorySpec::Host{0x8400'1000, false, true}});
    CHECK_FALSE(taken.out.config->damage.memory);
    CHECK(print_config(*taken.out.config).find("ram 0x80000000") == std::string::npos);
}

TEST_CASE("RAM that a pass cannot give is refused where it stands") {
    const auto refusal = [](const std::string& loc) {
        const Taken taken{"ram 1M\npass loc " + loc};
        CHECK(taken.out.config->damage.memory);
        CHECK(taken.out.config->memory.size() == 1);
        REQUIRE_FALSE(taken.messages().empty());
        return taken.messages().front();
    };
    CHECK(refusal("2M,4K,rm") == "2:10 error: what the guest takes for RAM (m) can be read and written");
    CHECK(refusal("2M,4K,m") == "2:10 error: what the guest takes for RAM (m) can be read and written");
    CHECK(refusal("0x200800,4K,rwm") == "2:10 error: the start 0x200800 of RAM is not a multiple of 4 KiB");
    CHECK(refusal("2M,6K,rwm") == "2:10 error: the length 0x1800 of RAM is not a multiple of 4 KiB");
    CHECK(refusal("2M,4K,rwm=0x10") == "2:10 error: the host's address 0x10 of RAM is not a multiple of 4 KiB");
    CHECK(refusal("io:0x60,1,rwm") == "2:10 error: ports cannot be the guest's RAM");
    CHECK(refusal("1020K,8K,rwm") == "2:10 error: the range 0xff000 to 0x100fff is taken");
}

TEST_CASE("RAM that is passed twice is told with both places") {
    const Taken taken{"pass loc 0,1M,rwm\n     loc 512K,1M,rwm=4G\n"};
    CHECK(taken.out.config->memory.size() == 1);
    CHECK(taken.messages() == Messages{"2:10 error: the range 0x80000 to 0x17ffff is taken",
                                       "1:10 note: by this ram, which has 0x0 to 0xfffff"});
}

TEST_CASE("the last page of all can be RAM, once") {
    const Taken taken{"pass loc 0xfffffffffffff000,rwm loc 0xfffffffffffff000,rwm"};
    CHECK(taken.messages().front() == "1:37 error: the range 0xfffffffffffff000 to 0xffffffffffffffff is taken");
}

TEST_CASE("letters of a PCI device mean nothing") {
    const Taken taken{"ram 1M\npass loc pci:0:3.0"};
    CHECK(taken.messages().empty());
    CHECK(taken.out.config->memory.size() == 1);
}

TEST_CASE("a word before pass makes images of its memory") {
    const Taken taken{
        "ram 1M\nguest pass loc 0xb0000000,5000,rc=0x90000010\ninitrd pass loc 0x200000,8K,rwxm=0x91000000\n"
        "data pass loc 0xb1000000,4K,r pass loc 0xb2000000,4K\nacpi pass loc 0xb3000000 loc 0xb4000000,100"};
    CHECK(taken.messages().empty());
    const std::vector<PassedImage> images = passed_images(*taken.out.config);
    REQUIRE(images.size() == 4);
    CHECK(images[0].load.blob == Blob::Guest);
    CHECK(images[0].load.path == "host memory at 0x90000010");
    CHECK(images[0].load.passed);
    CHECK(images[0].load.where.line == 2);
    CHECK(images[0].host == at(0x9000'0010, 5000));
    CHECK(images[0].cached);
    CHECK_FALSE(images[0].in_ram);
    CHECK(images[1].in_ram == at(0x20'0000, 0x2000));
    CHECK(images[2].host == at(0xb300'0000, 0x1000));
    CHECK(images[3].host == at(0xb400'0000, 100));
    CHECK(words_for("initrd", images[0].load) == "initrd pass");
    CHECK(words_for("initrd", LoadSpec{Blob::Guest, {}, "a", {}}) == "initrd load a");
}

TEST_CASE("an image that a pass cannot hold is refused where it stands") {
    const auto refusal = [](const std::string& pass) {
        const Taken taken{"ram 1M\n" + pass};
        REQUIRE_FALSE(taken.messages().empty());
        CHECK(passed_images(*taken.out.config).empty());
        return taken.messages().front();
    };
    CHECK(refusal("initrd pass") == "2:8 error: this 'initrd pass' names no memory");
    CHECK(refusal("guest pass loc io:0x60") == "2:16 error: 'guest pass' takes memory, and this is none");
    CHECK(refusal("fdt pass loc pci:0:3.0") == "2:14 error: 'fdt pass' takes memory, and this is none");
    CHECK(refusal("acpi pass loc 4G,2G,r") == "2:15 error: an image of 0x80000000 bytes; it may have 1 GiB");
    CHECK(refusal("guest pass loc 2M,4K,rwm") ==
          "2:16 error: 'guest pass' reads the image where it is, which is no RAM (m)");
    CHECK(refusal("fdt pass loc 2M,4K,rwm") ==
          "2:14 error: 'fdt pass' reads the image where it is, which is no RAM (m)");
    CHECK(Taken{"ram 1M\nguest pass loc 2M,4K,rwm"}.says("hint: leave the m out of its letters"));
    CHECK(Taken{"ram 1M\ninitrd pass"}.out.config->damage.loads);
}
