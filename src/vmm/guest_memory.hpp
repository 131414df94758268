// SPDX-License-Identifier: Apache-2.0
// Guest RAM and ROM. The guest changes RAM at any time: copy once, then judge the copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "vmm/mapping.hpp"
#include "vmm/unique_fd.hpp"
#include "vmm/units.hpp"

namespace qvm {

class GuestMemory {
public:
    enum class Kind { Ram, Rom };

    /// One `ram` or `rom` line. A memfd backs it, so that it can be shared later without a second design; or it is
    /// memory that a `pass` gives, which is no file that others could have.
    struct Block {
        Range range;
        Kind kind;
        std::uint64_t page;  ///< bytes
        UniqueFd memfd;      ///< none if it is passed
        Mapping mapping;
        [[nodiscard]] bool is_passed() const noexcept { return !memfd; }
    };
    static constexpr std::uint64_t kSmallPage = 4 * kKiB;

    /// Set-up only. The range must be page-aligned and overlap no earlier one (the configuration has checked both).
    /// The memory is zeroed. Throws HostError when the host has no memory left.
    /// A `page` above kSmallPage asks for the host's huge pages of that size, of which start and size must be
    /// multiples: all of them are taken now, because one that is missing later would be a SIGBUS.
    void add(Range range, Kind kind, std::uint64_t page = kSmallPage);

    /// The same of RAM that is the host's already: `mapping` is as long as `range`, and what is in it stays.
    void add(Range range, Mapping mapping);

    /// Faults all of it in; what is passed is there. Set-up only. Throws HostError that names the block.
    void prefault() const;
    /// The same, and it stays. Huge pages and what is passed stay anyway. Throws HostError that names the block.
    void lock();
    [[nodiscard]] bool locked() const noexcept { return locked_; }

    /// In order of address.
    [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }

    /// The block that `at` lies in; nullptr if there is none. Valid as long as this object, once set-up is over.
    [[nodiscard]] const Block* block_at(Gpa at) const noexcept;

    /// The host's view of [at, at + length), which must lie inside one block; nothing otherwise.
    /// Valid as long as this object.
    [[nodiscard]] std::optional<std::span<std::byte>> span(Gpa at, std::size_t length) const noexcept;

    /// False, with nothing copied, unless all of it lies inside one block. ROM is writable here: the host fills it.
    [[nodiscard]] bool read(Gpa at, std::span<std::byte> out) const noexcept;
    [[nodiscard]] bool write(Gpa at, std::span<const std::byte> in) const noexcept;

    template <typename T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] std::optional<T> read(Gpa at) const noexcept {
        T value;
        if (!read(at, std::as_writable_bytes(std::span{&value, 1}))) return std::nullopt;
        return value;
    }
    template <typename T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] bool write(Gpa at, const T& value) const noexcept {
        return write(at, std::as_bytes(std::span{&value, 1}));
    }

private:
    void insert(Block block);

    std::vector<Block> blocks_;
    bool locked_ = false;
};

}  // namespace qvm
