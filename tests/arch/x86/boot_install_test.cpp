// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "arch/x86/boot.hpp"
#include "arch/x86/images.hpp"
#include "arch/x86/layout.hpp"
#include "arch/x86/pvh.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Blob = LoadSpec::Blob;

namespace {

struct Installed {
    GuestMemory memory{};
    BootPlan plan{};
    BootEntry entry{};

    explicit Installed(VmConfig& config) {
        Diagnostics errors;
        auto made = plan_boot(config, errors);
        for (const Diagnostic& error : errors.all()) UNSCOPED_INFO(error.message);
        REQUIRE(made);
        plan = std::move(*made);
        for (const MemorySpec& spec : config.memory)
            memory.add(spec.range, spec.rom ? GuestMemory::Kind::Rom : GuestMemory::Kind::Ram);
        entry = install_boot(plan, memory,
                             {.cpus = static_cast<unsigned>(config.cpus.size()), .ioapics = {{0, kIoapic, 0}}});
    }
    template <typename T>
    T at(std::uint64_t address) const {
        return memory.read<T>(Gpa{address}).value();
    }
    std::string text(std::uint64_t address) const {
        std::string result;
        while (const char c = at<char>(address + result.size())) result.push_back(c);
        return result;
    }
};

VmConfig config_of(std::vector<MemorySpec> memory) {
    VmConfig config;
    config.memory = std::move(memory);
    config.cpus.resize(2);
    config.cmdline = CmdlineSpec{"console=ttyS0 panic=-1", {}};
    return config;
}

}  // namespace

TEST_CASE("after install a Linux guest finds kernel, zero page, command line, initrd and RSDP") {
    const TempDir dir;
    VmConfig config = config_of({ram(0, 64 * kMiB)});
    config.loads = {load(Blob::Sniff, dir.write("vmlinuz", make_bzimage())),
                    load(Blob::Initrd, dir.write("initrd", text_image("070701")))};
    const Installed vm{config};
    CHECK(vm.entry.mode == BootEntry::Mode::Long64);
    CHECK(vm.entry.rip == 16 * kMiB + 0x200);
    CHECK(vm.at<std::uint8_t>(vm.entry.rip) == 0xaa);
    CHECK(vm.entry.rsi == kZeroPage);
    CHECK(vm.at<std::uint32_t>(vm.entry.rsi + 0x202) == 0x5372'6448U);
    CHECK(vm.text(vm.at<std::uint32_t>(vm.entry.rsi + 0x228)) == "console=ttyS0 panic=-1");
    CHECK(vm.at<char>(vm.at<std::uint32_t>(vm.entry.rsi + 0x218) + 5) == '1');
    CHECK(vm.at<std::uint32_t>(vm.entry.rsi + 0x21c) == 6);
    CHECK(vm.at<std::uint64_t>(vm.at<std::uint64_t>(vm.entry.rsi + 0x070)) == 0x2052'5450'2044'5352U);  // "RSD PTR "
}

TEST_CASE("after install a PVH guest finds its segments and start_info") {
    const TempDir dir;
    VmConfig config = config_of({ram(0, 0xa0000), rom(0xc0000, 0x40000), ram(kMiB, kMiB)});
    config.loads = {load(Blob::Sniff, dir.write("guest.elf", make_elf32())),
                    load(Blob::Data, dir.write("data", text_image("hello")), 2, 0xc0000)};
    const Installed vm{config};
    CHECK(vm.entry.mode == BootEntry::Mode::Protected32);
    CHECK(vm.entry.rip == 0x10'0010);
    CHECK(vm.at<std::uint8_t>(0x10'003f) == 0xbb);
    CHECK(vm.at<std::uint8_t>(0x10'0040) == 0);
    CHECK(vm.text(0xc0000) == "hello");
    const auto info = vm.at<HvmStartInfo>(vm.entry.rbx);
    CHECK(info.magic == kHvmStartMagic);
    CHECK(vm.text(info.cmdline_paddr) == "console=ttyS0 panic=-1");
    CHECK(info.rsdp_paddr == kLegacyAcpi);
    CHECK(info.nr_modules == 0);
}

TEST_CASE("tables of acpi load are in the guest's list, byte for byte") {
    const TempDir dir;
    VmConfig config = config_of({ram(0, 0xa0000), rom(0xc0000, 0x40000), ram(kMiB, kMiB)});
    config.loads = {load(Blob::Sniff, dir.write("guest.elf", make_elf32())),
                    load(Blob::Acpi, dir.write("a", make_acpi_table("SSDT"))),
                    load(Blob::Acpi, dir.write("b", make_acpi_table("OEM1")))};
    const Installed vm{config};
    const auto xsdt = vm.at<std::uint64_t>(kLegacyAcpi + 24);
    REQUIRE(vm.at<std::uint32_t>(xsdt + 4) == 36 + 4 * 8);
    const auto signature = [&vm](std::uint64_t table) {
        std::string text;
        for (unsigned i = 0; i < 4; ++i) text += vm.at<char>(table + i);
        return text;
    };
    const auto third = vm.at<std::uint64_t>(xsdt + 36 + 16);
    const auto fourth = vm.at<std::uint64_t>(xsdt + 36 + 24);
    CHECK(signature(third) == "SSDT");
    CHECK(signature(fourth) == "OEM1");
    unsigned sum = 0;
    for (unsigned i = 0; i < 40; ++i) sum += vm.at<std::uint8_t>(fourth + i);
    CHECK(sum % 256 == 0);
}

TEST_CASE("a blob across two lines that touch arrives whole") {
    const TempDir dir;
    VmConfig config = config_of({ram(0, 2 * kMiB), ram(2 * kMiB, 2 * kMiB)});
    config.loads = {load(Blob::Sniff, dir.write("guest.elf", make_elf32())),
                    load(Blob::Data, dir.write("data", text_image("across the seam")), 2, 2 * kMiB - 6)};
    const Installed vm{config};
    CHECK(vm.text(2 * kMiB - 6) == "across the seam");
}
