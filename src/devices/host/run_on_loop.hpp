// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <memory>

#include "vmm/event_loop.hpp"

namespace qvm {

/// Runs `work` on the loop's thread and waits until it is done. What callbacks of the loop change is set up and torn
/// down this way, so that it needs no lock.
template <typename Work>
void run_on_loop(EventLoop& loop, Work work) {
    if (loop.on_loop_thread()) {
        work();
        return;
    }
    // Shared, because the waiter may be gone before set_value() returns.
    const auto done = std::make_shared<std::promise<void>>();
    auto finished = done->get_future();
    loop.post([done, &work] {
        work();
        done->set_value();
    });
    finished.wait();
}

}  // namespace qvm
