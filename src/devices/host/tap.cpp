// SPDX-License-Identifier: Apache-2.0
#include "devices/host/tap.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "devices/virtio/net_format.hpp"
#include "devices/virtio/net_offloads.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr const char* kDevice = "/dev/net/tun";

[[nodiscard]] ifreq request_for(const std::string& name, int flags) noexcept {
    ifreq request{};
    std::memcpy(static_cast<char*>(request.ifr_name), name.data(), std::min(name.size(), std::size_t{IFNAMSIZ - 1}));
    request.ifr_flags = static_cast<short>(flags);
    return request;
}

[[nodiscard]] std::string way_out(const std::string& name, unsigned pairs, int error) {
    const char* const several = pairs > 1 ? " multi_queue" : "";
    switch (error) {
        case EPERM:
            return fmt::format(
                "; this user may neither make it nor open it. As root: ip tuntap add {} mode tap user USER{} && "
                "ip link set {} up",
                name, several, name);
        case EBUSY:
            return "; another program has it open";
        case EINVAL:
            return fmt::format("; it is no TAP interface, or has {} queue{}. As root: ip tuntap add {} mode tap{}",
                               pairs > 1 ? "one" : "more than one", pairs > 1 ? " only" : "", name, several);
        default:
            return {};
    }
}

[[nodiscard]] UniqueFd open_device() {
    UniqueFd fd{::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (fd) return fd;
    const bool missing = errno == ENOENT || errno == ENODEV || errno == ENXIO;
    throw HostError{errno_text(kDevice, errno) +
                    (missing ? "; load the module: modprobe tun" : "; it is usually open to everybody (mode 0666)")};
}

[[nodiscard]] UniqueFd open_queue(const std::string& name, unsigned pairs) {
    UniqueFd fd = open_device();
    const int several = pairs > 1 ? IFF_MULTI_QUEUE : 0;
    ifreq request = request_for(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | several);
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        const int error = errno;
        throw HostError{errno_text("TAP interface " + name, error) + way_out(name, pairs, error)};
    }
    const int header = sizeof(NetHeader);
    check("TUNSETVNETHDRSZ", ::ioctl(fd.get(), TUNSETVNETHDRSZ, &header));
    return fd;
}

/// What the kernel may hand over unfinished because the guest's driver finishes it (TUN_F_*).
[[nodiscard]] unsigned long tun_offloads(std::uint64_t features) noexcept {
    using namespace net_feature;
    unsigned long flags = 0;
    if ((features & kGuestCsum) != 0) flags |= TUN_F_CSUM;
    if ((features & kGuestTso4) != 0) flags |= TUN_F_TSO4;
    if ((features & kGuestTso6) != 0) flags |= TUN_F_TSO6;
    if ((features & kGuestEcn) != 0) flags |= TUN_F_TSO_ECN;
    if ((features & kGuestUfo) != 0) flags |= TUN_F_UFO;
    return flags;
}

/// Of the GUEST features those that this kernel's TAP knows.
[[nodiscard]] std::uint64_t known_offloads(int fd) noexcept {
    using namespace net_feature;
    for (const std::uint64_t tried : {kOffloads, kOffloads & ~kGuestUfo, kOffloads & ~(kGuestUfo | kGuestEcn)}) {
        if (::ioctl(fd, TUNSETOFFLOAD, tun_offloads(tried)) != 0) continue;
        ::ioctl(fd, TUNSETOFFLOAD, 0UL);
        return tried;
    }
    return kOffloads & ~(kGuestCsum | kGuestTso | kGuestEcn | kGuestUfo);
}

/// An interface that is new is down, and nobody else could know that it is there.
void bring_up(const std::string& name) {
    const UniqueFd any{check("socket", ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))};
    ifreq request = request_for(name, 0);
    check("SIOCGIFFLAGS", ::ioctl(any.get(), SIOCGIFFLAGS, &request));
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    check(("bringing up " + name).c_str(), ::ioctl(any.get(), SIOCSIFFLAGS, &request));
}

}  // namespace

Tap::Tap(EventLoop& loop, const std::string& name, unsigned pairs) {
    const bool is_new = ::if_nametoindex(name.c_str()) == 0;
    for (unsigned pair = 0; pair < pairs; ++pair)
        queues_.push_back(std::make_unique<Queue>(loop, open_queue(name, pairs), [this, pair] {
            if (std::exchange(queues_[pair]->waited_for, false)) client_->receivable(pair);
        }));
    net_offloads_ = known_offloads(fd(0));
    for (unsigned pair = 1; pair < pairs; ++pair) set_in_use(*queues_[pair], false);
    if (is_new) bring_up(name);
}

void Tap::use(std::uint64_t features, unsigned pairs) noexcept {
    for (unsigned pair = 0; pair < queues_.size(); ++pair) set_in_use(*queues_[pair], pair < pairs);
    ::ioctl(fd(0), TUNSETOFFLOAD, tun_offloads(features));
    features_ = features;
}

/// The kernel spreads frames over all queues that are attached.
void Tap::set_in_use(Queue& queue, bool in_use) noexcept {
    if (queue.in_use == in_use) return;
    ifreq request{};
    request.ifr_flags = static_cast<short>(in_use ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE);
    if (::ioctl(queue.fd.get(), TUNSETQUEUE, &request) != 0) return;
    queue.in_use = in_use;
    if (in_use && queue.waited_for) queue.readable.when(queue.fd.get(), POLLIN);
}

NetBackend::Sent Tap::send(unsigned pair, std::span<const iovec> frame) noexcept {
    if (::writev(fd(pair), frame.data(), static_cast<int>(frame.size())) >= 0) return Sent::Yes;
    return errno == EINVAL ? Sent::Refused : Sent::Lost;
}

std::optional<std::size_t> Tap::receive(unsigned pair, std::span<const iovec> room) noexcept {
    const ssize_t size = ::readv(fd(pair), room.data(), static_cast<int>(room.size()));
    if (size >= 0) return is_fit(room.front()) ? static_cast<std::size_t>(size) : 0;
    if (errno == EBADFD && queues_[pair]->in_use) gone();
    return std::nullopt;
}

/// The kernel keeps to the driver's features, except in frames that have waited since another driver was there.
bool Tap::is_fit(const iovec& first) const noexcept {
    NetHeader header;
    std::memcpy(&header, first.iov_base, sizeof header);
    if (!allow_to_guest(header, features_)) return false;
    std::memcpy(first.iov_base, &header, sizeof header);
    return true;
}

/// A queue that is not in use would be in error all the time: poll(2) is asked once it is used.
void Tap::wait(unsigned pair) noexcept {
    Queue& queue = *queues_[pair];
    queue.waited_for = true;
    if (link_up() && queue.in_use) queue.readable.when(queue.fd.get(), POLLIN);
}

/// Somebody has removed the interface: it does not come back.
void Tap::gone() noexcept {
    if (there_.exchange(false) && client_ != nullptr) client_->link_changed();
}

}  // namespace qvm
