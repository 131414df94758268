// SPDX-License-Identifier: Apache-2.0
#include "devices/host/block_facts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

namespace qvm {
namespace {

constexpr std::uint32_t kPage = 4096;

template <typename T>
T ask(int fd, unsigned long request, T fallback) noexcept {
    T value{};
    return ::ioctl(fd, request, &value) == 0 ? value : fallback;
}

/// A partition has no queue of its own: that of its disk, one folder up.
bool device_discards(dev_t device) {
    for (const char* const queue : {"queue", "../queue"}) {
        std::ifstream file{
            fmt::format("/sys/dev/block/{}:{}/{}/discard_max_bytes", ::major(device), ::minor(device), queue)};
        std::uint64_t bytes = 0;
        if (file >> bytes) return bytes != 0;
    }
    return false;
}

/// Behind the end there is nothing to lose.
bool file_discards(int fd, std::uint64_t size) noexcept {
    const auto behind = static_cast<off_t>((size + kPage - 1) / kPage * kPage);
    return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, behind, kPage) == 0;
}

BlockFacts facts_of_device(int fd, const struct stat& status, bool read_only) {
    BlockFacts out;
    out.size = ask<std::uint64_t>(fd, BLKGETSIZE64, 0);
    out.logical_block = static_cast<std::uint32_t>(ask<int>(fd, BLKSSZGET, kSectorSize));
    out.physical_block = ask<std::uint32_t>(fd, BLKPBSZGET, out.logical_block);
    out.minimum_io = ask<std::uint32_t>(fd, BLKIOMIN, 0);
    out.optimal_io = ask<std::uint32_t>(fd, BLKIOOPT, 0);
    out.alignment_offset = static_cast<std::uint32_t>(ask<int>(fd, BLKALIGNOFF, 0));
    out.can_discard = !read_only && device_discards(status.st_rdev);
    return out;
}

BlockFacts facts_of_file(int fd, const struct stat& status, bool read_only) {
    BlockFacts out;
    out.size = static_cast<std::uint64_t>(status.st_size);
    out.physical_block = kPage;
    out.minimum_io = kPage;
    out.can_discard = !read_only && file_discards(fd, out.size);
    return out;
}

}  // namespace

BlockFacts read_block_facts(int fd, bool read_only) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw BlockFileError{errno_text("cannot look at it", errno), {}};
    if (S_ISBLK(status.st_mode)) return facts_of_device(fd, status, read_only);
    if (S_ISREG(status.st_mode)) return facts_of_file(fd, status, read_only);
    throw BlockFileError{"neither a file nor a block device", {}};
}

DirectAlignment direct_alignment(int fd, const BlockFacts& facts) noexcept {
    struct statx status {};
    const int failed = ::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status);
    if (failed == 0 && (status.stx_mask & STATX_DIOALIGN) != 0 && status.stx_dio_offset_align != 0)
        return {status.stx_dio_mem_align, status.stx_dio_offset_align};
    // Before Linux 6.1 nobody says; a page is enough everywhere.
    return {kPage, std::max(kPage, facts.logical_block)};
}

}  // namespace qvm
