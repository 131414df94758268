// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/virtqueue.hpp"

namespace qvm {

/// What the guest has sent on one connection and the host has not taken yet: a ring of bytes. It never grows, because
/// the guest is told how much room there is.
class VsockBuffer {
public:
    static constexpr std::uint32_t kSize = 64 * 1024;

    [[nodiscard]] std::uint32_t size() const noexcept { return filled_; }
    [[nodiscard]] std::uint32_t room() const noexcept { return kSize - filled_; }
    /// Empty, with its memory there.
    void begin() {
        bytes_.resize(kSize);
        first_ = filled_ = 0;
    }
    /// Takes bytes [offset, offset + length) of what is readable in `chain`; there must be room and so many bytes.
    void append(const Chain& chain, std::size_t offset, std::uint32_t length) noexcept;
    /// What is in it, in order, in two pieces at most.
    [[nodiscard]] std::array<iovec, 2> pieces() noexcept;
    void drop(std::uint32_t length) noexcept {
        first_ = (first_ + length) % kSize;
        filled_ -= length;
    }

private:
    std::vector<std::byte> bytes_{};
    std::uint32_t first_ = 0;
    std::uint32_t filled_ = 0;
};

}  // namespace qvm
