// SPDX-License-Identifier: Apache-2.0
#include "vmm/io_ring.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr unsigned kEntries = 256;
// Watches and operations without bound may complete at once; the kernel keeps what does not fit, but takes longer for
// it.
constexpr unsigned kCompletions = 4096;

constexpr unsigned kAlways = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
constexpr unsigned kNewer = kAlways | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
constexpr std::array kModes{
    // by IoRing::Mode
    kNewer | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    kNewer | IORING_SETUP_COOP_TASKRUN,
    kAlways,
};

[[nodiscard]] int set_up(io_uring& ring, unsigned flags) noexcept {
    io_uring_params parameters{};
    parameters.flags = flags;
    parameters.cq_entries = kCompletions;
    return ::io_uring_queue_init_params(kEntries, &ring, &parameters);
}

}  // namespace

IoRing::IoRing(Mode best) {
    int failed = -EINVAL;
    for (auto mode = static_cast<unsigned>(best); failed == -EINVAL && mode < kModes.size(); ++mode)
        failed = set_up(ring_, kModes[mode]);
    if (failed < 0)
        throw HostError{
            errno_text("io_uring is not available (see kernel.io_uring_disabled and RLIMIT_MEMLOCK)", -failed)};
}

void IoRing::start() noexcept {
    // liburing 2.3 declares a function for it that its library lacks.
    ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    ::io_uring_register_ring_fd(&ring_);  // spares the kernel looking it up; it works without
}

void IoRing::fix_file(int fd) noexcept {
    const auto slot = static_cast<unsigned>(fd);
    if (slot >= kSlots) return;
    if (!has_slots_) has_slots_ = ::io_uring_register_files_sparse(&ring_, kSlots) == 0;
    if (has_slots_) files_[slot] = ::io_uring_register_files_update(&ring_, slot, &fd, 1) == 1;
}

void IoRing::unfix_file(int fd) noexcept {
    const auto slot = static_cast<unsigned>(fd);
    if (slot >= kSlots || !files_[slot]) return;
    files_[slot] = false;
    constexpr int kNone = -1;
    ::io_uring_register_files_update(&ring_, slot, const_cast<int*>(&kNone), 1);
}

void IoRing::fix_memory(std::span<const iovec> memory) noexcept {
    constexpr std::size_t kMost = 1 << 30;  // io_uring_register(2): of one buffer
    if (!buffers_.empty()) return;
    for (iovec rest : memory) {
        while (rest.iov_len != 0) {
            const std::size_t size = std::min(rest.iov_len, kMost);
            buffers_.push_back({rest.iov_base, size});
            rest = {static_cast<std::byte*>(rest.iov_base) + size, rest.iov_len - size};
        }
    }
    if (::io_uring_register_buffers(&ring_, buffers_.data(), static_cast<unsigned>(buffers_.size())) != 0)
        buffers_.clear();
}

int IoRing::fixed_buffer(const iovec& part) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(part.iov_base);
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        const auto start = reinterpret_cast<std::uintptr_t>(buffers_[i].iov_base);
        if (at >= start && part.iov_len <= buffers_[i].iov_len && at - start <= buffers_[i].iov_len - part.iov_len)
            return static_cast<int>(i);
    }
    return -1;
}

void IoRing::use_fixed(io_uring_sqe& entry) const noexcept {
    const auto slot = static_cast<unsigned>(entry.fd);
    if (slot < kSlots && files_[slot]) entry.flags |= IOSQE_FIXED_FILE;
    const bool reads = entry.opcode == IORING_OP_READV;
    if ((!reads && entry.opcode != IORING_OP_WRITEV) || entry.len != 1) return;
    const iovec part = *std::bit_cast<const iovec*>(entry.addr);
    const int buffer = fixed_buffer(part);
    if (buffer < 0) return;
    entry.opcode = reads ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    entry.addr = reinterpret_cast<std::uintptr_t>(part.iov_base);
    entry.len = static_cast<std::uint32_t>(part.iov_len);
    entry.buf_index = static_cast<std::uint16_t>(buffer);
}

io_uring_sqe* IoRing::next() noexcept {
    if (overdue_.empty()) {
        if (io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_)) return entry;
        ::io_uring_submit(&ring_);
        if (io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_)) return entry;
    }
    return &overdue_.emplace_back();
}

void IoRing::queue_overdue() noexcept {
    while (!overdue_.empty()) {
        io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
        if (entry == nullptr) return;
        *entry = overdue_.front();
        overdue_.pop_front();
    }
}

void IoRing::submit() noexcept {
    do {
        queue_overdue();
        if (::io_uring_submit(&ring_) < 0) return wait_for_room();
    } while (!overdue_.empty());
}

void IoRing::wait() noexcept {
    if (!overdue_.empty()) return submit();
    const int result = ::io_uring_submit_and_wait(&ring_, 1);
    if (result < 0 && result != -EINTR) wait_for_room();
}

/// The kernel is short of memory or has too many completions that nobody has taken yet. If there is one it may help to
/// take it; else all that is left is to try again, and no event tells when.
void IoRing::wait_for_room() noexcept {
    constexpr int kRetryMs = 1;
    pollfd ring{.fd = ring_.ring_fd, .events = POLLIN, .revents = 0};
    ::poll(&ring, 1, kRetryMs);
}

}  // namespace qvm
