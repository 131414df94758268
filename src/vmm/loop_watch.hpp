// SPDX-License-Identifier: Apache-2.0
// One registration of an EventLoop. On the loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "vmm/event_loop.hpp"

namespace qvm {

/// Exists until its last completion has come, even if that is after end(), because the kernel writes into it.
class LoopWatch final : public IoOperation {
public:
    /// What it needs of its loop.
    class Home {
    public:
        [[nodiscard]] virtual io_uring_sqe* next_entry() noexcept = 0;
        virtual void cancel(const IoOperation& operation) noexcept = 0;
        /// May destroy the watch.
        virtual void forget(LoopWatch& watch) noexcept = 0;

    protected:
        ~Home() = default;
    };

    LoopWatch(Home& home, int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);
    LoopWatch(Home& home, const EventFd& event, std::function<void()> signalled);

    void arm() noexcept;
    /// The callback will not run any more. May destroy the watch.
    void end() noexcept;
    void done(int result) noexcept override;

private:
    void call(int result) noexcept;
    void failed(int error) noexcept;

    Home& home_;
    int fd_;
    std::optional<std::uint32_t> events_;  // nothing: an eventfd, which is read
    std::uint64_t count_ = 0;              // what was read
    std::function<void(std::uint32_t)> ready_;
    bool armed_ = false;
    bool calling_ = false;
    bool ended_ = false;
};

}  // namespace qvm
