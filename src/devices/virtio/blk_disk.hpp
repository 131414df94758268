// SPDX-License-Identifier: Apache-2.0
// What the queues of a disk share. Functions may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "devices/host/block_file.hpp"
#include "devices/virtio/blk_request.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// A host operation that failed.
struct BlkFailure {
    std::string_view what;  ///< "write"
    std::uint64_t sector = 0;
    std::uint64_t sectors = 0;
    int error = 0;  ///< errno value
};

class BlkDisk {
public:
    /// What can be done with whole ranges at once (5.2.4).
    static constexpr std::uint32_t kRangeSectors = 1U << 22;
    static constexpr std::uint32_t kRanges = 32;

    struct How {
        bool read_only = false;
        bool frees = true;  ///< what the guest does not need is given back to the host
    };

    /// `label` names the vdev and the path in the log.
    BlkDisk(Log& log, std::string label, std::string_view serial, How how);

    /// Once. Before that, the disk has no sectors.
    void insert(std::unique_ptr<BlockFile> file);
    /// Null before insert().
    [[nodiscard]] BlockFile* file() const noexcept { return file_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t sectors() const noexcept { return file() != nullptr ? file()->sectors() : 0; }
    [[nodiscard]] BlkLimits limits(std::uint64_t features) const noexcept {
        return {sectors(), features, how_.read_only, kRangeSectors, kRanges};
    }
    [[nodiscard]] bool frees() const noexcept { return how_.frees; }
    [[nodiscard]] const std::array<char, kBlkIdSize>& id() const noexcept { return id_; }

    /// Whether a write is done only when it is on the medium (5.2.6.2).
    [[nodiscard]] bool writes_through() const noexcept { return write_through_; }
    void set_write_through(bool value) noexcept { write_through_ = value; }

    /// After a failed flush, what the kernel still had to write may be marked as written: no later flush through the
    /// page cache can promise anything.
    [[nodiscard]] bool lost_writes() const noexcept { return lost_writes_; }
    void set_lost_writes() noexcept { lost_writes_ = true; }

    /// Tells the log the 1st, 2nd, 4th, 8th... time.
    void report(const BlkFailure& failure) noexcept;
    void direct_io_failed(int error) noexcept;

    GuestFault malformed;  ///< requests that break the rules

private:
    Log& log_;
    std::string label_;
    How how_;
    std::array<char, kBlkIdSize> id_{};
    std::unique_ptr<BlockFile> owned_;
    std::atomic<BlockFile*> file_{nullptr};
    std::atomic<bool> write_through_{false};
    std::atomic<bool> lost_writes_{false};
    std::atomic<std::uint64_t> failures_{0};
};

}  // namespace qvm
