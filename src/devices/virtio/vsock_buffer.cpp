// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock_buffer.hpp"

#include <algorithm>

namespace qvm {

void VsockBuffer::append(const Chain& chain, std::size_t offset, std::uint32_t length) noexcept {
    const std::uint32_t end = (first_ + filled_) % kSize;
    const std::uint32_t straight = std::min(length, kSize - end);
    const std::span<std::byte> all{bytes_};
    (void)chain.read(offset, all.subspan(end, straight));
    (void)chain.read(offset + straight, all.first(length - straight));
    filled_ += length;
}

std::array<iovec, 2> VsockBuffer::pieces() noexcept {
    const std::uint32_t straight = std::min(filled_, kSize - first_);
    return {iovec{bytes_.data() + first_, straight}, iovec{bytes_.data(), filled_ - straight}};
}

}  // namespace qvm
