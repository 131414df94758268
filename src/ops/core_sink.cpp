// SPDX-License-Identifier: Apache-2.0
#include "ops/core_sink.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace qvm {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunk = 1U << 20;  // one write call at most
constexpr std::array<std::byte, 16 * kPage> kZeros{};

sigset_t write_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    ::sigaddset(&set, SIGXFSZ);
    return set;
}

bool is_zero(std::span<const std::byte> page) noexcept {
    return std::memcmp(page.data(), kZeros.data(), page.size()) == 0;
}

/// How much of the beginning is whole pages that are all zero, or none.
std::size_t run_of(std::span<const std::byte> bytes, bool zero) noexcept {
    std::size_t at = 0;
    while (at < bytes.size() && at < kChunk) {
        const std::size_t length = std::min(kPage, bytes.size() - at);
        if (is_zero(bytes.subspan(at, length)) != zero) break;
        at += length;
    }
    return at;
}

}  // namespace

WriteSignalsHeld::WriteSignalsHeld() noexcept {
    const sigset_t set = write_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

WriteSignalsHeld::~WriteSignalsHeld() {
    const sigset_t set = write_signals();
    constexpr timespec kNow{};
    while (::sigtimedwait(&set, nullptr, &kNow) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool CoreSink::data(std::span<const std::byte> bytes) noexcept {
    if (kind_ == Kind::Stream) return write_all(bytes);
    while (!bytes.empty()) {
        const std::size_t empty = run_of(bytes, true);
        if (!zeros(empty)) return false;
        bytes = bytes.subspan(empty);
        const std::size_t full = run_of(bytes, false);
        if (!write_all(bytes.first(full))) return false;
        bytes = bytes.subspan(full);
    }
    return true;
}

bool CoreSink::zeros(std::uint64_t length) noexcept {
    if (length == 0) return true;
    if (kind_ == Kind::File) {
        if (::lseek(fd_, static_cast<off_t>(length), SEEK_CUR) < 0) return fail(errno);
        size_ += length;
        return true;
    }
    while (length > 0) {
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(length, kZeros.size()));
        if (!write_all(std::span{kZeros}.first(part))) return false;
        length -= part;
    }
    return true;
}

bool CoreSink::finish() noexcept {
    if (kind_ == Kind::Stream || ::ftruncate(fd_, static_cast<off_t>(size_)) == 0) return true;
    return fail(errno);
}

bool CoreSink::write_all(std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd_, bytes.data(), std::min(bytes.size(), kChunk));
        if (done > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(done));
            size_ += static_cast<std::uint64_t>(done);
        } else if (done == 0) {
            return fail(ENOSPC);
        } else if (errno == EAGAIN) {
            if (!wait_for_reader()) return false;
        } else if (errno != EINTR) {
            return fail(errno);
        }
    }
    return true;
}

bool CoreSink::wait_for_reader() noexcept {
    pollfd item{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&item, 1, patience_);
    if (ready == 0) return fail(ETIMEDOUT);
    return ready > 0 || errno == EINTR || fail(errno);
}

bool CoreSink::fail(int error) noexcept {
    error_ = error;
    return false;
}

}  // namespace qvm
