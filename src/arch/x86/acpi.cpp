// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/acpi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>

#include "arch/little_endian.hpp"
#include "arch/x86/acpi_pm.hpp"
#include "arch/x86/acpi_structs.hpp"
#include "arch/x86/aml.hpp"
#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

using namespace acpi;
using aml::operator+=;
using Table = std::vector<std::byte>;

constexpr std::uint8_t kSystemIo = 1;       // address_space_id
constexpr std::uint32_t kPcatCompat = 1;    // MADT flags
constexpr std::uint32_t kApicEnabled = 1;   // local APIC flags
constexpr std::uint16_t kLevelHigh = 0x0d;  // MPS INTI flags: active high, level
constexpr std::uint8_t kLint1 = 1;
constexpr unsigned kFirstX2apicOnly = 255;  // 8-bit APIC id and UID 255 mean "all"

// FADT flags (ACPI 6.4, table 5.10).
constexpr std::uint32_t kWbinvd = 1U << 0;
constexpr std::uint32_t kProcC1 = 1U << 2;
constexpr std::uint32_t kSlpButton =
    1U << 5;                                 // no fixed sleep button; PWR_BUTTON (bit 4) clear: there is a power button
constexpr std::uint32_t kFixRtc = 1U << 6;   // no RTC alarm in the fixed registers
constexpr std::uint8_t kCmosCentury = 0x32;  // where vdev mc146818 keeps it
constexpr std::uint32_t kTmrValExt = 1U << 8;  // the timer has 32 bits
constexpr std::uint32_t kResetRegSup = 1U << 10;

constexpr std::uint64_t kEcamOfOneBus = kMiB;  // PCI Express Base 5.0, 7.2.2

// IAPC_BOOT_ARCH (ACPI 6.4, table 5.11).
constexpr std::uint16_t kLegacyDevices = 1U << 0;
constexpr std::uint16_t k8042 = 1U << 1;
constexpr std::uint16_t kVgaNotPresent = 1U << 2;
constexpr std::uint16_t kCmosRtcNotPresent = 1U << 5;

static_assert(kPm1aEvtBlk - kPmBase == AcpiPm::kPm1Event && kPm1aCntBlk - kPmBase == AcpiPm::kPm1Control &&
              kPmTmrBlk - kPmBase == AcpiPm::kPmTimer && kResetReg - kPmBase == AcpiPm::kReset &&
              kResetValue == AcpiPm::kResetValue && kSlpTypS5 == AcpiPm::kSleepTypeS5);

std::uint8_t checksum(ByteView bytes) {
    unsigned sum = 0;
    for (const std::byte value : bytes) sum += std::to_integer<unsigned>(value);
    return static_cast<std::uint8_t>(0U - sum);
}

template <std::size_t N>
void fill(char (&field)[N], std::string_view text) {
    std::fill(std::begin(field), std::end(field), ' ');
    std::copy_n(text.begin(), std::min(N, text.size()), field);
}

template <typename T>
void append(Table& table, const T& value) {
    const auto bytes = std::as_bytes(std::span{&value, 1});
    table.insert(table.end(), bytes.begin(), bytes.end());
}

Header header(std::string_view signature, std::uint8_t revision) {
    Header result{};
    fill(result.signature, signature);
    result.revision = revision;
    fill(result.oem_id, "QVM");
    fill(result.oem_table_id, "QVMX86");
    result.oem_revision = 1;
    fill(result.creator_id, "QVM");
    result.creator_revision = 1;
    return result;
}

/// Sets length and checksum of a table that begins with a Header.
Table sealed(Table table) {
    put(table, offsetof(Header, length), static_cast<std::uint32_t>(table.size()));
    put(table, offsetof(Header, checksum), std::uint8_t{0});
    put(table, offsetof(Header, checksum), checksum(table));
    return table;
}

// ---- DSDT

/// Two kinds of names: those that people know, by hardware id; D000 and so on for the rest.
class DeviceNames {
public:
    std::string next(std::string_view hid) {
        static const std::map<std::string_view, std::string_view> prefixes{
            {"PNP0501", "COM"}, {"PNP0B00", "RTC"}, {"PNP0303", "KBD"}, {"PNP0F13", "MOU"}};
        const auto known = prefixes.find(hid);
        const unsigned number = count_[std::string{hid}]++;
        if (known == prefixes.end() || number >= 15) return fmt::format("D{:03X}", others_++);
        return fmt::format("{}{:X}", known->second, number + 1);
    }
    /// Starts at 0 for each hardware id.
    [[nodiscard]] unsigned uid(const std::string& hid) const { return count_.at(hid) - 1; }

private:
    std::map<std::string, unsigned> count_;
    unsigned others_ = 0;
};

