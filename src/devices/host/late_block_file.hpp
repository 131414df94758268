// SPDX-License-Identifier: Apache-2.0
// A disk whose file is not there yet (`delayed`).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "config/vm_config.hpp"
#include "devices/host/block_file.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"
#include "vmm/timer.hpp"

namespace qvm {

/// Made and destroyed on the main thread.
class LateBlockFile {
public:
    using Opened = std::function<void(std::unique_ptr<BlockFile>)>;

    struct Wanted {
        std::string label;  ///< names the disk in the log
        BlockFileOptions file;
        Delay patience;
    };

    /// `opened` is called on the loop's thread, once. Throws HostError.
    LateBlockFile(EventLoop& loop, Log& log, Wanted wanted, Opened opened);

    /// The guest wants to use it: from the first call on, it is tried to open it, less and less often. On the loop's
    /// thread.
    void use() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    void try_to_open() noexcept;
    void try_later(const std::string& why);

    EventLoop& loop_;
    Log& log_;
    Wanted wanted_;
    Opened opened_;
    Timer timer_;
    Clock::time_point since_{};
    std::chrono::milliseconds pause_{20};
    bool used_ = false;
    bool told_ = false;
    Watch due_;
};

}  // namespace qvm
