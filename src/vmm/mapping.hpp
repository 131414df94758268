// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace qvm {

/// Sole owner of a memory mapping; unmaps it.
class Mapping {
public:
    Mapping() noexcept = default;
    /// Maps `length` bytes of `fd` from `offset` on, shared and writable. Throws HostError that names `what`.
    Mapping(const char* what, int fd, std::size_t length, off_t offset = 0);
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, length_}; }

    /// Keeps the `length` bytes from `first` on, both in whole pages and in what there is, and unmaps the rest.
    void keep(std::size_t first, std::size_t length) noexcept;

private:
    std::byte* data_ = nullptr;
    std::size_t length_ = 0;
};

}  // namespace qvm
