// SPDX-License-Identifier: Apache-2.0
// What Debian 12's headers lack, under the kernel's names without their prefixes.
// Source: include/uapi/linux/iommufd.h and include/uapi/linux/vfio.h of Linux 6.6.
#pragma once

#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace qvm::iommufd {

inline constexpr unsigned long kBindIommufd = _IO(VFIO_TYPE, VFIO_BASE + 18);
struct BindIommufd {
    std::uint32_t argsz, flags;
    std::int32_t iommufd;
    std::uint32_t out_devid;
};

inline constexpr unsigned long kAttachPt = _IO(VFIO_TYPE, VFIO_BASE + 19);
struct AttachPt {
    std::uint32_t argsz, flags, pt_id;
};

inline constexpr unsigned long kIoasAlloc = _IO(';', 0x81);
struct IoasAlloc {
    std::uint32_t size, flags, out_ioas_id;
};

inline constexpr unsigned long kIoasIovaRanges = _IO(';', 0x84);
struct IovaRange {
    std::uint64_t start, last;
};
struct IoasIovaRanges {
    std::uint32_t size, ioas_id, num_iovas, reserved;
    std::uint64_t allowed_iovas;  ///< address of IovaRange[num_iovas]
    std::uint64_t out_iova_alignment;
};

inline constexpr unsigned long kIoasMap = _IO(';', 0x85);
inline constexpr std::uint32_t kFixedIova = 1, kWriteable = 2, kReadable = 4;
struct IoasMap {
    std::uint32_t size, flags, ioas_id, reserved;
    std::uint64_t user_va, length, iova;
};

static_assert(sizeof(BindIommufd) == 16 && sizeof(AttachPt) == 12 && sizeof(IoasAlloc) == 12);
static_assert(sizeof(IoasIovaRanges) == 32 && sizeof(IoasMap) == 40);

}  // namespace qvm::iommufd
