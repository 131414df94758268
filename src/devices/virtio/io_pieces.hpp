// SPDX-License-Identifier: Apache-2.0
// The buffers of a transfer that may take several goes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

namespace qvm {

class IoPieces {
public:
    /// The bytes [offset, offset + size) of `buffers`, which must have them. `buffers` is not copied where a view of it
    /// will do, and must stay as it is.
    void set(std::span<const iovec> buffers, std::size_t offset, std::size_t size);
    /// `bytes` of those that are left have been transferred.
    void advance(std::size_t bytes);

    [[nodiscard]] std::size_t left() const noexcept { return left_; }
    /// As many as one system call takes.
    [[nodiscard]] std::span<const iovec> next() const noexcept;

private:
    [[nodiscard]] std::span<iovec> own();
    void skip(std::size_t bytes);

    std::span<const iovec> view_;
    std::vector<iovec> own_;  // keeps its memory
    bool owned_ = false;      // view_ is a part of own_, not of what was given
    std::size_t left_ = 0;
};

}  // namespace qvm
