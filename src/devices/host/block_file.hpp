// SPDX-License-Identifier: Apache-2.0
// What a disk stands on: an image file or a block device of the host.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

inline constexpr std::uint64_t kSectorSize = 512;

/// A disk that cannot be opened, with what the user can do.
class BlockFileError : public HostError {
public:
    BlockFileError(const std::string& what, std::string hint) : HostError{what}, hint_{std::move(hint)} {}
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

private:
    std::string hint_;
};

struct BlockFileOptions {
    std::string path;
    bool read_only = false;
    bool direct = false;  ///< past the host's page cache, as far as that works
    /// How long a file may be in use by nobody who can be seen: what a process had open is in use until its last
    /// request is over and the kernel has let go of it, which may be after its end.
    std::chrono::milliseconds patience{2000};
};

/// Sizes in bytes.
struct BlockFacts {
    std::uint64_t size = 0;
    std::uint32_t logical_block = 512;   ///< smallest unit of a block device
    std::uint32_t physical_block = 512;  ///< what it writes without reading first
    std::uint32_t alignment_offset = 0;  ///< of the first physical block
    std::uint32_t minimum_io = 0;
    std::uint32_t optimal_io = 0;
    bool can_discard = false;
};

/// Opened and locked. Functions may be called from any thread.
class BlockFile {
public:
    /// Throws BlockFileError.
    explicit BlockFile(const BlockFileOptions& options);
    BlockFile(const BlockFile&) = delete;
    BlockFile& operator=(const BlockFile&) = delete;

    /// As much of what the constructor does as is certain without touching the file. Throws BlockFileError.
    static void check(const BlockFileOptions& options);

    [[nodiscard]] const BlockFacts& facts() const noexcept { return facts_; }
    [[nodiscard]] std::uint64_t sectors() const noexcept { return facts_.size / kSectorSize; }
    /// What the log should know of how it was opened.
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

    /// For everything but direct I/O.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Only if suits_direct().
    [[nodiscard]] int direct_fd() const noexcept { return direct_fd_.get(); }
    /// Whether direct I/O is in use and can have these buffers at this place: the host's rules of alignment are not
    /// the guest's.
    [[nodiscard]] bool suits_direct(std::uint64_t offset, std::span<const iovec> buffers) const noexcept;
    /// From now on there is no direct I/O. True for the first who says so.
    [[nodiscard]] bool give_up_direct() noexcept { return direct_.exchange(false); }

private:
    void open_plain(const BlockFileOptions& options);
    void lock(const BlockFileOptions& options);
    void open_direct(const BlockFileOptions& options);

    UniqueFd fd_;
    UniqueFd direct_fd_;
    BlockFacts facts_;
    std::vector<std::string> notes_;
    std::uint32_t direct_memory_ = 0;  ///< alignment of buffers
    std::uint32_t direct_offset_ = 0;  ///< of offset and length
    std::atomic<bool> direct_{false};
};

}  // namespace qvm
