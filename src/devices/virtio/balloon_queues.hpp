// SPDX-License-Identifier: Apache-2.0
// The queues of a balloon (virtio 1.2, 5.5.2). On the loop's thread. What one of them does in a turn is bounded,
// however much the guest has put into it.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "devices/virtio/balloon_format.hpp"
#include "devices/virtio/balloon_pages.hpp"
#include "devices/virtio/served_queue.hpp"

namespace qvm {

/// What the guest did wrong. Of a device, over all its starts.
struct BalloonCounters {
    BalloonCounters(Log& log, const std::string& name);
    GuestFault bad_page;
    GuestFault bad_list;
    GuestFault bad_report;
    GuestFault bad_statistics;
};

struct BalloonContext {
    EventLoop& loop;
    const GuestMemory& memory;
    VirtioTransport& transport;
    BalloonCounters& counters;
};

/// Lists of page numbers: the queues by which the guest gives pages away and takes them back.
class BalloonList {
public:
    using Work = std::function<void(std::span<std::uint32_t>)>;
    BalloonList(const BalloonContext& context, QueueEnd& end, Work work);

private:
    static constexpr std::size_t kPagesPerTurn = 1024;
    void serve() noexcept;
    [[nodiscard]] std::size_t read_some(std::size_t most) noexcept;

    const BalloonContext context_;
    const Work work_;
    std::optional<Chain> chain_{};
    std::size_t offset_ = 0;
    ServedQueue queue_;
};

/// Pages that the guest does not use for now: their content is not worth keeping (5.5.6.7).
class BalloonReports {
public:
    /// `keeps`: the guest wants to find again what it has written into free pages.
    BalloonReports(const BalloonContext& context, QueueEnd& end, std::function<bool()> keeps);

private:
    static constexpr std::uint64_t kBytesPerTurn = 16 * kMiB;
    void serve() noexcept;
    [[nodiscard]] std::uint64_t release_some(std::uint64_t most) noexcept;
    void give_back() noexcept;

    const BalloonContext context_;
    const std::function<bool()> keeps_;
    std::optional<Chain> chain_{};
    std::size_t piece_ = 0;
    std::uint64_t offset_ = 0;  ///< in that piece
    ServedQueue queue_;
};

/// What the guest says of its memory: it fills a buffer, and does so again whenever it gets it back.
class BalloonStatistics {
public:
    using Values = std::array<std::optional<std::uint64_t>, kBalloonStats.size()>;
    BalloonStatistics(const BalloonContext& context, QueueEnd& end, std::function<void(const Values&)> told);
    /// Asks for new ones, if the guest is not at it already.
    void ask() noexcept;

private:
    void serve() noexcept;
    [[nodiscard]] Values read(const Chain& chain) noexcept;

    const BalloonContext context_;
    const std::function<void(const Values&)> told_;
    std::optional<Chain> held_{};
    ServedQueue queue_;
};

}  // namespace qvm
