// SPDX-License-Identifier: Apache-2.0
// ACPI tables (ACPI specification 6.4, chapter 5) for a board of local APICs, IOAPICs and legacy devices. The machine
// is always in ACPI mode (no SMI_CMD), has a fixed power button, S5 and a reset register; see layout.hpp for the ports.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/units.hpp"

namespace qvm::x86 {

struct AcpiIoapic {
    std::uint8_t id = 0;
    std::uint32_t address = 0;
    std::uint32_t gsi_base = 0;  ///< of its line 0; the lines of all IOAPICs follow one another
};

struct AcpiWindow {
    enum class Space : std::uint8_t { Io, Memory };
    Space space = Space::Io;
    std::uint64_t base = 0;
    std::uint64_t size = 0;
};

struct AcpiInterrupt {
    std::uint32_t gsi = 0;
    bool level = false;  ///< else edge; both active high
};

struct AcpiDevice {
    std::string hid;  ///< PNP0501 (serial), PNP0B00 (RTC), PNP0303 (keyboard), or any other
    std::vector<AcpiWindow> windows{};
    std::vector<AcpiInterrupt> interrupts{};
};

/// PCI with bus 0 alone.
struct AcpiPci {
    std::uint64_t ecam = 0;                                ///< base address of its configuration space
    Range window;                                          ///< for BARs
    std::array<std::array<std::uint32_t, 4>, 32> lines{};  ///< GSI of each device's pins; levels
};

struct AcpiBoard {
    unsigned cpus = 1;  ///< local APIC ids 0 to cpus - 1
    std::vector<AcpiIoapic> ioapics{};
    std::vector<AcpiDevice> devices{};
    std::optional<AcpiPci> pci{};
    std::vector<std::span<const std::byte>> extra_tables{};  ///< whole and sealed; each 36 bytes or more
    bool i8259 = false;                                      ///< a pair of PICs (PCAT_COMPAT)
    bool i8042 = false;
    bool rtc = false;
};

/// One table in the image, for tests and for those who look for it.
struct AcpiTable {
    std::string signature;  ///< four letters; "RSDP" for the root pointer
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// All tables as one image that works at the address it was built for, and nowhere else. RSDP is at its start.
struct AcpiImage {
    std::uint64_t base = 0;
    std::vector<std::byte> bytes;
    std::vector<AcpiTable> tables;
};

/// `base` must be a multiple of 64 (FACS).
[[nodiscard]] AcpiImage build_acpi(const AcpiBoard& board, std::uint64_t base);

/// Why these bytes are no ACPI table that could be added to those of build_acpi(); empty if they are one.
[[nodiscard]] std::string why_no_extra_table(std::span<const std::byte> table);

/// At least as many bytes as build_acpi() will need for that many processors and devices, without extra tables and PCI.
[[nodiscard]] std::uint64_t acpi_size_limit(std::size_t cpus, std::size_t ioapics, std::size_t devices) noexcept;
/// At least as many as it will need for PCI in addition.
inline constexpr std::uint64_t kAcpiPciLimit = 4096;

}  // namespace qvm::x86
