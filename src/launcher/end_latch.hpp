// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "vmm/end_cause.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {

/// Remembers the first cause of the VM's end, and whether a device wants a dump, and wakes up whoever waits for it.
class EndLatch final : public VmControl {
public:
    void end(EndCause cause) noexcept override {
        int none = kNone;
        ended_.store(true, std::memory_order_relaxed);
        if (cause_.compare_exchange_strong(none, static_cast<int>(cause))) wake_.signal();
    }
    void dump(std::optional<EndCause> then) noexcept override {
        int none = kNone;
        if (then)
            dump_.store(static_cast<int>(*then));
        else
            dump_.compare_exchange_strong(none, kGoOn);  // one that ends the VM counts more
        wake_.signal();
    }
    struct DumpRequest {
        std::optional<EndCause> then;
    };
    /// Each request once, several since the last call as one. By the one thread that waits.
    [[nodiscard]] std::optional<DumpRequest> take_dump() noexcept {
        wake_.drain();
        const int wanted = dump_.exchange(kNone);
        if (wanted == kNone) return std::nullopt;
        if (wanted == kGoOn) return DumpRequest{};
        return DumpRequest{static_cast<EndCause>(wanted)};
    }
    /// Readable once there is a cause or a dump to make; after take_dump() ask cause() again.
    [[nodiscard]] int fd() const noexcept { return wake_.fd(); }
    [[nodiscard]] std::optional<EndCause> cause() const noexcept {
        const int cause = cause_.load();
        if (cause == kNone) return std::nullopt;
        return static_cast<EndCause>(cause);
    }

private:
    static constexpr int kNone = -1;
    static constexpr int kGoOn = -2;
    std::atomic<int> cause_{kNone};
    std::atomic<int> dump_{kNone};
    EventFd wake_;
};

}  // namespace qvm
