// SPDX-License-Identifier: Apache-2.0
// A level of which somebody wants to know when the guest has dealt with it. The kernel's controller tells the end of an
// interrupt by an eventfd, but lowers its input first, whoever still pulls it (KVM_IRQFD_FLAG_RESAMPLE: Linux 6.1,
// Documentation/virt/kvm/api.rst, KVM_IRQFD). This puts the input right again.
#pragma once

#include <mutex>
#include <vector>

#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/irq_line.hpp"

namespace qvm {

class LevelWire final : public IrqLine {
public:
    /// `input` is the kernel's; it must outlive the wire.
    explicit LevelWire(IrqLine& input) noexcept : input_{input} {}

    void set(bool high) noexcept override;
    bool tell_end(EndListener& listener) override;

    /// What the kernel wants for this: an eventfd that would raise the input, and is never signalled, and one that it
    /// signals at each end.
    [[nodiscard]] int raiser() const noexcept { return trigger_.fd(); }
    [[nodiscard]] int end() const noexcept { return end_.fd(); }
    /// Once the kernel has both. Set-up only; the loop must outlive the wire.
    void listen(EventLoop& loop);
    /// Nobody is told any more.
    void be_quiet() noexcept { watch_ = {}; }

private:
    void ended() noexcept;

    IrqLine& input_;
    EventFd trigger_, end_;
    std::vector<EndListener*> listeners_{};  ///< fixed once the vCPUs run
    std::mutex mutex_;                       // guards high_; held while the input is driven
    bool high_ = false;
    Watch watch_{};
};

}  // namespace qvm
