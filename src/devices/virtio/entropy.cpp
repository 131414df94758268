// SPDX-License-Identifier: Apache-2.0
// Source of random numbers (virtio 1.2, 5.4): the host's, no faster than `rate`.
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "devices/virtio/options.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "devices/virtio/virtqueue.hpp"
#include "vmm/timer.hpp"
#include "vmm/token_bucket.hpp"

namespace qvm {
namespace {

constexpr std::uint16_t kDeviceType = 4;
constexpr std::uint32_t kNoPciClass = 0xff'0000;  // none of those that are defined
constexpr std::uint16_t kQueueSizes[]{8};         // requestq (5.4.2)

constexpr std::uint64_t kDefaultRate = kMiB;
constexpr std::uint64_t kBurstsPerSecond = 16;
/// Per wake-up, so that the other devices of the thread have their turn.
constexpr std::uint64_t kMostBytes = 64 * kKiB;
constexpr unsigned kMostChains = kQueueSizes[0];
/// Early in the host's life, when it has no random numbers itself.
constexpr std::chrono::milliseconds kSourceWait{100};

/// The host's random numbers, without waiting for them. Returns how many bytes there were.
std::size_t random_bytes(std::span<std::byte> out) noexcept {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t got = ::getrandom(out.data() + done, out.size() - done, GRND_NONBLOCK);
        if (got <= 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

/// Fills the first `bytes` of a chain's room. The guest may do to it meanwhile what it likes.
std::uint32_t fill(const Chain& chain, std::uint64_t bytes) noexcept {
    std::uint64_t done = 0;
    for (const iovec& piece : chain.writable()) {
        const std::size_t wanted = std::min<std::uint64_t>(piece.iov_len, bytes - done);
        const std::size_t got = random_bytes({static_cast<std::byte*>(piece.iov_base), wanted});
        done += got;
        if (got < wanted || done == bytes) break;
    }
    return static_cast<std::uint32_t>(done);
}

class VirtioEntropy final : public VirtioDevice {
public:
    VirtioEntropy(VdevContext& context, std::uint64_t rate)
        : memory_{context.memory()},
          loop_{context.loop()},
          clock_{context.clock()},
          roomless_{context.log(), "virtio-entropy: a request without room for an answer"},
          credit_{rate, std::max<std::uint64_t>(rate / kBurstsPerSecond, 1), clock_.monotonic()} {}

    [[nodiscard]] std::uint16_t type() const noexcept override { return kDeviceType; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return kNoPciClass; }
    [[nodiscard]] std::uint64_t features() const noexcept override { return 0; }
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return kQueueSizes; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return 0; }
    void read_config(std::size_t /*offset*/, std::span<std::byte> /*data*/) noexcept override {}

    void start(std::uint64_t /*features*/, std::span<QueueEnd* const> queues) noexcept override {
        end_ = queues[0];
        if (!end_->enabled()) return;
        queue_.emplace(memory_, end_->setup());
        kicked_ = loop_.watch(end_->kick(), [this] { serve(); });
        refilled_ = loop_.watch(refill_.fd(), POLLIN, [this](std::uint32_t) { on_refill(); });
        serve();
    }

    void stop(std::function<void()> stopped) noexcept override {
        kicked_ = {};
        refilled_ = {};
        refill_.cancel();
        queue_.reset();
        stopped();
    }

private:
    /// Why it goes no further for now.
    enum class End : std::uint8_t { NothingAsked, NoCredit, TurnOver };

    void on_refill() noexcept {
        refill_.drain();
        serve();
    }

    void serve() noexcept {
        queue_->disable_notifications();
        Turn turn{kMostChains, kMostBytes};
        End end = answer(turn);
        while (end == End::NothingAsked && queue_->enable_notifications()) end = answer(turn);
        // Without credit nobody has to notify: the timer looks by itself.
        if (end == End::NoCredit) refill_.set(source_ready_ ? credit_.time_to_fill() : kSourceWait);
        if (end == End::TurnOver) end_->kick().signal();
        if (queue_->interrupt_wanted()) end_->interrupt();
        if (queue_->broken()) transport().needs_reset(queue_->fault());
    }

    struct Turn {
        unsigned chains;
        std::uint64_t bytes;
    };
    End answer(Turn& turn) noexcept {
        while (turn.chains != 0 && turn.bytes != 0) {
            const std::uint64_t credit = has_source() ? credit_.available(clock_.monotonic()) : 0;
            if (credit == 0) return End::NoCredit;
            auto chain = queue_->pop();
            if (!chain) return End::NothingAsked;
            const auto wanted = std::min<std::uint64_t>({chain->writable_size(), credit, turn.bytes});
            if (wanted == 0) roomless_.count();
            const std::uint32_t written = fill(*chain, wanted);
            queue_->push(std::move(*chain), written);
            credit_.take(written);
            turn.bytes -= written;
            --turn.chains;
        }
        return End::TurnOver;
    }

    /// Whether the host has random numbers; it never loses them again (random(7)).
    [[nodiscard]] bool has_source() noexcept {
        std::byte probe{};
        source_ready_ = source_ready_ || random_bytes({&probe, 1}) == 1;
        return source_ready_;
    }

    const GuestMemory& memory_;
    EventLoop& loop_;
    const Clock& clock_;
    GuestFault roomless_;
    const Timer refill_{};

    // On the loop's thread only.
    QueueEnd* end_ = nullptr;
    std::optional<Virtqueue> queue_{};
    TokenBucket credit_;
    bool source_ready_ = false;
    Watch kicked_{};
    Watch refilled_{};
};

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "rate",
     .type = ArgType::Size,
     .help = "most bytes per second that the guest gets, up to 1G",
     .fallback = "1M"},
};

std::uint64_t rate_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("rate");
    if (option == nullptr) return kDefaultRate;
    const auto rate = std::get<std::uint64_t>(option->value);
    if (rate == 0) throw ConfigError{option->where, "a rate of 0 gives the guest nothing", "leave the vdev out"};
    if (rate > TokenBucket::kMostRate) throw ConfigError{option->where, "the rate is above 1G"};
    return rate;
}

}  // namespace

extern constinit const VdevType kVirtioEntropy{
    .syntax = {.type = "virtio-entropy",
               .summary = "source of random numbers",
               .options = kOptions,
               .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return make_virtio_vdev(spec, context, std::make_unique<VirtioEntropy>(context, rate_of(spec)));
    },
    .level = true};

}  // namespace qvm
