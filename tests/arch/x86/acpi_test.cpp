// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/acpi.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <numeric>

#include "arch/x86/acpi_structs.hpp"
#include "arch/x86/images.hpp"
#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;
using Space = AcpiWindow::Space;

namespace {

AcpiDevice serial(std::uint16_t port, std::uint32_t gsi) {
    return {.hid = "PNP0501", .windows = {{Space::Io, port, 8}}, .interrupts = {{gsi, false}}};
}

AcpiBoard full_board() {
    AcpiBoard board{.cpus = 4, .ioapics = {{4, kIoapic, 0}, {5, 0xf800'0000, 24}}, .i8042 = true, .rtc = true};
    board.devices = {serial(0x3f8, 4), serial(0x2f8, 3), serial(0x3e8, 30)};
    board.devices.push_back({.hid = "PNP0B00", .windows = {{Space::Io, 0x70, 2}}, .interrupts = {{8, false}}});
    board.devices.push_back(
        {.hid = "PNP0303", .windows = {{Space::Io, 0x60, 1}, {Space::Io, 0x64, 1}}, .interrupts = {{1, false}}});
    board.devices.push_back(
        {.hid = "LNRO0005", .windows = {{Space::Memory, 0xd000'0000, 0x200}}, .interrupts = {{40, true}}});
    board.devices.push_back(
        {.hid = "LNRO0005", .windows = {{Space::Memory, 0x1'0000'0000, 0x200}}, .interrupts = {{5, true}}});
    return board;
}

AcpiPci some_pci() {
    AcpiPci pci{.ecam = 0xfeb0'0000, .window = Range::make(0xe000'0000, 256 * kMiB).value()};
    for (unsigned device = 0; device < 32; ++device)
        for (unsigned pin = 0; pin < 4; ++pin) pci.lines[device][pin] = 16 + (device + pin) % 4;
    pci.lines[5][1] = 300;
    return pci;
}

ByteView table(const AcpiImage& image, const std::string& signature) {
    for (const AcpiTable& entry : image.tables)
        if (entry.signature == signature) return ByteView{image.bytes}.subspan(entry.offset, entry.size);
    FAIL("no table " << signature);
    return {};
}

unsigned sum(ByteView bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), 0U,
                           [](unsigned a, std::byte b) { return a + std::to_integer<unsigned>(b); }) &
           0xff;
}

/// The MADT's entries of one type, in order.
std::vector<ByteView> entries(ByteView madt, std::uint8_t type) {
    std::vector<ByteView> found;
    for (std::size_t at = sizeof(acpi::Madt); at < madt.size();) {
        const std::size_t length = get<std::uint8_t>(madt, at + 1).value();
        REQUIRE(length >= 2);
        if (get<std::uint8_t>(madt, at) == type) found.push_back(madt.subspan(at, length));
        at += length;
    }
    return found;
}

struct Output {
    int status = 0;
    std::string text;
};
Output run(const std::string& command) {
    Output output;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> piece{};
    while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), pipe))
        output.text.append(piece.data(), size);
    output.status = ::pclose(pipe);
    return output;
}

std::string read_text(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

bool iasl_is_missing() {
    if (run("iasl -v").status == 0) return false;
    WARN("skipped: iasl is not installed (Debian: acpica-tools)");
    return true;
}

/// Disassembles every table and compiles DSDT again; gives DSDT's source.
std::string through_iasl(const AcpiBoard& board) {
    const test::TempDir dir;
    const AcpiImage image = build_acpi(board, kLegacyAcpi);
    for (const AcpiTable& entry : image.tables) {
        if (entry.signature == "RSDP") continue;  // iasl wants a whole memory dump for it
        const ByteView bytes = table(image, entry.signature);
        const std::string path = dir.write(entry.signature + ".dat", {bytes.begin(), bytes.end()});
        const Output output = run("iasl -d " + path);
        INFO(output.text);
        CHECK(output.status == 0);
        for (const char* bad : {"Error", "Warning", "Invalid", "Incorrect", "unknown", "Unknown"})
            CHECK(output.text.find(bad) == std::string::npos);
        const std::string source = read_text(dir.path() + "/" + entry.signature + ".dsl");
        CHECK(source.find("Invalid") == std::string::npos);
        CHECK(source.find("Incorrect checksum") == std::string::npos);
    }
    const Output output = run("iasl " + dir.path() + "/DSDT.dsl");
    INFO(output.text);
    CHECK(output.status == 0);
    CHECK(output.text.find("0 Errors, 0 Warnings, 0 Remarks") != std::string::npos);
    return read_text(dir.path() + "/DSDT.dsl");
}

}  // namespace

TEST_CASE("all tables can be reached from RSDP, and their checksums are right") {
    const AcpiImage image = build_acpi(full_board(), kLegacyAcpi);
    const auto rsdp = get<acpi::Rsdp>(image.bytes, 0).value();
    CHECK(std::string_view{rsdp.signature, 8} == "RSD PTR ");
    CHECK(+rsdp.revision == 2);
    CHECK(sum(ByteView{image.bytes}.first(20)) == 0);
    CHECK(sum(ByteView{image.bytes}.first(36)) == 0);

    const auto at = [&](std::uint64_t address) {
        const auto header = get<acpi::Header>(image.bytes, address - image.base).value();
        return ByteView{image.bytes}.subspan(address - image.base, header.length);
    };
    const ByteView xsdt = at(rsdp.xsdt_address);
    CHECK(sum(xsdt) == 0);
    REQUIRE(xsdt.size() == 36 + 16);
    const ByteView fadt = at(get<std::uint64_t>(xsdt, 36).value());
    const ByteView madt = at(get<std::uint64_t>(xsdt, 44).value());
    CHECK(sum(fadt) == 0);
    CHECK(sum(madt) == 0);
    const auto fixed = get<acpi::Fadt>(fadt, 0).value();
    CHECK(+fixed.dsdt == +fixed.x_dsdt);
    CHECK(sum(at(fixed.x_dsdt)) == 0);
    CHECK(fixed.firmware_ctrl % 64 == 0);
    CHECK(get<std::uint32_t>(image.bytes, fixed.firmware_ctrl - image.base) == 0x5343'4146U);  // "FACS"
}

TEST_CASE("FADT has the power registers in the old and the new fields, and no way out of ACPI mode") {
    const auto fadt = get<acpi::Fadt>(table(build_acpi(full_board(), 0), "FACP"), 0).value();
    CHECK(+fadt.header.revision == 6);
    CHECK(+fadt.smi_cmd == 0);
    CHECK(+fadt.sci_int == 9);
    CHECK(+fadt.pm1a_evt_blk == 0x600);
    CHECK(+fadt.x_pm1a_evt_blk.address == 0x600);
    CHECK(+fadt.x_pm1a_evt_blk.register_bit_width == 32);
    CHECK(+fadt.pm1a_cnt_blk == 0x604);
    CHECK(+fadt.x_pm1a_cnt_blk.address == 0x604);
    CHECK(+fadt.pm_tmr_blk == 0x608);
    CHECK(+fadt.x_pm_tmr_blk.address == 0x608);
    CHECK(+fadt.reset_reg.address == 0x60c);
    CHECK(+fadt.reset_reg.register_bit_width == 8);
    CHECK(+fadt.reset_value == 1);
    CHECK((fadt.flags & 1U << 4) == 0);   // PWR_BUTTON: fixed power button
    CHECK((fadt.flags & 1U << 5) != 0);   // SLP_BUTTON: no fixed sleep button
    CHECK((fadt.flags & 1U << 10) != 0);  // RESET_REG_SUP
    CHECK((fadt.flags & 1U << 20) == 0);  // HW_REDUCED_ACPI
}

TEST_CASE("FADT tells which legacy devices there are") {
    const auto arch = [](const AcpiBoard& board) {
        return get<acpi::Fadt>(table(build_acpi(board, 0), "FACP"), 0)->iapc_boot_arch;
    };
    CHECK(arch({}) == 0x24);                               // no VGA, no CMOS RTC
    CHECK(arch({.devices = {serial(0x3f8, 4)}}) == 0x25);  // ISA devices
    CHECK(arch({.i8042 = true, .rtc = true}) == 0x07);
}

TEST_CASE("MADT says which lines below 16 are levels: the SCI, and those of devices (ACPI 6.4, 5.2.12.5)") {
    const auto levels = [](const AcpiBoard& board) {
        std::vector<std::uint32_t> found;
        const AcpiImage image = build_acpi(board, 0);
        for (const ByteView source : entries(table(image, "APIC"), 2)) {
            CHECK(get<std::uint8_t>(source, 3) == get<std::uint32_t>(source, 4));
            CHECK(get<std::uint16_t>(source, 8) == 0x0d);
            found.push_back(get<std::uint32_t>(source, 4).value());
        }
        return found;
    };
    CHECK(levels({}) == std::vector<std::uint32_t>{9});
    AcpiBoard board = full_board();  // with edges on 4, 3, 30, 8 and 1, and levels on 40 and 5
    CHECK(levels(board) == std::vector<std::uint32_t>{5, 9});
    board.devices.push_back(board.devices.back());
    board.devices.push_back({.hid = "LNRO0005", .interrupts = {{9, true}, {15, true}, {16, true}}});
    CHECK(levels(board) == std::vector<std::uint32_t>{5, 9, 15});
}

TEST_CASE("MADT has a local APIC for each vCPU, every IOAPIC, and NMI on LINT1") {
    const AcpiImage image = build_acpi(full_board(), 0);
    const ByteView madt = table(image, "APIC");
    CHECK(get<std::uint32_t>(madt, 36) == 0xfee0'0000U);
    CHECK(get<std::uint32_t>(madt, 40) == 0U);  // no PC-AT compatible PICs

    const auto local = entries(madt, 0);
    REQUIRE(local.size() == 4);
    CHECK(get<std::uint8_t>(local[3], 2) == 3);
    CHECK(get<std::uint8_t>(local[3], 3) == 3);
    CHECK(get<std::uint32_t>(local[3], 4) == 1U);

    const auto ioapic = entries(madt, 1);
    REQUIRE(ioapic.size() == 2);
    CHECK(get<std::uint8_t>(ioapic[1], 2) == 5);
    CHECK(get<std::uint32_t>(ioapic[1], 4) == 0xf800'0000U);
    CHECK(get<std::uint32_t>(ioapic[1], 8) == 24U);

    const auto nmi = entries(madt, 4);
    REQUIRE(nmi.size() == 1);
    CHECK(get<std::uint8_t>(nmi[0], 2) == 0xff);
    CHECK(get<std::uint8_t>(nmi[0], 5) == 1);
}

TEST_CASE("a pair of PICs is announced") {
    const AcpiImage image = build_acpi({.i8259 = true}, 0);
    CHECK(get<std::uint32_t>(table(image, "APIC"), 40) == 1U);
}

TEST_CASE("from 255 on, local APICs are x2APICs") {
    const AcpiImage image = build_acpi({.cpus = 300}, 0);
    const ByteView madt = table(image, "APIC");
    CHECK(entries(madt, 0).size() == 255);
    const auto x2apic = entries(madt, 9);
    REQUIRE(x2apic.size() == 45);
    CHECK(get<std::uint32_t>(x2apic[0], 4) == 255U);
    CHECK(get<std::uint32_t>(x2apic[0], 12) == 255U);
    CHECK(entries(madt, 10).size() == 1);
}

TEST_CASE("the size limit holds") {
    AcpiBoard board = full_board();
    for (const unsigned cpus : {1U, 16U, 255U, 256U, 4096U}) {
        board.cpus = cpus;
        CHECK(build_acpi(board, 0).bytes.size() <= acpi_size_limit(cpus, board.ioapics.size(), board.devices.size()));
    }
    CHECK(build_acpi({.cpus = 0}, 0).bytes.size() <= acpi_size_limit(0, 0, 0));
    AcpiPci pci = some_pci();
    for (auto& device : pci.lines) device.fill(UINT32_MAX);
    CHECK(build_acpi({.cpus = 0, .pci = pci}, 0).bytes.size() - build_acpi({.cpus = 0}, 0).bytes.size() <=
          kAcpiPciLimit);
}

TEST_CASE("iasl reads every table and compiles DSDT again without a complaint") {
    if (iasl_is_missing()) return;
    const std::string source = through_iasl(full_board());
    const auto has = [&](const char* text) {
        INFO(text);
        CHECK(source.find(text) != std::string::npos);
    };
    has("Name (\\_S5");
    has("Scope (\\_SB)");
    has("Name (_HID, \"ACPI0007\"");
    has("Device (COM1)");
    has("Device (COM3)");
    has("Device (RTC1)");
    has("Device (KBD1)");
    has("EisaId (\"PNP0501\")");
    has("0x03F8,             // Range Minimum");
    has("IRQNoFlags ()");
    has("Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive");
    has("Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive");
    has("Memory32Fixed (ReadWrite");
    has("QWordMemory (ResourceConsumer");
}

TEST_CASE("MCFG has the configuration space of bus 0 (PCI Firmware 3.2, 4.1.2)") {
    const AcpiImage image = build_acpi({.pci = some_pci()}, 0);
    const ByteView mcfg = table(image, "MCFG");
    REQUIRE(mcfg.size() == 36 + 8 + 16);
    CHECK(sum(mcfg) == 0);
    CHECK(get<std::uint64_t>(mcfg, 44) == 0xfeb0'0000U);
    CHECK(get<std::uint64_t>(mcfg, 52) == 0U);  // segment 0, buses 0 to 0
    const AcpiImage without = build_acpi({}, 0);
    CHECK(std::ranges::none_of(without.tables, [](const AcpiTable& each) { return each.signature == "MCFG"; }));
}

TEST_CASE("iasl reads the host bridge with its windows and its pins") {
    if (iasl_is_missing()) return;
    AcpiBoard board = full_board();
    board.pci = some_pci();
    const std::string source = through_iasl(board);
    const auto has = [&](const std::string& text) {
        INFO(text);
        CHECK(source.find(text) != std::string::npos);
    };
    has("EisaId (\"PNP0A08\")");
    has("Name (_CID, EisaId (\"PNP0A03\")");
    has("WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode");
    has("0x0CF8,             // Range Minimum");
    has("DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite");
    has("0xE0000000,         // Range Minimum");
    has("0xEFFFFFFF,         // Range Maximum");
    has("Name (_PRT, Package (0x80)");
    has("0x001FFFFF");  // device 31
    has("0x012C");      // the pin that leads elsewhere
    has("EisaId (\"PNP0C02\")");
    has("0xFEB00000,         // Address Base");
    board.pci->window = Range::make(0x10'0000'0000, kGiB).value();
    const std::string high = through_iasl(board);
    CHECK(high.find("QWordMemory (ResourceProducer, PosDecode") != std::string::npos);
}

TEST_CASE("iasl accepts the smallest and a large board") {
    if (iasl_is_missing()) return;
    through_iasl({.cpus = 1, .ioapics = {{0, kIoapic, 0}}});
    AcpiBoard large{.cpus = 300, .ioapics = {{0, kIoapic, 0}}};
    for (unsigned i = 0; i < 20; ++i) large.devices.push_back(serial(static_cast<std::uint16_t>(0x1000 + 8 * i), 4));
    large.devices.push_back({.hid = "QVM0001", .windows = {{Space::Io, 0x2000, 0x400}}});
    through_iasl(large);
}
