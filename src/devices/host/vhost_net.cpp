// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost_net.hpp"

#define VIRTIO_RING_NO_LEGACY  // its functions are not C++
#include <linux/vhost.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <exception>

namespace qvm {
namespace {

/// VHOST_NET_F_VIRTIO_NET_HDR: the header would be left to vhost and not be the TAP's. As a feature of virtio
/// before 1.0 the same bit says something else.
constexpr std::uint64_t kOwnHeader = 1ULL << 27;

}  // namespace

VhostNet::VhostNet(EventLoop& loop, const Tap& tap, unsigned pairs) : loop_{loop} {
    for (unsigned pair = 0; pair < pairs; ++pair) pairs_.push_back({.device = Vhost{kDevice}, .tap = tap.fd(pair)});
}

VhostNet::~VhostNet() { stop(); }

bool VhostNet::start(std::uint64_t features, const GuestMemory& memory, std::span<QueueEnd* const> queues,
                     const std::function<void()>& broken) noexcept {
    const std::size_t known = std::min(pairs_.size(), queues.size() / kRings);
    for (std::size_t i = 0; i < known; ++i) {
        const auto own = queues.subspan(kRings * i, kRings);
        if (std::ranges::any_of(own, [](QueueEnd* end) { return !end->enabled(); })) break;
        if (!pairs_[i].device.prepare(features & ~kOwnHeader, memory) || !start(pairs_[i], own, memory, broken))
            return give_up(errno);
    }
    return set_active(pairs_.front(), true) || give_up(errno);
}

bool VhostNet::give_up(int error) noexcept {
    stop();
    errno = error;
    return false;
}

bool VhostNet::start(Pair& pair, std::span<QueueEnd* const> queues, const GuestMemory& memory,
                     const std::function<void()>& broken) noexcept try {
    for (unsigned ring = 0; ring < kRings; ++ring) {
        pair.rings.push_back(std::make_unique<VhostRing>(pair.device, ring, *queues[ring], loop_, broken));
        if (!pair.rings.back()->start(memory, 0)) return false;
    }
    return true;
} catch (const std::exception&) {
    errno = EMFILE;  // a ring has two eventfds; the guest must not end the VM by asking for them
    return false;
}

bool VhostNet::set_active(Pair& pair, bool active) noexcept {
    if (pair.active == active) return true;
    errno = ENODEV;
    if (active && pair.rings.size() != kRings) return false;
    pair.active = active && set_backend(pair, pair.tap);
    if (!pair.active) {
        const int error = errno;
        (void)set_backend(pair, kNoBackend);
        errno = error;
    }
    return pair.active == active;
}

bool VhostNet::set_backend(const Pair& pair, int tap) noexcept {
    bool all = true;
    for (unsigned ring = 0; ring < kRings; ++ring) {
        const vhost_vring_file file{.index = ring, .fd = tap};
        all = ::ioctl(pair.device.fd(), VHOST_NET_SET_BACKEND, &file) == 0 && all;
    }
    return all;
}

void VhostNet::use(unsigned pairs) noexcept {
    for (std::size_t i = 0; i < pairs_.size(); ++i) (void)set_active(pairs_[i], i < pairs);
}

void VhostNet::interrupts_moved() noexcept {
    for (const Pair& pair : pairs_)
        for (const auto& ring : pair.rings) ring->interrupts_moved();
}

void VhostNet::stop() noexcept {
    for (Pair& pair : pairs_) {
        (void)set_active(pair, false);
        pair.rings.clear();
    }
}

}  // namespace qvm
