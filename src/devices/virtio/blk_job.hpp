// SPDX-License-Identifier: Apache-2.0
// One request of a block device, from its chain to its answer.
#pragma once

#include "devices/virtio/blk_clear.hpp"
#include "devices/virtio/blk_disk.hpp"
#include "devices/virtio/blk_request.hpp"
#include "devices/virtio/io_pieces.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

/// On the loop's thread only. Used again and again.
class BlkJob final : public IoOperation {
public:
    /// Whoever has the job.
    class Owner {
    public:
        /// The job is over: its chain has its status and goes back with `written` bytes. It may begin() again.
        virtual void answered(BlkJob& job, Chain chain, std::uint32_t written) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    BlkJob(EventLoop& loop, BlkDisk& disk, Owner& owner) : loop_{loop}, disk_{disk}, owner_{owner} {}

    /// `chain` must be one that can be answered. The answer may come before this returns.
    void begin(Chain chain, const BlkLimits& limits) noexcept;
    void done(int result) noexcept override;

private:
    enum class Step : std::uint8_t { Transfer, Flush, Clear };

    void start() noexcept;
    void start_transfer() noexcept;
    void transfer() noexcept;
    void transferred(int result) noexcept;
    void flush() noexcept;
    void flushed(int result) noexcept;
    void give_id() noexcept;
    void clear_next() noexcept;
    void clear() noexcept;
    void cleared(int result) noexcept;
    void written() noexcept;

    void fail(std::string_view what, std::uint64_t sector, std::uint64_t sectors, int error) noexcept;
    void answer(BlkStatus status, std::uint32_t data = 0) noexcept;

    EventLoop& loop_;
    BlkDisk& disk_;
    Owner& owner_;

    Chain chain_;
    BlkRequest request_;
    BlkLimits limits_;
    Step step_ = Step::Transfer;

    IoPieces pieces_;
    std::uint64_t offset_ = 0;  // bytes; where the next transfer goes
    bool direct_ = false;       // the one under way is direct I/O

    BlkClear clear_;
    BlkRange range_;
    std::uint32_t ranges_ = 0;  // begun
};

}  // namespace qvm
