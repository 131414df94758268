// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost.hpp"

#define VIRTIO_RING_NO_LEGACY  // its functions are not C++
#include <fcntl.h>
#include <linux/vhost.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::size_t kMaxRegions = 64;  // max_mem_regions of drivers/vhost/vhost.c
constexpr int kNoFile = -1;

/// vhost_memory with room for its regions.
struct MemoryTable {
    std::uint32_t count;
    std::uint32_t padding;
    std::array<vhost_memory_region, kMaxRegions> regions;
};
static_assert(offsetof(MemoryTable, regions) == sizeof(vhost_memory));

[[nodiscard]] bool add_ram(MemoryTable& table, const GuestMemory::Block& block) noexcept {
    if (block.kind != GuestMemory::Kind::Ram) return true;
    if (table.count == kMaxRegions) {
        errno = E2BIG;
        return false;
    }
    table.regions[table.count++] = {.guest_phys_addr = block.range.start(),
                                    .memory_size = block.range.size(),
                                    .userspace_addr = reinterpret_cast<std::uintptr_t>(block.mapping.bytes().data()),
                                    .flags_padding = 0};
    return true;
}

/// Where the kernel finds `size` bytes at `at`; 0 if they are not all in guest memory.
[[nodiscard]] std::uint64_t host_address(const GuestMemory& memory, Gpa at, std::size_t size) noexcept {
    const auto span = memory.span(at, size);
    return span ? reinterpret_cast<std::uintptr_t>(span->data()) : 0;
}

}  // namespace

Vhost::Vhost(const std::string& path) : fd_{::open(path.c_str(), O_RDWR | O_CLOEXEC)} {
    if (!fd_) throw HostError{errno_text(path, errno)};
    check("VHOST_SET_OWNER", ::ioctl(fd_.get(), VHOST_SET_OWNER));
    check("VHOST_GET_FEATURES", ::ioctl(fd_.get(), VHOST_GET_FEATURES, &features_));
}

bool Vhost::prepare(std::uint64_t negotiated, const GuestMemory& memory) const noexcept {
    const std::uint64_t features = negotiated & features_;
    MemoryTable table{};
    for (const GuestMemory::Block& block : memory.blocks())
        if (!add_ram(table, block)) return false;
    return ::ioctl(fd_.get(), VHOST_SET_FEATURES, &features) == 0 &&
           ::ioctl(fd_.get(), VHOST_SET_MEM_TABLE, &table) == 0;
}

VhostRing::VhostRing(const Vhost& device, unsigned index, QueueEnd& end, EventLoop& loop, std::function<void()> broken)
    : device_{device.fd()},
      index_{index},
      end_{end},
      called_{loop.watch(call_.fd(), POLLIN,
                         [this](std::uint32_t) {
                             call_.drain();
                             end_.interrupt();
                         })},
      failed_{loop.watch(error_.fd(), POLLIN, [this, told = std::move(broken)](std::uint32_t) {
          error_.drain();
          told();
      })} {}

VhostRing::~VhostRing() {
    for (const unsigned long request : {VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR})
        (void)set_file(request, kNoFile);
    // What the kernel said last is still to be told.
    if (call_.drain()) end_.interrupt();
}

bool VhostRing::start(const GuestMemory& memory, std::uint16_t base) noexcept {
    const vhost_vring_state size{.index = index_, .num = end_.setup().size};
    const vhost_vring_state next{.index = index_, .num = base};
    return ::ioctl(device_, VHOST_SET_VRING_NUM, &size) == 0 && ::ioctl(device_, VHOST_SET_VRING_BASE, &next) == 0 &&
           set_addresses(memory) && set_call() && set_file(VHOST_SET_VRING_ERR, error_.fd()) &&
           set_file(VHOST_SET_VRING_KICK, end_.kick().fd());
}

void VhostRing::interrupts_moved() noexcept { (void)set_call(); }

std::uint16_t VhostRing::base() const noexcept {
    vhost_vring_state state{.index = index_, .num = 0};
    (void)::ioctl(device_, VHOST_GET_VRING_BASE, &state);
    return static_cast<std::uint16_t>(state.num);
}

/// Sizes of the three areas: virtio 1.2, 2.7, with the event index that may follow the rings.
bool VhostRing::set_addresses(const GuestMemory& memory) const noexcept {
    constexpr std::size_t kDescriptor = 16, kUsedElement = 8, kFixed = 6;
    const QueueSetup& setup = end_.setup();
    const vhost_vring_addr where{
        .index = index_,
        .flags = 0,
        .desc_user_addr = host_address(memory, setup.descriptors, kDescriptor * setup.size),
        .used_user_addr = host_address(memory, setup.device, kFixed + kUsedElement * setup.size),
        .avail_user_addr = host_address(memory, setup.driver, kFixed + sizeof(std::uint16_t) * setup.size),
        .log_guest_addr = 0};
    if (where.desc_user_addr == 0 || where.used_user_addr == 0 || where.avail_user_addr == 0) {
        errno = EFAULT;
        return false;
    }
    return ::ioctl(device_, VHOST_SET_VRING_ADDR, &where) == 0;
}

bool VhostRing::set_file(unsigned long request, int fd) const noexcept {
    const vhost_vring_file file{.index = index_, .fd = fd};
    return ::ioctl(device_, request, &file) == 0;
}

bool VhostRing::set_call() noexcept {
    const int direct = end_.interrupt_fd();
    return set_file(VHOST_SET_VRING_CALL, direct >= 0 ? direct : call_.fd());
}

}  // namespace qvm
