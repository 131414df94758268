// SPDX-License-Identifier: Apache-2.0
#include "devices/host/block_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "devices/host/block_facts.hpp"
#include "devices/host/file_lock.hpp"

namespace qvm {
namespace {

[[nodiscard]] std::string hint_for(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return "check the permissions of the path and of the folders above it";
        case EROFS:
            return "write `<` before the path for a disk that is read only";
        case EBUSY:
            return "it is mounted, or another program has it";
        case ENOENT:
            return "disks are not made by qvm: truncate -s SIZE FILE makes one";
        default:
            return {};
    }
}

[[noreturn]] void fail(const std::string& what, int error) {
    throw BlockFileError{errno_text(what, error), hint_for(error)};
}

[[nodiscard]] mode_t type_of(const std::string& path) noexcept {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & S_IFMT : 0;
}

/// Every open of a block device with O_EXCL excludes the others, and a mount.
[[nodiscard]] int flags_for(const BlockFileOptions& options) noexcept {
    const bool excludes = !options.read_only && type_of(options.path) == S_IFBLK;
    return (options.read_only ? O_RDONLY : O_RDWR) | (excludes ? O_EXCL : 0) | O_CLOEXEC;
}

struct Attempt {
    int error;    // an errno value; 0: it succeeded
    bool passes;  // the error may pass by itself
};

/// No event tells when the kernel has let go of a file.
template <typename Try>
[[nodiscard]] int try_until(std::chrono::milliseconds patience, Try once) {
    constexpr std::chrono::milliseconds kPause{5};
    const auto limit = std::chrono::steady_clock::now() + patience;
    Attempt last = once();
    while (last.error != 0 && last.passes && std::chrono::steady_clock::now() < limit) {
        std::this_thread::sleep_for(kPause);
        last = once();
    }
    return last.error;
}

[[nodiscard]] bool aligned(std::uint64_t value, std::uint32_t to) noexcept { return (value & (to - 1)) == 0; }

}  // namespace

BlockFile::BlockFile(const BlockFileOptions& options) {
    check(options);
    open_plain(options);
    lock(options);
    facts_ = read_block_facts(fd(), options.read_only);
    if (facts_.size % kSectorSize != 0)
        notes_.push_back(fmt::format("the last {} bytes are no whole sector: out of reach", facts_.size % kSectorSize));
    if (options.direct) open_direct(options);
}

/// What opening something else could do to it, or how long it could take, is unknown.
void BlockFile::check(const BlockFileOptions& options) {
    const mode_t type = type_of(options.path);
    if (type == S_IFDIR) fail("cannot open", EISDIR);
    if (type != 0 && type != S_IFREG && type != S_IFBLK) throw BlockFileError{"neither a file nor a block device", {}};
}

void BlockFile::open_plain(const BlockFileOptions& options) {
    const int failed = try_until(options.patience, [&] {
        fd_ = UniqueFd{::open(options.path.c_str(), flags_for(options))};
        const int error = fd_ ? 0 : errno;
        return Attempt{error, error == EBUSY};
    });
    if (failed != 0) fail("cannot open", failed);
}

void BlockFile::lock(const BlockFileOptions& options) {
    std::string holder;
    const int failed = try_until(options.patience, [&] {
        const int error = lock_file(fd(), options.read_only ? LockKind::Shared : LockKind::Exclusive);
        if (error == EAGAIN) holder = find_lock_holder(fd());
        return Attempt{error, error == EAGAIN && holder.empty()};
    });
    if (failed == EAGAIN) {
        throw BlockFileError{fmt::format("in use by {}", holder.empty() ? "another program" : holder),
                             "only disks that all their users have read only, by `<`, can be shared"};
    }
    // Some file systems have no locks; others may still be excluded by those that are.
    if (failed != 0) notes_.push_back(errno_text("not locked, so nothing keeps others from writing to it", failed));
}

void BlockFile::open_direct(const BlockFileOptions& options) {
    const std::string same = fmt::format("/proc/self/fd/{}", fd());
    const int access = options.read_only ? O_RDONLY : O_RDWR;
    direct_fd_ = UniqueFd{::open(same.c_str(), access | O_DIRECT | O_CLOEXEC)};
    if (!direct_fd_) return notes_.push_back(errno_text("no direct I/O", errno));
    const DirectAlignment alignment = direct_alignment(fd(), facts_);
    direct_memory_ = alignment.memory;
    direct_offset_ = alignment.offset;
    direct_ = true;
}

bool BlockFile::suits_direct(std::uint64_t offset, std::span<const iovec> buffers) const noexcept {
    if (!direct_.load(std::memory_order_relaxed)) return false;
    if (!aligned(offset, direct_offset_)) return false;
    for (const iovec& buffer : buffers) {
        if (!aligned(reinterpret_cast<std::uintptr_t>(buffer.iov_base), direct_memory_)) return false;
        if (!aligned(buffer.iov_len, direct_offset_)) return false;
    }
    return true;
}

}  // namespace qvm
