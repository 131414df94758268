// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/balloon.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "config/json_text.hpp"
#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

namespace qvm {
namespace {

// 5.5.2. Which queue reports free pages: the last one. Linux before 6.11 counts only the queues that it uses, so that
// without VIRTIO_BALLOON_F_FREE_PAGE_HINT, which is not offered here, it takes the one before. Nobody else uses that.
enum Queue : std::uint8_t { kInflate, kDeflate, kStats, kFreePages, kReports };
constexpr std::array<std::uint16_t, 5> kQueueSizes{128, 128, 8, 128, 128};

/// While the balloon fills, the driver writes down each MiB.
constexpr std::chrono::milliseconds kShowDelay{250};

[[nodiscard]] std::uint32_t pages_in(std::uint64_t bytes) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / kBalloonPage, UINT32_MAX));
}

[[nodiscard]] std::uint64_t ram_of(const GuestMemory& memory) noexcept {
    std::uint64_t sum = 0;
    for (const auto& block : memory.blocks())
        if (block.kind == GuestMemory::Kind::Ram) sum += block.range.size();
    return sum;
}

[[nodiscard]] std::string to_json(const BalloonStatistics::Values& values) {
    JsonObject object;
    bool any = false;
    for (std::size_t tag = 0; tag < values.size(); ++tag) {
        if (!values[tag]) continue;
        object.number(kBalloonStats[tag], *values[tag]);
        any = true;
    }
    return any ? object.done() : "null";
}

}  // namespace

struct VirtioBalloon::Run {
    Run(const BalloonContext& of_device, Log& log, const std::string& name)
        : context{of_device}, pages{of_device.memory.blocks(), log, name} {}
    const BalloonContext context;
    BalloonPages pages;
    std::optional<BalloonList> inflate{};
    std::optional<BalloonList> deflate{};
    std::optional<BalloonStatistics> statistics{};
    std::array<std::optional<BalloonReports>, 2> reports{};
};

VirtioBalloon::VirtioBalloon(VdevContext& context, BalloonSettings settings)
    : memory_{context.memory()},
      loop_{context.loop()},
      log_{context.log()},
      settings_{std::move(settings)},
      directory_{context.vm().runtime_directory},
      counters_{context.log(), settings_.name},
      wanted_pages_{pages_in(settings_.size)} {}

VirtioBalloon::~VirtioBalloon() = default;

void VirtioBalloon::appear() {
    if (directory_.empty()) return;
    try {
        files_ = std::make_unique<BalloonFiles>(directory_, settings_.size, loop_, log_,
                                                [this](std::uint64_t size) { resize(size); });
    } catch (const HostError& error) {
        return log_.warn(
            fmt::format("{}: its size cannot be changed while the VM runs: {}", settings_.name, error.what()));
    }
    show();
    show_due_ = loop_.watch(show_timer_.fd(), POLLIN, [this](std::uint32_t) {
        show_timer_.drain();
        show_pending_.store(false);
        show();
    });
}

std::uint64_t VirtioBalloon::features() const noexcept {
    using namespace balloon_feature;
    // What the guest reports as free it uses again without a word, and then a huge page must be there.
    const std::uint64_t by_pages = has_huge_pages(memory_) ? kMustTellHost : kPageReporting | kPagePoison;
    return kStatsVq | kDeflateOnOom | by_pages;
}

std::span<const std::uint16_t> VirtioBalloon::queue_sizes() const noexcept { return kQueueSizes; }

void VirtioBalloon::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    const BalloonConfig config{
        .num_pages = wanted_pages_.load(), .actual = actual_pages_.load(), .poison_val = poison_.load()};
    const auto bytes = std::as_bytes(std::span{&config, 1});
    if (offset > bytes.size() || data.size() > bytes.size() - offset) return;
    std::ranges::copy(bytes.subspan(offset, data.size()), data.begin());
}

void VirtioBalloon::write_config(std::size_t offset, std::span<const std::byte> data) noexcept {
    std::uint32_t value = 0;
    if (data.size() != sizeof value) return;
    std::memcpy(&value, data.data(), sizeof value);
    if (offset == offsetof(BalloonConfig, actual)) {
        actual_pages_.store(value);
        show_soon();
    }
    if (offset == offsetof(BalloonConfig, poison_val)) poison_.store(value);
}

void VirtioBalloon::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    run_ = std::make_unique<Run>(BalloonContext{loop_, memory_, transport(), counters_}, log_, settings_.name);
    Run& run = *run_;
    if (queues[kInflate]->enabled())
        run.inflate.emplace(run.context, *queues[kInflate],
                            [this, &run](auto numbers) { run.pages.inflate(numbers, counters_.bad_page); });
    if (queues[kDeflate]->enabled())
        run.deflate.emplace(run.context, *queues[kDeflate],
                            [this, &run](auto numbers) { run.pages.deflate(numbers, counters_.bad_page); });
    if ((features & balloon_feature::kStatsVq) != 0 && queues[kStats]->enabled()) {
        run.statistics.emplace(run.context, *queues[kStats], [this](const BalloonStatistics::Values& values) {
            statistics_ = values;
            show_soon();
        });
        ask_due_ = loop_.watch(ask_timer_.fd(), POLLIN, [this](std::uint32_t) { ask(); });
        if (settings_.statistics.count() != 0) ask_timer_.set(settings_.statistics);
    }
    if ((features & balloon_feature::kPageReporting) == 0) return;
    const bool poisons = (features & balloon_feature::kPagePoison) != 0;
    for (const Queue queue : {kFreePages, kReports})
        if (queues[queue]->enabled())
            run.reports.at(queue - kFreePages).emplace(run.context, *queues[queue], [this, poisons] {
                return poisons && poison_.load() != 0;
            });
}

void VirtioBalloon::stop(std::function<void()> stopped) noexcept {
    ask_timer_.cancel();
    ask_due_ = {};
    run_.reset();
    statistics_ = {};
    actual_pages_.store(0);
    poison_.store(0);
    show_soon();
    stopped();
}

void VirtioBalloon::ask() noexcept {
    ask_timer_.drain();
    run_->statistics->ask();
    ask_timer_.set(settings_.statistics);
}

void VirtioBalloon::resize(std::uint64_t size) {
    if (size > ram_of(memory_))
        return log_.warn(fmt::format("{}: {} are more than the guest's RAM: the balloon stays as it is", settings_.name,
                                     size_text(size)));
    wanted_pages_.store(pages_in(size));
    // The same size, too, is worth a word: the guest may have taken some of it back when it was out of memory.
    transport().config_changed();
    show_soon();
}

void VirtioBalloon::show_soon() noexcept {
    if (!show_pending_.exchange(true)) show_timer_.set(kShowDelay);
}

void VirtioBalloon::show() const {
    if (files_) files_->show(state());
}

std::string VirtioBalloon::state() const {
    return JsonObject{}
        .number("format", 1)
        .number("size", wanted_pages_.load() * kBalloonPage)
        .number("actual", actual_pages_.load() * kBalloonPage)
        .raw("statistics", to_json(statistics_))
        .done();
}

}  // namespace qvm
