// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock_kernel.hpp"

#define VIRTIO_RING_NO_LEGACY  // its functions are not C++
#include <fmt/format.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {
namespace {

/// VIRTIO_VSOCK_F_STREAM and VIRTIO_VSOCK_F_SEQPACKET; the kernel has other things at higher bits.
constexpr std::uint64_t kSocketTypes = 3;

}  // namespace

KernelVsock::KernelVsock(VdevContext& context, std::string name, std::uint64_t guest_cid)
    : VsockDevice{guest_cid},
      memory_{context.memory()},
      loop_{context.loop()},
      log_{context.log()},
      name_{std::move(name)},
      device_{kPath} {
    if (::ioctl(device_.fd(), VHOST_VSOCK_SET_GUEST_CID, &guest_cid) != 0)
        throw HostError{errno_text(fmt::format("{} does not give this guest cid {}", kPath, guest_cid), errno)};
}

KernelVsock::~KernelVsock() { (void)run(false); }

std::uint64_t KernelVsock::features() const noexcept { return device_.features() & kSocketTypes; }

std::uint64_t KernelVsock::ring_features() const noexcept { return Vhost::kRingFeatures & device_.features(); }

void KernelVsock::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    const auto both = queues.first(2);
    if (!both[kReceive]->enabled() || !both[kTransmit]->enabled()) return;
    if (device_.prepare(features, memory_) && start_rings(both) && run(true)) return;
    log_.warn(errno_text(fmt::format("{}: the kernel does not take these queues", name_), errno));
    rings_.clear();
    transport().needs_reset("the kernel cannot follow a ring");
}

bool KernelVsock::start_rings(std::span<QueueEnd* const> queues) noexcept try {
    const auto broken = [this] { transport().needs_reset("the kernel cannot follow a ring"); };
    for (unsigned ring = 0; ring < queues.size(); ++ring) {
        rings_.push_back(std::make_unique<VhostRing>(device_, ring, *queues[ring], loop_, broken));
        if (!rings_.back()->start(memory_, 0)) return false;
    }
    return true;
} catch (const std::exception&) {
    errno = EMFILE;  // a ring has two eventfds; the guest must not end the VM by asking for them
    return false;
}

bool KernelVsock::run(bool on) const noexcept {
    const int running = on ? 1 : 0;
    return ::ioctl(device_.fd(), VHOST_VSOCK_SET_RUNNING, &running) == 0;
}

void KernelVsock::stop(std::function<void()> stopped) noexcept {
    (void)run(false);
    rings_.clear();
    stopped();
}

void KernelVsock::interrupts_moved() noexcept {
    for (const auto& ring : rings_) ring->interrupts_moved();
}

}  // namespace qvm