aml::Bytes processor(unsigned number) {
    aml::Bytes terms = aml::name("_HID", aml::hardware_id("ACPI0007"));
    terms += aml::name("_UID", aml::integer(number));
    return aml::device(fmt::format("C{:03X}", number), terms);
}

aml::Bytes resources(const AcpiDevice& device) {
    aml::Bytes list;
    for (const AcpiWindow& window : device.windows)
        list += window.space == AcpiWindow::Space::Io
                    ? aml::io_ports(static_cast<std::uint16_t>(window.base), static_cast<std::uint32_t>(window.size))
                    : aml::memory(window.base, window.size);
    // The short descriptor means an ISA interrupt, which is always edge and active high.
    for (const AcpiInterrupt& line : device.interrupts)
        list += line.gsi < 16 && !line.level ? aml::irq(line.gsi) : aml::extended_interrupt(line.gsi, line.level);
    return aml::resource_template(list);
}

aml::Bytes legacy_device(const AcpiDevice& device, DeviceNames& names) {
    const std::string path = names.next(device.hid);
    aml::Bytes terms = aml::name("_HID", aml::hardware_id(device.hid));
    terms += aml::name("_UID", aml::integer(names.uid(device.hid)));
    terms += aml::name("_STA", aml::integer(0xf));  // present, enabled, shown, working
    terms += aml::name("_CRS", resources(device));
    return aml::device(path, terms);
}

/// Pins of devices to GSIs (ACPI 6.4, 6.2.13): the address means all functions of a device.
aml::Bytes routing_table(const AcpiPci& pci) {
    std::vector<aml::Bytes> rows;
    for (std::size_t device = 0; device < pci.lines.size(); ++device)
        for (std::size_t pin = 0; pin < pci.lines[device].size(); ++pin)
            rows.push_back(aml::package({aml::integer(device << 16 | 0xffff), aml::integer(pin), aml::integer(0),
                                         aml::integer(pci.lines[device][pin])}));
    return aml::package(rows);
}

/// The host bridge (PCI Firmware 3.2, 4.1.3), and the claim to the configuration space that must not be the bridge's
/// (4.1.2).
aml::Bytes pci_devices(const AcpiPci& pci) {
    aml::Bytes windows = aml::bridge_buses(0, 0);
    windows += aml::io_ports(kPciPorts, 8);
    windows += aml::bridge_memory(pci.window.start(), pci.window.size());
    aml::Bytes bridge = aml::name("_HID", aml::hardware_id("PNP0A08"));
    bridge += aml::name("_CID", aml::hardware_id("PNP0A03"));
    bridge += aml::name("_UID", aml::integer(0));
    bridge += aml::name("_CRS", aml::resource_template(windows));
    bridge += aml::name("_PRT", routing_table(pci));
    aml::Bytes claim = aml::name("_HID", aml::hardware_id("PNP0C02"));
    claim += aml::name("_UID", aml::integer(0));
    claim += aml::name("_CRS", aml::resource_template(aml::memory(pci.ecam, kEcamOfOneBus)));
    aml::Bytes both = aml::device("PCI0", bridge);
    both += aml::device("ECAM", claim);
    return both;
}

Table make_dsdt(const AcpiBoard& board) {
    aml::Bytes terms;
    for (unsigned cpu = 0; cpu < board.cpus; ++cpu) terms += processor(cpu);
    DeviceNames names;
    for (const AcpiDevice& device : board.devices) terms += legacy_device(device, names);
    if (board.pci) terms += pci_devices(*board.pci);

    aml::Bytes code =
        aml::name("\\_S5", aml::package({aml::integer(kSlpTypS5), aml::integer(0), aml::integer(0), aml::integer(0)}));
    code += aml::scope("\\_SB", terms);
    Table table;
    append(table, header("DSDT", 2));  // from revision 2 on integers have 64 bits
    const auto bytes = std::as_bytes(std::span{code});
    table.insert(table.end(), bytes.begin(), bytes.end());
    return sealed(std::move(table));
}

// ---- MADT

void append_local_apic(Table& table, unsigned cpu) {
    if (cpu < kFirstX2apicOnly)
        append(table, MadtLocalApic{.processor_uid = static_cast<std::uint8_t>(cpu),
                                    .apic_id = static_cast<std::uint8_t>(cpu),
                                    .flags = kApicEnabled});
    else
        append(table, MadtLocalX2apic{.reserved = 0, .x2apic_id = cpu, .flags = kApicEnabled, .processor_uid = cpu});
}

