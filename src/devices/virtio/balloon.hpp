// SPDX-License-Identifier: Apache-2.0
// A memory balloon (virtio 1.2, 5.5): the guest gives memory back to the host, as much as it is asked to, and tells
// which of its pages it does not use for now.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "devices/virtio/balloon_files.hpp"
#include "devices/virtio/balloon_queues.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "vmm/timer.hpp"

namespace qvm {

struct BalloonSettings {
    std::string name{};                    ///< for messages
    std::uint64_t size = 0;                ///< bytes that the guest is asked for at first
    std::chrono::seconds statistics = {};  ///< how often it is asked for statistics; 0: never again after its start
};

class VirtioBalloon final : public VirtioDevice {
public:
    /// What the context gives must outlive the device.
    VirtioBalloon(VdevContext& context, BalloonSettings settings);
    ~VirtioBalloon() override;

    /// Guest memory is complete, and nothing runs yet: it is seen from outside from now on.
    void appear();

    [[nodiscard]] std::uint16_t type() const noexcept override { return 5; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0xff'0000; }  // none of those defined
    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
    [[nodiscard]] std::size_t config_size() const noexcept override { return sizeof(BalloonConfig); }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::size_t offset, std::span<const std::byte> data) noexcept override;
    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;

    [[nodiscard]] const BalloonCounters& counters() const noexcept { return counters_; }

private:
    /// What there is between start() and stop().
    struct Run;

    void resize(std::uint64_t size);
    void show_soon() noexcept;
    void show() const;
    void ask() noexcept;
    [[nodiscard]] std::string state() const;

    const GuestMemory& memory_;
    EventLoop& loop_;
    Log& log_;
    const BalloonSettings settings_;
    const std::string directory_;  ///< empty: nobody sees it
    BalloonCounters counters_;
    std::atomic<std::uint32_t> wanted_pages_;
    std::atomic<std::uint32_t> actual_pages_{0};
    std::atomic<std::uint32_t> poison_{0};
    std::atomic<bool> show_pending_{false};
    const Timer show_timer_{};
    const Timer ask_timer_{};

    // On the loop's thread.
    BalloonStatistics::Values statistics_{};
    std::unique_ptr<Run> run_;
    std::unique_ptr<BalloonFiles> files_;
    Watch show_due_{};
    Watch ask_due_{};
};

}  // namespace qvm
