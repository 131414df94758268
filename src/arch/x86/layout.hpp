// SPDX-License-Identifier: Apache-2.0
// Where things are in an x86 guest. Ranges are given as start and size or as start and first address behind.
//
//   0x0000'0000 +---------------------------------------+
//               | free for the guest (real-mode vectors)|
//   0x0000'1000 | GDT of the first instruction          |  kGdt
//   0x0000'6000 | PVH start_info, modules, memory map   |  kStartInfo
//   0x0000'7000 | Linux zero page (struct boot_params)  |  kZeroPage
//   0x0001'0000 | identity page tables                  |  kPageTables
//   0x0002'0000 | command line                          |  kCmdline
//   0x0003'0000 | free RAM                              |
//   0x0009'fc00 +---------------------------------------+  kLowRamEnd (a PC's EBDA begins here)
//   0x000a'0000 | legacy hole: never RAM to the guest   |  kLegacyHole
//   0x000e'0000 |   ACPI tables, RSDP first, if there is|  kLegacyAcpi
//               |   memory; else at the top of RAM      |
//   0x0010'0000 +---------------------------------------+  kHighRam
//               | RAM: kernel, ..., initrd at the top   |
//               +- - - - - - - - - - - - - - - - - - - -+
//               | windows of vdevs (`loc`)              |
//               | PCI, only if something is on it:      |
//               |   the highest places that are free    |  pci_plan.hpp
//               |   BARs: 256 MiB, less if need be      |  kLargestPciWindow; 0xe000'0000 if nothing is there
//               |   ECAM of bus 0: 1 MiB                |  0xfeb0'0000 if nothing is there
//   0xfec0'0000 +---------------------------------------+  kChipset: RAM never reaches in here
//               | IOAPIC (default)                      |  kIoapic
//   0xfee0'0000 | local APICs, MSI doorbell             |  kLocalApic
//   0xfeff'c000 | KVM's identity map page, three TSS    |  kKvmIdentityMap, kKvmTss
//   0xff00'0000 | ROM may be here (reset vector)        |  kFirmwareRom
//   0x1'0000'0000 +-------------------------------------+
//               | RAM above 4 GiB                       |
//
// The structures below kLowRamEnd are for the boot only: the guest reads them and may then use the memory.
#pragma once

#include <cstdint>

#include "vmm/units.hpp"

namespace qvm::x86 {

inline constexpr std::uint64_t kPage = 0x1000;

inline constexpr std::uint64_t kGdt = 0x1000;
inline constexpr std::uint64_t kStartInfo = 0x6000;
inline constexpr std::uint64_t kZeroPage = 0x7000;
inline constexpr std::uint64_t kPageTables = 0x1'0000;
inline constexpr std::uint64_t kPageTablesEnd = 0x2'0000;
inline constexpr std::uint64_t kCmdline = 0x2'0000;
inline constexpr std::uint64_t kCmdlineEnd = 0x3'0000;
inline constexpr std::uint64_t kLowRamEnd = 0x9'fc00;
inline constexpr std::uint64_t kLegacyHole = 0xa'0000;
inline constexpr std::uint64_t kLegacyAcpi = 0xe'0000;
inline constexpr std::uint64_t kHighRam = 0x10'0000;

inline constexpr std::uint64_t kChipset = 0xfec0'0000;
inline constexpr std::uint32_t kIoapic = 0xfec0'0000;
inline constexpr std::uint32_t kLocalApic = 0xfee0'0000;
/// KVM on Intel takes four pages for guests that run without paging or in real mode: one for
/// KVM_SET_IDENTITY_MAP_ADDR, three behind it for KVM_SET_TSS_ADDR.
inline constexpr std::uint64_t kKvmIdentityMap = 0xfeff'c000;
inline constexpr std::uint64_t kKvmTss = 0xfeff'd000;
inline constexpr std::uint64_t kFirmwareRom = 0xff00'0000;
inline constexpr std::uint64_t kFourGiB = 4 * kGiB;

// PCI.
inline constexpr std::uint64_t kLargestPciWindow = 256 * kMiB;
inline constexpr std::uint64_t kSmallestPciWindow = kMiB;
inline constexpr std::uint64_t kLowestPci = 3 * kGiB;  ///< RAM that ends here is out of its way
inline constexpr std::uint16_t kPciPorts = 0xcf8;      ///< CONFIG_ADDRESS, CONFIG_DATA
/// Those lines of an IOAPIC that have no ISA interrupt.
inline constexpr unsigned kFirstPciLine = 16;
inline constexpr unsigned kLastPciLine = 23;

// Fixed power-management registers (ACPI 6.4, 4.8.3) in one block of ports.
inline constexpr std::uint16_t kPmBase = 0x600;
inline constexpr std::uint16_t kPmSize = 16;
inline constexpr std::uint16_t kPm1aEvtBlk = kPmBase + 0x0;  ///< PM1_STS (2 bytes), PM1_EN (2 bytes)
inline constexpr std::uint16_t kPm1aCntBlk = kPmBase + 0x4;  ///< PM1_CNT (2 bytes); SCI_EN always reads as 1
inline constexpr std::uint16_t kPmTmrBlk = kPmBase + 0x8;    ///< 4 bytes, 32 bits count
inline constexpr std::uint16_t kResetReg = kPmBase + 0xc;    ///< 1 byte
inline constexpr std::uint8_t kResetValue = 1;
inline constexpr std::uint8_t kSlpTypS5 = 5;  ///< SLP_TYPx in PM1_CNT that means power off
inline constexpr std::uint8_t kSciGsi = 9;    ///< level, active high

}  // namespace qvm::x86
