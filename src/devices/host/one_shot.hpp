// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "vmm/event_loop.hpp"

namespace qvm {

/// Waits once each time it is asked to, and allocates nothing for that. All calls but construction and destruction
/// belong to the loop's thread.
class OneShot final : private IoOperation {
public:
    OneShot(EventLoop& loop, std::function<void()> ready) : loop_{loop}, ready_{std::move(ready)} {}
    /// On the main thread. Afterwards `ready` neither runs nor will run.
    ~OneShot();
    OneShot(const OneShot&) = delete;
    OneShot& operator=(const OneShot&) = delete;

    /// Each runs `ready` once: when one of `events` (poll(2) bits) or an error holds for `fd`; in the loop's next
    /// round; after some time. Without effect while an earlier one has not run.
    void when(int fd, unsigned events) noexcept { ask({Kind::Poll, fd, events, {}}); }
    void soon() noexcept { ask({Kind::Nop, -1, 0, {}}); }
    void after(std::chrono::milliseconds time) noexcept;
    /// Takes it back.
    void cancel() noexcept;

private:
    enum class Kind : std::uint8_t { None, Poll, Nop, Timeout };
    struct Wish {
        Kind kind = Kind::None;
        int fd = -1;
        unsigned events = 0;
        __kernel_timespec time{};
    };
    void ask(const Wish& wish) noexcept;
    void begin(const Wish& wish) noexcept;
    void done(int result) noexcept override;

    EventLoop& loop_;
    std::function<void()> ready_;
    Wish current_{};  ///< what the kernel has
    Wish next_{};     ///< asked for while the kernel still gives up a cancelled one
    bool cancelled_ = false;
    std::shared_ptr<std::promise<void>> gone_;  ///< who destroys it waits for that
};

}  // namespace qvm
