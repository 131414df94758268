// SPDX-License-Identifier: Apache-2.0
// Packets of virtio sockets (virtio 1.2, 5.10.6). All of it is little-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qvm {

/// VMADDR_CID_HOST.
inline constexpr std::uint64_t kVsockHostCid = 2;
inline constexpr std::uint64_t kVsockFirstGuestCid = 3;
/// VMADDR_CID_ANY, which is nobody's.
inline constexpr std::uint64_t kVsockAnyCid = 0xffff'ffff;

enum class VsockOp : std::uint16_t {
    Invalid,
    Request,
    Response,
    Rst,
    Shutdown,
    Rw,
    CreditUpdate,
    CreditRequest,
};

inline constexpr std::uint16_t kVsockStreamType = 1;

/// Flags of Shutdown: what the sender will not do any more.
namespace vsock_shutdown {
inline constexpr std::uint32_t kReceive = 1;
inline constexpr std::uint32_t kSend = 2;
inline constexpr std::uint32_t kBoth = kReceive | kSend;
}  // namespace vsock_shutdown

/// virtio_vsock_hdr. On the wire are its first kVsockHeaderSize bytes.
struct VsockHeader {
    std::uint64_t src_cid = 0;
    std::uint64_t dst_cid = 0;
    std::uint32_t src_port = 0;
    std::uint32_t dst_port = 0;
    std::uint32_t len = 0;
    std::uint16_t type = kVsockStreamType;
    VsockOp op = VsockOp::Invalid;
    std::uint32_t flags = 0;
    std::uint32_t buf_alloc = 0;
    std::uint32_t fwd_cnt = 0;
};
inline constexpr std::size_t kVsockHeaderSize = 44;
static_assert(offsetof(VsockHeader, fwd_cnt) + sizeof(std::uint32_t) == kVsockHeaderSize);

}  // namespace qvm
