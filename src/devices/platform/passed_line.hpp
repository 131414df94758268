// SPDX-License-Identifier: Apache-2.0
// An interrupt of the host on a line of the guest's. It is a level: masked when it fires, it comes again once the guest
// has ended it, if the device still pulls. A device that pulls for good so costs one interrupt for each that the guest
// ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "devices/platform/host_interrupt.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/irq_line.hpp"
#include "vmm/log.hpp"

namespace qvm {

class PassedLine final : private EndListener {
public:
    struct Services {
        EventLoop& loop;
        Log& log;
        VmControl& control;
    };
    /// `title` names it in messages. Throws HostError if the line's controller cannot tell the end of an interrupt.
    PassedLine(std::string title, std::unique_ptr<HostInterrupt> host, IrqLine& line, const Services& services);
    PassedLine(const PassedLine&) = delete;
    PassedLine& operator=(const PassedLine&) = delete;

    /// The guest runs next. Throws HostError if the host refuses.
    void start();
    /// How often the host's interrupt has come. From any thread.
    [[nodiscard]] std::uint64_t raised() const noexcept { return raised_.load(std::memory_order_relaxed); }
    [[nodiscard]] const std::string& title() const noexcept { return title_; }

private:
    void ended() noexcept override;
    void fired() noexcept;
    void lose(const char* what) noexcept;

    const std::string title_;
    const std::unique_ptr<HostInterrupt> host_;
    IrqLine& line_;
    const Services services_;
    std::atomic<std::uint64_t> raised_ = 0;
    std::atomic<bool> lost_ = false;
    std::mutex mutex_;  // guards high_ and again_
    bool high_ = false;
    bool again_ = false;  ///< it has fired while high: an edge, which nobody masks
    Watch watch_;         // last: its callback uses the rest
};

}  // namespace qvm
