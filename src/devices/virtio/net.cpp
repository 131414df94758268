// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint16_t kFrameQueue = 1024;
constexpr std::uint16_t kControlQueue = 64;

[[nodiscard]] std::uint64_t as_number(const MacAddress& mac) noexcept {
    std::uint64_t number = 0;
    std::memcpy(&number, mac.data(), mac.size());
    return number;
}

}  // namespace

NetCounters::NetCounters(Log& log, const std::string& name)
    : bad_frame{log, fmt::format("{}: the guest sent what is no frame", name)},
      bad_buffer{log, fmt::format("{}: the guest gave buffers that hold no frame", name)},
      bad_command{log, fmt::format("{}: the guest gave a command that does not exist", name)} {}

struct VirtioNet::Run {
    struct Pair {
        std::unique_ptr<NetReceiver> receiver{};
        std::unique_ptr<NetTransmitter> transmitter{};
    };
    std::uint64_t features;
    unsigned most_pairs;
    std::vector<Pair> pairs{};  ///< empty while the kernel serves them
    std::unique_ptr<NetControl> control{};
    bool by_kernel = false;
};

VirtioNet::VirtioNet(VdevContext& context, const NetSettings& settings, NetHost host)
    : memory_{context.memory()},
      loop_{context.loop()},
      log_{context.log()},
      settings_{settings},
      counters_{context.log(), settings.name},
      queue_sizes_(std::size_t{2} * settings.pairs, kFrameQueue),
      mac_{as_number(settings.mac)},
      host_{std::move(host)} {
    queue_sizes_.push_back(kControlQueue);
}

VirtioNet::~VirtioNet() = default;

std::uint64_t VirtioNet::features() const noexcept {
    using namespace net_feature;
    std::uint64_t features = kMac | kStatus | kMrgRxbuf | kCtrlVq | kCtrlRx | kCtrlRxExtra | kCtrlMacAddr;
    if (settings_.pairs > 1) features |= kMq;
    if (settings_.mtu != 0) features |= kMtu;
    if (host_.vhost && (host_.vhost->features() & kMrgRxbuf) == 0) features &= ~kMrgRxbuf;
    return features | with_conditions_met(settings_.offloads & host_.backend->offloads());
}

std::uint64_t VirtioNet::ring_features() const noexcept {
    const std::uint64_t all = VirtioDevice::ring_features();
    return host_.vhost ? all & Vhost::kRingFeatures & host_.vhost->features() : all;
}

NetConfig VirtioNet::config() const noexcept {
    NetConfig config{};
    const std::uint64_t mac = mac_.load(std::memory_order_relaxed);
    std::memcpy(static_cast<std::uint8_t*>(config.mac), &mac, sizeof config.mac);
    config.status = host_.backend->link_up() ? NetConfig::kLinkUp : 0;
    config.max_virtqueue_pairs = settings_.pairs;
    config.mtu = settings_.mtu;
    return config;
}

void VirtioNet::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    const NetConfig now = config();
    const auto bytes = std::as_bytes(std::span{&now, 1});
    if (offset > bytes.size() || data.size() > bytes.size() - offset) return;
    std::ranges::copy(bytes.subspan(offset, data.size()), data.begin());
}

/// Drivers of before 1.0 set the address this way.
void VirtioNet::write_config(std::size_t offset, std::span<const std::byte> data) noexcept {
    if (offset > sizeof(MacAddress) || data.size() > sizeof(MacAddress) - offset) return;
    std::uint64_t mac = mac_.load(std::memory_order_relaxed);
    std::memcpy(reinterpret_cast<std::byte*>(&mac) + offset, data.data(), data.size());
    mac_.store(mac, std::memory_order_relaxed);
}

void VirtioNet::set_mac(const MacAddress& mac) noexcept { mac_.store(as_number(mac), std::memory_order_relaxed); }

void VirtioNet::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    // The control queue is behind the pairs that the driver knows of (5.1.2).
    const bool several = (features & net_feature::kMq) != 0;
    run_ = std::make_unique<Run>(Run{.features = features, .most_pairs = several ? settings_.pairs : 1U});
    const NetContext context{loop_, memory_, transport(), *host_.backend, counters_, features};
    host_.backend->use(features, 1);
    const auto frames = queues.first(2UL * run_->most_pairs);
    run_->by_kernel = give_to_kernel(context, frames);
    if (!run_->by_kernel) serve_pairs(context, frames);
    QueueEnd& control = *queues[frames.size()];
    if ((features & net_feature::kCtrlVq) != 0 && control.enabled())
        run_->control = std::make_unique<NetControl>(context, control, static_cast<NetCommands&>(*this));
}

bool VirtioNet::give_to_kernel(const NetContext& context, std::span<QueueEnd* const> queues) noexcept {
    if (!host_.vhost || context.header_size() != sizeof(NetHeader)) return false;
    const auto broken = [this] { transport().needs_reset("the kernel cannot follow a ring"); };
    if (host_.vhost->start(context.features, memory_, queues, broken)) return true;
    log_.debug(errno_text(fmt::format("{}: vhost-net does not take these queues", settings_.name), errno));
    return false;
}

void VirtioNet::serve_pairs(const NetContext& context, std::span<QueueEnd* const> queues) {
    run_->pairs.resize(queues.size() / 2);
    for (unsigned number = 0; number < run_->pairs.size(); ++number) {
        Run::Pair& pair = run_->pairs[number];
        QueueEnd& receiving = *queues[2UL * number];
        QueueEnd& sending = *queues[2UL * number + 1];
        if (receiving.enabled()) pair.receiver = std::make_unique<NetReceiver>(context, receiving, number);
        if (sending.enabled()) pair.transmitter = std::make_unique<NetTransmitter>(context, sending, number);
    }
}

void VirtioNet::receivable(unsigned pair) noexcept {
    if (!run_ || pair >= run_->pairs.size() || !run_->pairs[pair].receiver) return;
    run_->pairs[pair].receiver->begin();
}

bool VirtioNet::set_pairs(unsigned pairs) noexcept {
    if (pairs == 0 || pairs > run_->most_pairs) return false;
    host_.backend->use(run_->features, pairs);
    if (run_->by_kernel) host_.vhost->use(pairs);
    return true;
}

void VirtioNet::stop(std::function<void()> stopped) noexcept {
    if (host_.vhost) host_.vhost->stop();
    run_.reset();
    stopped();
}

void VirtioNet::interrupts_moved() noexcept {
    if (run_ && run_->by_kernel) host_.vhost->interrupts_moved();
}

}  // namespace qvm