/// ACPI 6.4, 5.2.12.5. An ISA interrupt, that is a line below 16, is an edge unless something else is said here. Linux
/// does not give such a line to a device that says so only in its own resources.
void append_source_overrides(Table& table, const AcpiBoard& board) {
    constexpr std::uint32_t kIsaLines = 16;
    std::set<std::uint32_t> levels{kSciGsi};
    for (const AcpiDevice& device : board.devices) {
        for (const AcpiInterrupt& line : device.interrupts)
            if (line.level && line.gsi < kIsaLines) levels.insert(line.gsi);
    }
    for (const std::uint32_t gsi : levels) {
        const auto source = static_cast<std::uint8_t>(gsi);
        append(table, MadtSourceOverride{.bus = 0, .source = source, .gsi = gsi, .flags = kLevelHigh});
    }
}

Table make_madt(const AcpiBoard& board) {
    Table table;
    append(table,
           Madt{.header = header("APIC", 5), .local_apic_address = kLocalApic, .flags = board.i8259 ? kPcatCompat : 0});
    for (unsigned cpu = 0; cpu < board.cpus; ++cpu) append_local_apic(table, cpu);
    for (const AcpiIoapic& chip : board.ioapics)
        append(table, MadtIoapic{.id = chip.id, .reserved = 0, .address = chip.address, .gsi_base = chip.gsi_base});
    append_source_overrides(table, board);
    append(table, MadtLocalApicNmi{.processor_uid = 0xff, .flags = 0, .lint = kLint1});
    if (board.cpus > kFirstX2apicOnly)
        append(table, MadtLocalX2apicNmi{.flags = 0, .processor_uid = UINT32_MAX, .lint = kLint1, .reserved = {}});
    return sealed(std::move(table));
}

// ---- MCFG

Table make_mcfg(const AcpiPci& pci) {
    Table table;
    append(table, Mcfg{.header = header("MCFG", 1), .reserved = 0});
    append(table, McfgAllocation{.base_address = pci.ecam, .segment = 0, .start_bus = 0, .end_bus = 0, .reserved = 0});
    return sealed(std::move(table));
}

// ---- FADT, FACS, XSDT, RSDP

GenericAddress io_register(std::uint16_t port, std::uint8_t bits, std::uint8_t access_size) {
    return {kSystemIo, bits, 0, access_size, port};
}

std::uint16_t boot_arch(const AcpiBoard& board) {
    const bool isa = board.i8042 || board.rtc ||
                     std::any_of(board.devices.begin(), board.devices.end(), [](const AcpiDevice& device) {
                         return std::any_of(device.windows.begin(), device.windows.end(),
                                            [](const AcpiWindow& w) { return w.space == AcpiWindow::Space::Io; });
                     });
    return static_cast<std::uint16_t>(kVgaNotPresent | (isa ? kLegacyDevices : 0) | (board.i8042 ? k8042 : 0) |
                                      (board.rtc ? 0 : kCmosRtcNotPresent));
}

void set_power_registers(Fadt& fadt) {
    fadt.pm1a_evt_blk = kPm1aEvtBlk;
    fadt.pm1a_cnt_blk = kPm1aCntBlk;
    fadt.pm_tmr_blk = kPmTmrBlk;
    fadt.pm1_evt_len = 4;
    fadt.pm1_cnt_len = 2;
    fadt.pm_tmr_len = 4;
    fadt.x_pm1a_evt_blk = io_register(kPm1aEvtBlk, 32, 2);
    fadt.x_pm1a_cnt_blk = io_register(kPm1aCntBlk, 16, 2);
    fadt.x_pm_tmr_blk = io_register(kPmTmrBlk, 32, 3);
    fadt.reset_reg = io_register(kResetReg, 8, 1);
    fadt.reset_value = kResetValue;
}

Table make_fadt(const AcpiBoard& board, std::uint64_t facs, std::uint64_t dsdt) {
    Fadt fadt{};
    fadt.header = header("FACP", 6);
    fadt.fadt_minor_version = 4;
    fadt.firmware_ctrl = static_cast<std::uint32_t>(facs);  // x_firmware_ctrl is for a FACS above 4 GiB
    fadt.dsdt = static_cast<std::uint32_t>(dsdt);
    fadt.x_dsdt = dsdt;
    fadt.sci_int = kSciGsi;
    set_power_registers(fadt);
    fadt.p_lvl2_lat = 0xfff;  // more than 100 and 1000: no C2, no C3
    fadt.p_lvl3_lat = 0xfff;
    fadt.century = board.rtc ? kCmosCentury : 0;
    fadt.iapc_boot_arch = boot_arch(board);
    fadt.flags = kWbinvd | kProcC1 | kSlpButton | kFixRtc | kTmrValExt | kResetRegSup;
    Table table;
    append(table, fadt);
    return sealed(std::move(table));
}

