// SPDX-License-Identifier: Apache-2.0
// How a range of a disk becomes zeroes or nothing: the first way that its host has.
#pragma once

#include <liburing.h>

#include <cstdint>

#include "devices/host/block_file.hpp"

namespace qvm {

class BlkClear {
public:
    enum class Wish : std::uint8_t {
        Discard,   ///< the contents do not matter any more; the host may have its memory back
        Zero,      ///< reads as zeroes
        ZeroUnmap  ///< reads as zeroes, and the host may have its memory back
    };
    enum class Progress : std::uint8_t { More, Done, Unsupported, Failed };

    /// Bytes.
    void start(Wish wish, std::uint64_t offset, std::uint64_t size) noexcept;
    /// The next operation.
    void fill(io_uring_sqe* entry, const BlockFile& file) const noexcept;
    /// `result` of that operation.
    [[nodiscard]] Progress done(int result) noexcept;

private:
    enum class Way : std::uint8_t { PunchHole, ZeroRange, Write };

    [[nodiscard]] Progress another_way() noexcept;

    Wish wish_ = Wish::Discard;
    Way way_ = Way::PunchHole;
    std::uint64_t offset_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace qvm
