// SPDX-License-Identifier: Apache-2.0
// Block device (virtio 1.2, 5.2): a file or a block device of the host.
#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/late_block_file.hpp"
#include "devices/virtio/blk_config.hpp"
#include "devices/virtio/blk_queue.hpp"
#include "devices/virtio/virtio_device.hpp"

namespace qvm {

/// What the options say.
struct BlkOptions {
    std::string label;        ///< for the log
    std::string thread_name;  ///< of the threads that it has for itself; a number is added
    std::string serial{};     ///< at most kBlkIdSize bytes
    BlockFileOptions file;
    Location where{};  ///< of the path
    std::optional<Delay> delayed{};
    bool discards = true;
    unsigned threads = 1;  ///< and queues
};

/// Of the thread that serves that queue; `queue` is not 0.
[[nodiscard]] std::string blk_thread_name(const std::string& base, unsigned queue);

class VirtioBlk final : public VirtioDevice {
public:
    static constexpr std::uint16_t kQueueSize = 256;

    /// Opens the file, unless the VM is only judged. Throws ConfigError, HostError.
    VirtioBlk(VdevContext& context, BlkOptions options);

    [[nodiscard]] std::uint16_t type() const noexcept override { return 2; }
    /// Mass storage, other (PCI Code and ID Assignment 1.11, 1.2).
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0x018000; }
    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return sizes_; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return kBlkConfigSize; }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::size_t offset, std::span<const std::byte> data) noexcept override;

    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;

private:
    void open(Log& log);
    [[noreturn]] void refuse(const BlockFileError& error) const;
    void make_queues(const GuestMemory& memory);
    void one_stopped() noexcept;
    void choose_cache(std::uint64_t features) noexcept;
    [[nodiscard]] bool discards() const noexcept;
    [[nodiscard]] BlkConfig make_config() const noexcept;

    const BlkOptions options_;
    EventLoop& main_loop_;
    BlkDisk disk_;
    std::vector<std::uint16_t> sizes_;
    std::atomic<bool> write_back_{true};      // 5.2.4, `writeback`
    std::atomic<bool> chooses_cache_{false};  // the driver knows that field

    // On the main loop's thread only.
    std::vector<BlkQueue*> running_;
    std::size_t left_ = 0;  // of those, not yet stopped
    std::function<void()> stopped_;

    std::deque<EventLoop> own_loops_;
    std::deque<BlkQueue> queues_;
    std::optional<LateBlockFile> late_;  // last: nobody it tells is gone before it
};

}  // namespace qvm
