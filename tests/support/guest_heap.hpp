// SPDX-License-Identifier: Apache-2.0
// Guest memory as a driver hands it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "vmm/guest_memory.hpp"

namespace qvm::test {

/// What a driver gives to its device: read by it or written by it.
struct Buffer {
    Gpa at{};
    std::uint32_t size = 0;
    bool writable = false;
};

/// Gives away a range of guest memory, piece after piece; nothing comes back but all of it at once.
class GuestHeap {
public:
    GuestHeap(const GuestMemory& memory, Gpa start, std::uint64_t size)
        : memory_{memory}, start_{raw(start)}, next_{raw(start)}, end_{raw(start) + size} {}

    [[nodiscard]] const GuestMemory& memory() const { return memory_; }

    [[nodiscard]] Gpa take(std::uint64_t size, std::uint64_t alignment = 16) {
        const std::uint64_t at = align_up(next_, alignment);
        if (at > end_ || size > end_ - at) throw std::logic_error{"the guest heap is too small for this test"};
        next_ = at + size;
        return Gpa{at};
    }
    /// From now on everything that was taken is free.
    void clear() { next_ = start_; }

    /// A buffer for the device to read.
    [[nodiscard]] Buffer readable(std::span<const std::byte> contents) {
        const Buffer out{take(contents.size()), static_cast<std::uint32_t>(contents.size()), false};
        if (!memory_.write(out.at, contents)) throw std::logic_error{"the guest heap is outside of memory"};
        return out;
    }
    [[nodiscard]] Buffer readable(std::string_view text) { return readable(std::as_bytes(std::span{text})); }
    template <typename T>
    [[nodiscard]] Buffer readable_value(const T& value) {
        return readable(std::as_bytes(std::span{&value, 1}));
    }
    /// A buffer for the device to write.
    [[nodiscard]] Buffer writable(std::uint32_t size) { return {take(size), size, true}; }

    [[nodiscard]] std::string text(const Buffer& buffer) const {
        std::string out(buffer.size, '\0');
        if (!memory_.read(buffer.at, std::as_writable_bytes(std::span{out}))) throw std::logic_error{"no such memory"};
        return out;
    }
    template <typename T>
    [[nodiscard]] T value(const Buffer& buffer) const {
        return memory_.read<T>(buffer.at).value();
    }

private:
    const GuestMemory& memory_;
    std::uint64_t start_;
    std::uint64_t next_;
    std::uint64_t end_;
};

}  // namespace qvm::test
