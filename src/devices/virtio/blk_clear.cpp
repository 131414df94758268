// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_clear.hpp"

#include <linux/falloc.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vmm/units.hpp"

namespace qvm {
namespace {

constexpr std::array<std::byte, 64 * kKiB> kZeroes{};

/// fallocate(2): the file system, the device or the alignment does not have it.
[[nodiscard]] bool is_refusal(int error) noexcept {
    return error == EOPNOTSUPP || error == ENOSYS || error == ENODEV || error == EINVAL;
}

}  // namespace

void BlkClear::start(Wish wish, std::uint64_t offset, std::uint64_t size) noexcept {
    wish_ = wish;
    way_ = wish == Wish::Zero ? Way::ZeroRange : Way::PunchHole;
    offset_ = offset;
    left_ = size;
}

void BlkClear::fill(io_uring_sqe* entry, const BlockFile& file) const noexcept {
    if (way_ == Way::Write) {
        const auto size = static_cast<unsigned>(std::min<std::uint64_t>(left_, kZeroes.size()));
        return ::io_uring_prep_write(entry, file.fd(), kZeroes.data(), size, offset_);
    }
    const int mode = way_ == Way::PunchHole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    ::io_uring_prep_fallocate(entry, file.fd(), mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset_),
                              static_cast<off_t>(left_));
}

BlkClear::Progress BlkClear::done(int result) noexcept {
    if (result == -EINTR || result == -EAGAIN) return Progress::More;
    if (way_ != Way::Write) {
        if (is_refusal(-result)) return another_way();
        return result < 0 ? Progress::Failed : Progress::Done;
    }
    if (result <= 0) return Progress::Failed;
    offset_ += static_cast<unsigned>(result);
    left_ -= static_cast<unsigned>(result);
    return left_ == 0 ? Progress::Done : Progress::More;
}

BlkClear::Progress BlkClear::another_way() noexcept {
    if (wish_ == Wish::Discard) return Progress::Unsupported;
    way_ = way_ == Way::PunchHole ? Way::ZeroRange : Way::Write;
    return Progress::More;
}

}  // namespace qvm
