// SPDX-License-Identifier: Apache-2.0
// What a frame's header leaves for others to do: which of it is allowed, and doing it (virtio 1.2, 5.1.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/virtio/net_format.hpp"

namespace qvm {

/// Makes a frame from the guest what was negotiated: unknown flags are dropped. False if its header asks for what was
/// not negotiated.
[[nodiscard]] bool allow_from_guest(NetHeader& header, std::uint64_t features) noexcept;

/// Makes a header that the kernel has filled in what the driver with these features may see. False if the frame needs
/// what the driver does not do.
[[nodiscard]] bool allow_to_guest(NetHeader& header, std::uint64_t features) noexcept;

/// Makes a frame of another guest fit for a driver with these features: a checksum that is left open is filled in if
/// the driver does not do that. False if it cannot be made fit: it has segments joined that the driver does not take,
/// or a checksum outside of itself.
[[nodiscard]] bool adapt_to_receiver(NetHeader& header, std::span<std::byte> frame, std::uint64_t features) noexcept;

/// Fills in the checksum that the header says is open (RFC 1071). False if it points outside of the frame.
[[nodiscard]] bool complete_checksum(const NetHeader& header, std::span<std::byte> frame) noexcept;

}  // namespace qvm
