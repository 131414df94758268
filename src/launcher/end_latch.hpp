// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "vmm/end_cause.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {

/// Remembers the first cause of the VM's end and wakes up whoever waits for it.
class EndLatch final : public VmControl {
public:
    void end(EndCause cause) noexcept override {
        int none = kNone;
        ended_.store(true, std::memory_order_relaxed);
        if (cause_.compare_exchange_strong(none, static_cast<int>(cause))) wake_.signal();
    }
    /// Readable once there is a cause.
    [[nodiscard]] int fd() const noexcept { return wake_.fd(); }
    [[nodiscard]] std::optional<EndCause> cause() const noexcept {
        const int cause = cause_.load();
        if (cause == kNone) return std::nullopt;
        return static_cast<EndCause>(cause);
    }

private:
    static constexpr int kNone = -1;
    std::atomic<int> cause_{kNone};
    EventFd wake_;
};

}  // namespace qvm
