// SPDX-License-Identifier: Apache-2.0
// Where things are in an arm64 guest. Devices sit where ARM's Foundation and FVP models have them, as QNX's guests
// expect (qvmconf specification 4.2). RAM is where the `ram` lines say, usually from 0x8000'0000 on.
//
//   0x1c09'0000  PL011           first UART, interrupt ID 37        kUart
//   0x1c0f'0000  SP805           watchdog, ID 32                    kWatchdog
//   0x1c17'0000  PL031           real-time clock, ID 36             kRtc
//   0x1c1d'0000  PL061           the power key, ID 991              kPowerKey
//   0x2c00'1000  GICv2           distributor                        kGicd2
//   0x2c00'2000                  CPU interface                      kGicc
//   0x2f00'0000  GICv3           distributor                        kGicd3
//   0x2f02'0000                  interrupt translation service      kIts
//   0x2f10'0000                  redistributors, 128 KiB per vCPU   kGicr
//   0x3000'0000  PCI             from here on to 0x7fff'ffff, where nothing else is; configuration space and BARs
//                                are at 0x7ff0'0000 and 0x6000'0000 if all of it is free
//
// Interrupt IDs (GIC architecture, IHI 0069, 2.2): 0-15 between CPUs, 16-31 each CPU's own, from 32 on shared (SPI).
#pragma once

#include <cstdint>

#include "vmm/units.hpp"

namespace qvm::arm64 {

inline constexpr std::uint64_t kPage = 4 * kKiB;
inline constexpr std::uint64_t kDeviceWindow = 4 * kKiB;  ///< of every PrimeCell

inline constexpr std::uint64_t kUart = 0x1c09'0000;
inline constexpr std::uint64_t kWatchdog = 0x1c0f'0000;
inline constexpr std::uint64_t kRtc = 0x1c17'0000;
inline constexpr std::uint64_t kPowerKey = 0x1c1d'0000;
inline constexpr unsigned kUartId = 37;
inline constexpr unsigned kWatchdogId = 32;
inline constexpr unsigned kRtcId = 36;
inline constexpr unsigned kPowerKeyId = 991;

inline constexpr std::uint64_t kGicd2 = 0x2c00'1000;
inline constexpr std::uint64_t kGicd2Size = 0x1000;
inline constexpr std::uint64_t kGicc = 0x2c00'2000;
inline constexpr std::uint64_t kGiccSize = 0x2000;
inline constexpr std::uint64_t kGicd3 = 0x2f00'0000;
inline constexpr std::uint64_t kGicd3Size = 0x1'0000;
inline constexpr std::uint64_t kIts = 0x2f02'0000;
inline constexpr std::uint64_t kItsSize = 0x2'0000;
inline constexpr std::uint64_t kGicr = 0x2f10'0000;
inline constexpr std::uint64_t kGicrSize = 0x2'0000;  ///< per vCPU

inline constexpr std::uint64_t kLowestPci = 0x3000'0000;
inline constexpr std::uint64_t kPciEnd = 0x8000'0000;
inline constexpr std::uint64_t kLargestPciWindow = 256 * kMiB;
inline constexpr std::uint64_t kSmallestPciWindow = kMiB;
inline constexpr unsigned kFirstPciId = 200;

inline constexpr unsigned kFirstSpi = 32;
inline constexpr unsigned kInterruptIds = 992;  ///< as many as KVM takes: a multiple of 32 below 1023

/// Each CPU's own interrupts, as IDs (Base System Architecture, DEN0094, 3.8).
enum class Ppi : unsigned { HypervisorTimer = 26, VirtualTimer = 27, SecureTimer = 29, Timer = 30, Pmu = 23 };

/// A kernel lies at a multiple of this, plus its text_offset (Linux, Documentation/arm64/booting.rst).
inline constexpr std::uint64_t kKernelStep = 2 * kMiB;
/// Most that a device tree may have (the same).
inline constexpr std::uint64_t kFdtLimit = 2 * kMiB;

/// One vCPU's record of stolen time (Arm DEN0057, 3.2.2).
inline constexpr std::uint64_t kStolenRecord = 64;

/// Affinity of vCPU `number` as KVM gives it: 16 CPUs in each first level (Linux 6.1, arch/arm64/kvm/sys_regs.c).
[[nodiscard]] constexpr std::uint32_t mpidr_of(unsigned number) noexcept {
    return (number & 0xf) | (number >> 4 & 0xff) << 8 | (number >> 12 & 0xff) << 16;
}

}  // namespace qvm::arm64
