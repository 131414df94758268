// SPDX-License-Identifier: Apache-2.0
// A virtio device of any type whose queues a vhost-user back end serves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/vhost_user.hpp"
#include "devices/virtio/virtio_device.hpp"

namespace qvm {

/// What the front end must know of a type of device (virtio 1.2, 5).
struct VhostUserKind {
    std::uint16_t type = 0;
    std::uint32_t pci_class = 0xff'0000;  ///< none of those that are defined
    std::size_t config_size = 0;          ///< bytes of configuration that the back end has
    std::optional<unsigned> queues{};     ///< nothing: as many as the back end serves
    std::uint64_t features = ~0ULL;       ///< of the device's own, those for which the front end need do nothing
    std::uint64_t own_features = 0;       ///< those that the front end has by itself, which the back end is not told of
};
/// Those that have something special, else what fits the rest.
[[nodiscard]] VhostUserKind vhost_user_kind(std::uint16_t type) noexcept;

class VirtioVhostUser final : public VirtioDevice, private VhostUserClient {
public:
    static constexpr unsigned kMostQueues = 64;

    struct Settings {
        std::string label;  ///< for the log
        VhostUserKind kind;
        /// How the back end is called, and what the log and the user are told of it; see VhostUser::Wanted.
        std::function<UniqueFd()> dial{};
        std::string whose{};
        Place where{};                        ///< of the option that says so
        std::optional<Place> queues_where{};  ///< of the one that says how many queues, if there is one
        std::vector<std::byte> own_config{};  ///< if the configuration is the front end's
        std::chrono::milliseconds patience = VhostUser::kPatience;
    };

    /// Connects, unless the VM is judged only. Throws ConfigError.
    VirtioVhostUser(VdevContext& context, Settings settings);

    [[nodiscard]] std::uint16_t type() const noexcept override { return kind_.type; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return kind_.pci_class; }
    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::uint64_t ring_features() const noexcept override;
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return queue_sizes_; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return config_size_; }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;

    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override { back_end_->stop(std::move(stopped)); }
    void interrupts_moved() noexcept override { back_end_->interrupts_moved(); }

private:
    void connect(VdevContext& context, const Settings& settings);
    [[nodiscard]] unsigned number_of_queues(const Settings& settings) const;
    void back_end_lost() noexcept override { transport().demand_reset(); }
    void back_end_config_changed() noexcept override { transport().config_changed(); }

    const GuestMemory& memory_;
    const VhostUserKind kind_;
    const std::vector<std::byte> own_config_;
    std::vector<std::uint16_t> queue_sizes_{};
    std::size_t config_size_ = 0;
    std::unique_ptr<VhostUser> back_end_{};  ///< none if the VM is judged only, in which nothing is ever started
};

/// Fills in the back end that listens at the socket which the option names. Throws ConfigError if it is no path.
void use_socket(VirtioVhostUser::Settings& settings, const OptionValue& option);

}  // namespace qvm
