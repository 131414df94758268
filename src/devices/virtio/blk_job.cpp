// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_job.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace qvm {

void BlkJob::begin(Chain chain, const BlkLimits& limits) noexcept {
    chain_ = std::move(chain);
    limits_ = limits;
    request_ = parse_blk_request(chain_, limits_);
    if (request_.verdict == BlkStatus::Ok) return start();
    disk_.malformed.count();
    answer(request_.verdict);
}

void BlkJob::start() noexcept {
    switch (request_.type) {
        case BlkType::In:
        case BlkType::Out:
            return start_transfer();
        case BlkType::Flush:
            return flush();
        case BlkType::GetId:
            return give_id();
        case BlkType::Discard:
        case BlkType::WriteZeroes:
            ranges_ = 0;
            return clear_next();
    }
}

void BlkJob::done(int result) noexcept {
    switch (step_) {
        case Step::Transfer:
            return transferred(result);
        case Step::Flush:
            return flushed(result);
        case Step::Clear:
            return cleared(result);
    }
}

void BlkJob::start_transfer() noexcept {
    step_ = Step::Transfer;
    offset_ = request_.sector * kSectorSize;
    if (request_.type == BlkType::In)
        pieces_.set(chain_.writable(), 0, request_.size);
    else
        pieces_.set(chain_.readable(), kBlkHeaderSize, request_.size);
    if (request_.size == 0) return answer(BlkStatus::Ok);
    transfer();
}

void BlkJob::transfer() noexcept {
    const BlockFile& file = *disk_.file();
    const auto buffers = pieces_.next();
    direct_ = file.suits_direct(offset_, buffers);
    const int fd = direct_ ? file.direct_fd() : file.fd();
    const auto count = static_cast<unsigned>(buffers.size());
    loop_.submit(*this, [&](io_uring_sqe* entry) {
        if (request_.type == BlkType::In) return ::io_uring_prep_readv(entry, fd, buffers.data(), count, offset_);
        ::io_uring_prep_writev2(entry, fd, buffers.data(), count, offset_, disk_.writes_through() ? RWF_DSYNC : 0);
    });
}

/// The host may transfer less than it was asked for.
void BlkJob::transferred(int result) noexcept {
    if (result == -EINTR || result == -EAGAIN) return transfer();
    // EFAULT: of memory that is passed, the kernel can hold no page for a disk to reach.
    if ((result == -EINVAL || result == -EFAULT) && direct_) {
        disk_.direct_io_failed(-result);
        return transfer();
    }
    if (result <= 0) {
        const bool reads = request_.type == BlkType::In;
        // Nothing at all is the end of a file that has become shorter.
        return fail(reads ? "read" : "write", offset_ / kSectorSize, (pieces_.left() + kSectorSize - 1) / kSectorSize,
                    result == 0 ? EIO : -result);
    }
    offset_ += static_cast<unsigned>(result);
    pieces_.advance(static_cast<unsigned>(result));
    if (pieces_.left() != 0) return transfer();
    answer(BlkStatus::Ok, request_.type == BlkType::In ? request_.size : 0);
}

/// Covers all that was written before: by whoever asks for it, after those writes were answered.
void BlkJob::flush() noexcept {
    if (limits_.read_only || disk_.file() == nullptr) return answer(BlkStatus::Ok);
    step_ = Step::Flush;
    loop_.submit(*this, [this](io_uring_sqe* entry) {
        ::io_uring_prep_fsync(entry, disk_.file()->fd(), IORING_FSYNC_DATASYNC);
    });
}

void BlkJob::flushed(int result) noexcept {
    if (result == -EINTR || result == -EAGAIN) return flush();
    if (result < 0) {
        disk_.set_lost_writes();
        return fail("flush", 0, limits_.sectors, -result);
    }
    answer(disk_.lost_writes() ? BlkStatus::IoError : BlkStatus::Ok);
}

void BlkJob::give_id() noexcept {
    const auto id = std::as_bytes(std::span{disk_.id()});
    const auto size = std::min<std::uint32_t>(request_.size, kBlkIdSize);
    answer(BlkStatus::Ok, static_cast<std::uint32_t>(chain_.write(0, id.first(size))));
}

void BlkJob::clear_next() noexcept {
    if (ranges_ == request_.size / sizeof(BlkRange)) return written();
    // The guest may have changed it meanwhile: each is judged when it is its turn.
    range_ = chain_.read<BlkRange>(kBlkHeaderSize + ranges_++ * sizeof(BlkRange)).value_or(BlkRange{});
    const BlkStatus verdict = judge_range(request_.type, range_, limits_);
    if (verdict != BlkStatus::Ok) {
        disk_.malformed.count();
        return answer(verdict);
    }
    if (range_.sectors == 0) return clear_next();
    const bool unmaps = disk_.frees() && (range_.flags & BlkRange::kUnmap) != 0;
    const auto wish = request_.type == BlkType::Discard ? BlkClear::Wish::Discard
                      : unmaps                          ? BlkClear::Wish::ZeroUnmap
                                                        : BlkClear::Wish::Zero;
    clear_.start(wish, range_.sector * kSectorSize, range_.sectors * kSectorSize);
    clear();
}

void BlkJob::clear() noexcept {
    step_ = Step::Clear;
    loop_.submit(*this, [this](io_uring_sqe* entry) { clear_.fill(entry, *disk_.file()); });
}

void BlkJob::cleared(int result) noexcept {
    switch (clear_.done(result)) {
        case BlkClear::Progress::More:
            return clear();
        case BlkClear::Progress::Done:
            return clear_next();
        case BlkClear::Progress::Unsupported:
            return answer(BlkStatus::Unsupported);
        case BlkClear::Progress::Failed:
            return fail(request_.type == BlkType::Discard ? "discard" : "write of zeroes", range_.sector,
                        range_.sectors, -result);
    }
}

/// As a write is done.
void BlkJob::written() noexcept {
    if (disk_.writes_through()) return flush();
    answer(BlkStatus::Ok);
}

void BlkJob::fail(std::string_view what, std::uint64_t sector, std::uint64_t sectors, int error) noexcept {
    disk_.report({what, sector, sectors, error});
    answer(BlkStatus::IoError);
}

/// `data`: bytes at the start of the writable part that were written. The status is the part's last byte.
void BlkJob::answer(BlkStatus status, std::uint32_t data) noexcept {
    const std::uint32_t room = chain_.writable_size() - 1;
    chain_.write(room, std::as_bytes(std::span{&status, 1}));
    // 2.7.8.2: counted from the start, without a gap.
    owner_.answered(*this, std::move(chain_), data == room ? room + 1 : data);
}

}  // namespace qvm