Table make_facs() {
    Facs facs{};
    fill(facs.signature, "FACS");
    facs.length = sizeof facs;
    facs.version = 2;
    Table table;
    append(table, facs);
    return table;
}

Table make_xsdt(const std::vector<std::uint64_t>& addresses) {
    Table table;
    append(table, header("XSDT", 1));
    for (const std::uint64_t address : addresses) append(table, address);
    return sealed(std::move(table));
}

Table make_rsdp(std::uint64_t xsdt) {
    Rsdp rsdp{};
    fill(rsdp.signature, "RSD PTR ");
    fill(rsdp.oem_id, "QVM");
    rsdp.revision = 2;
    rsdp.length = sizeof rsdp;
    rsdp.xsdt_address = xsdt;
    const ByteView bytes = std::as_bytes(std::span{&rsdp, 1});
    rsdp.checksum = checksum(bytes.first(20));
    rsdp.extended_checksum = checksum(bytes);
    Table table;
    append(table, rsdp);
    return table;
}

std::string signature_of(ByteView table) {
    std::string text;
    for (const std::byte letter : table.first(4)) text += static_cast<char>(letter);
    return text;
}

/// Puts tables one behind another; RSDP's room is kept at the start, since it is made last.
class ImageBuilder {
public:
    explicit ImageBuilder(std::uint64_t base) : image_{.base = base, .bytes = Table(kAlign), .tables = {}} {}

    std::uint64_t add(std::string signature, const Table& table) {
        const std::uint64_t offset = image_.bytes.size();
        image_.tables.push_back({std::move(signature), offset, table.size()});
        image_.bytes.insert(image_.bytes.end(), table.begin(), table.end());
        image_.bytes.resize(align_up(image_.bytes.size(), kAlign));
        return image_.base + offset;
    }

    AcpiImage finish(const Table& rsdp) {
        std::copy(rsdp.begin(), rsdp.end(), image_.bytes.begin());
        image_.tables.push_back({"RSDP", 0, rsdp.size()});
        return std::move(image_);
    }

private:
    static constexpr std::size_t kAlign = 64;  // FACS wants it
    AcpiImage image_;
};

}  // namespace

AcpiImage build_acpi(const AcpiBoard& board, std::uint64_t base) {
    if (base % 64 != 0 || base > UINT32_MAX) throw std::logic_error{"ACPI tables: bad address"};
    ImageBuilder image{base};
    const std::uint64_t facs = image.add("FACS", make_facs());
    const std::uint64_t dsdt = image.add("DSDT", make_dsdt(board));
    const std::uint64_t fadt = image.add("FACP", make_fadt(board, facs, dsdt));
    std::vector<std::uint64_t> listed{fadt, image.add("APIC", make_madt(board))};
    if (board.pci) listed.push_back(image.add("MCFG", make_mcfg(*board.pci)));
    for (const ByteView extra : board.extra_tables)
        listed.push_back(image.add(signature_of(extra), Table{extra.begin(), extra.end()}));
    const std::uint64_t xsdt = image.add("XSDT", make_xsdt(listed));
    return image.finish(make_rsdp(xsdt));
}

std::string why_no_extra_table(ByteView table) {
    constexpr std::array<std::string_view, 8> kOurs{"FACP", "FACS", "DSDT", "APIC", "MCFG", "XSDT", "RSDT", "RSD "};
    if (table.size() < sizeof(Header)) return fmt::format("has {} bytes and an ACPI table at least 36", table.size());
    const auto length = get<std::uint32_t>(table, offsetof(Header, length)).value();
    if (length != table.size())
        return fmt::format("has {} bytes, but says that it is an ACPI table of {}", table.size(), length);
    if (checksum(table) != 0) return "is no ACPI table, or a damaged one: its checksum is wrong";
    const std::string signature = signature_of(table);
    if (std::find(kOurs.begin(), kOurs.end(), signature) == kOurs.end()) return {};
    return fmt::format("is a table '{}', which qvm makes by itself", signature);
}

std::uint64_t acpi_size_limit(std::size_t cpus, std::size_t ioapics, std::size_t devices) noexcept {
    constexpr std::uint64_t kFixed = 2048;     // RSDP, FACS, XSDT, FADT, headers, gaps
    constexpr std::uint64_t kProcessor = 64;   // 16 in MADT, at most 40 in DSDT
    constexpr std::uint64_t kIoapicRoom = 16;  // 12 in MADT
    constexpr std::uint64_t kDevice = 512;     // 40 and its resources of at most 46 each
    return kFixed + cpus * kProcessor + ioapics * kIoapicRoom + devices * kDevice;
}

}  // namespace qvm::x86
