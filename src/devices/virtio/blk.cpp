// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace qvm {
namespace {

constexpr std::uint32_t kMostSegments = VirtioBlk::kQueueSize - 2;  // header and status take one each
constexpr std::size_t kLongestThreadName = 15;

template <typename Work>
void run_on(EventLoop& loop, Work work) noexcept {
    if (loop.on_loop_thread()) return work();
    loop.post(std::move(work));
}

}  // namespace

std::string blk_thread_name(const std::string& base, unsigned queue) {
    const std::string number = fmt::format(".{}", queue);
    return base.substr(0, kLongestThreadName - number.size()) + number;
}

VirtioBlk::VirtioBlk(VdevContext& context, BlkOptions options)
    : options_{std::move(options)},
      main_loop_{context.loop()},
      disk_{context.log(), options_.label, options_.serial, {options_.file.read_only, options_.discards}},
      sizes_(options_.threads, kQueueSize) {
    try {
        if (context.vm().check)
            BlockFile::check(options_.file);
        else
            open(context.log());
    } catch (const BlockFileError& error) {
        refuse(error);
    }
    if (!context.vm().check) make_queues(context.memory());
}

void VirtioBlk::open(Log& log) {
    try {
        disk_.insert(std::make_unique<BlockFile>(options_.file));
    } catch (const BlockFileError&) {
        if (!options_.delayed) throw;
        late_.emplace(main_loop_, log, LateBlockFile::Wanted{options_.label, options_.file, *options_.delayed},
                      [this](std::unique_ptr<BlockFile> file) {
                          disk_.insert(std::move(file));
                          transport().config_changed();
                      });
    }
}

void VirtioBlk::refuse(const BlockFileError& error) const {
    throw ConfigError{options_.where, fmt::format("{}: {}", options_.label, error.what()), error.hint()};
}

/// The first one is served by the thread of all vdevs, each of the others by one of its own.
void VirtioBlk::make_queues(const GuestMemory& memory) {
    queues_.emplace_back(memory, main_loop_, disk_);
    for (unsigned i = 1; i < options_.threads; ++i) {
        const std::string name = blk_thread_name(options_.thread_name, i);
        queues_.emplace_back(memory, own_loops_.emplace_back(name, main_loop_.poll_time()), disk_);
    }
}

std::uint64_t VirtioBlk::features() const noexcept {
    using namespace blk_feature;
    std::uint64_t out = kSegMax | kBlkSize | kTopology;
    if (options_.threads > 1) out |= kMq;
    if (options_.file.read_only) return out | kReadOnly;
    out |= kFlush | kConfigWce | kWriteZeroes;
    return discards() ? out | kDiscard : out;
}

/// What is not there yet may be able to.
bool VirtioBlk::discards() const noexcept {
    const BlockFile* const file = disk_.file();
    return options_.discards && (late_ || file == nullptr || file->facts().can_discard);
}

void VirtioBlk::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    const BlkConfig config = make_config();
    std::memcpy(data.data(), reinterpret_cast<const std::byte*>(&config) + offset, data.size());
}

BlkConfig VirtioBlk::make_config() const noexcept {
    BlkConfig out;
    out.seg_max = kMostSegments;
    out.writeback = write_back_ ? 1 : 0;
    out.num_queues = static_cast<std::uint16_t>(options_.threads);
    out.max_discard_sectors = out.max_write_zeroes_sectors = BlkDisk::kRangeSectors;
    out.max_discard_seg = out.max_write_zeroes_seg = BlkDisk::kRanges;
    out.write_zeroes_may_unmap = options_.discards ? 1 : 0;
    if (const BlockFile* const file = disk_.file()) describe_file(out, *file);
    return out;
}

/// 5.2.5: `writeback` is all that a driver may change.
void VirtioBlk::write_config(std::size_t offset, std::span<const std::byte> data) noexcept {
    constexpr std::size_t kWriteback = offsetof(BlkConfig, writeback);
    if (offset > kWriteback || kWriteback - offset >= data.size()) return;
    write_back_ = data[kWriteback - offset] != std::byte{0};
    if (chooses_cache_) disk_.set_write_through(!write_back_);
}

/// 5.2.6.2: who knows neither the field nor flushes cannot ask for one.
void VirtioBlk::choose_cache(std::uint64_t features) noexcept {
    chooses_cache_ = (features & blk_feature::kConfigWce) != 0;
    disk_.set_write_through(chooses_cache_ ? !write_back_ : (features & blk_feature::kFlush) == 0);
}

void VirtioBlk::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    choose_cache(features);
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (!queues[i]->enabled()) continue;
        BlkQueue& queue = queues_[i];
        running_.push_back(&queue);
        run_on(queue.loop(), [this, &queue, features, end = queues[i]] { queue.start(transport(), *end, features); });
    }
    if (late_) late_->use();
}

void VirtioBlk::stop(std::function<void()> stopped) noexcept {
    stopped_ = std::move(stopped);
    chooses_cache_ = false;
    write_back_ = true;
    left_ = running_.size() + 1;
    for (BlkQueue* const queue : std::exchange(running_, {}))
        run_on(queue->loop(),
               [this, queue] { queue->stop([this] { run_on(main_loop_, [this] { one_stopped(); }); }); });
    one_stopped();
}

void VirtioBlk::one_stopped() noexcept {
    if (--left_ == 0) std::exchange(stopped_, nullptr)();
}

}  // namespace qvm
