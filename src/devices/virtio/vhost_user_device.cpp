// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vhost_user_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "devices/host/unix_socket.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint16_t kQueueSize = 256;

/// Feature bits that are the device type's own (virtio 1.2, 2.2): 0 to 23 and from 50 on.
constexpr std::uint64_t kOwnFeatures = ((1ULL << 24) - 1) | ~((1ULL << 50) - 1);

// Block device (virtio 1.2, 5.2). The cache's mode is not to be changed: that would take writes to the configuration.
constexpr std::uint16_t kBlock = 2;
constexpr std::uint64_t kBlockConfigWce = 1ULL << 11;
constexpr std::size_t kBlockConfigSize = 60, kBlockNumQueues = 34;
// Network card (5.1). Back ends have no control queue and no configuration: offloads and mergeable buffers are left.
// The address is ours: Linux's driver wants a configuration.
constexpr std::uint16_t kNet = 1;
constexpr std::uint64_t kNetFeatures = 0xff83, kNetMac = 1ULL << 5;
// SCSI host (5.6) and sockets (5.10).
constexpr std::uint16_t kScsi = 8, kVsock = 19;

constexpr std::array kKinds{
    VhostUserKind{.type = kNet, .pci_class = 0x020000, .queues = 2, .features = kNetFeatures, .own_features = kNetMac},
    VhostUserKind{.type = kBlock, .pci_class = 0x018000, .config_size = kBlockConfigSize, .features = ~kBlockConfigWce},
    VhostUserKind{.type = kScsi, .pci_class = 0x010000, .config_size = 36, .queues = 3},
    VhostUserKind{.type = kVsock, .config_size = 8, .queues = 3},
};

}  // namespace

VhostUserKind vhost_user_kind(std::uint16_t type) noexcept {
    const auto* const found = std::ranges::find(kKinds, type, &VhostUserKind::type);
    return found != kKinds.end() ? *found : VhostUserKind{.type = type};
}

void use_socket(VirtioVhostUser::Settings& settings, const OptionValue& option) {
    const auto& path = std::get<std::string>(option.value);
    if (path.empty() || !is_socket_path(path)) throw ConfigError{option.where, "a socket's path has 1 to 107 bytes"};
    settings.dial = [path] { return connect_unix(path); };
    settings.whose = "at " + path;
    settings.where = option.where;
}

VirtioVhostUser::VirtioVhostUser(VdevContext& context, Settings settings)
    : memory_{context.memory()}, kind_{settings.kind}, own_config_{std::move(settings.own_config)} {
    const VmIdentity vm = context.vm();
    if (!vm.check && !vm.dryrun) connect(context, settings);
    queue_sizes_.assign(number_of_queues(settings), kQueueSize);
    const bool theirs = own_config_.empty() && back_end_ && back_end_->has_config();
    config_size_ = theirs ? kind_.config_size : own_config_.size();
}

void VirtioVhostUser::connect(VdevContext& context, const Settings& settings) try {
    VhostUser::Wanted wanted{.label = settings.label,
                             .whose = settings.whose,
                             .dial = settings.dial,
                             .config_size = kind_.config_size,
                             .patience = settings.patience};
    back_end_ = std::make_unique<VhostUser>(context.loop(), context.log(), std::move(wanted),
                                            static_cast<VhostUserClient&>(*this));
    back_end_->connect();
} catch (const HostError& error) {
    throw ConfigError{settings.where, fmt::format("the back end {}: {}", settings.whose, error.what()),
                      "it must be there before this VM, and serves one VM"};
}

unsigned VirtioVhostUser::number_of_queues(const Settings& settings) const {
    const auto told = back_end_ ? back_end_->queues() : std::nullopt;
    const std::uint64_t most = std::min<std::uint64_t>(told.value_or(kMostQueues), kMostQueues);
    const unsigned wanted = kind_.queues.value_or(told ? static_cast<unsigned>(most) : 1U);
    if (wanted >= 1 && wanted <= most) return wanted;
    throw ConfigError{settings.queues_where.value_or(settings.where),
                      fmt::format("{} queues are not possible: the back end serves up to {}", wanted, most)};
}

std::uint64_t VirtioVhostUser::features() const noexcept {
    return back_end_ ? (back_end_->features() & kOwnFeatures & kind_.features) | kind_.own_features : 0;
}

std::uint64_t VirtioVhostUser::ring_features() const noexcept {
    return back_end_ ? back_end_->features() & VirtioDevice::ring_features() : 0;
}

void VirtioVhostUser::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    std::array<std::byte, VhostUserConfig::kMost> whole{};
    if (own_config_.empty() && back_end_)
        back_end_->read_config(0, std::span{whole}.first(config_size_));
    else
        std::ranges::copy(own_config_, whole.begin());
    if (kind_.type == kBlock && config_size_ >= kBlockNumQueues + sizeof(std::uint16_t)) {
        // A driver looks for all queues that it reads of.
        std::uint16_t queues = 0;
        std::memcpy(&queues, &whole[kBlockNumQueues], sizeof queues);
        queues = std::min(queues, static_cast<std::uint16_t>(queue_sizes_.size()));
        std::memcpy(&whole[kBlockNumQueues], &queues, sizeof queues);
    }
    if (offset > whole.size() || data.size() > whole.size() - offset) return;
    std::ranges::copy(std::span{whole}.subspan(offset, data.size()), data.begin());
}

void VirtioVhostUser::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    if (!VhostUser::can_serve(memory_, queues)) return transport().needs_reset("a queue lies where there is no RAM");
    back_end_->start(features & ~kind_.own_features, memory_, queues);
}

}  // namespace qvm
