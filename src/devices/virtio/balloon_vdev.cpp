// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-balloon`.
#include <utility>

#include "config/diagnostics.hpp"
#include "devices/virtio/balloon.hpp"
#include "devices/virtio/options.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kMostSeconds = 86'400;

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "size",
     .type = ArgType::Size,
     .help = "how much memory the guest is asked to give back at its start",
     .fallback = "0"},
    {.name = "statistics",
     .type = ArgType::Number,
     .help = "every how many seconds the guest is asked for its memory statistics, at most 86400",
     .fallback = "0: as its driver starts"},
};

/// The vdev of the balloon's transport, which tells the balloon that the VM starts.
class BalloonVdev final : public Vdev {
public:
    BalloonVdev(const VdevSpec& spec, VdevContext& context, std::unique_ptr<VirtioBalloon> balloon)
        : balloon_{*balloon}, vdev_{make_virtio_vdev(spec, context, std::move(balloon))} {}
    void start() override {
        balloon_.appear();
        vdev_->start();
    }

private:
    VirtioBalloon& balloon_;
    std::unique_ptr<Vdev> vdev_;
};

BalloonSettings settings_for(const VdevSpec& spec) {
    BalloonSettings settings{.name = virtio_label(spec)};
    if (const OptionValue* const size = spec.find("size")) {
        settings.size = std::get<std::uint64_t>(size->value);
        if (settings.size % kBalloonPage != 0)
            throw ConfigError{size->where, "a balloon is made of whole pages of 4 KiB"};
    }
    if (const OptionValue* const statistics = spec.find("statistics")) {
        const auto seconds = std::get<std::uint64_t>(statistics->value);
        if (seconds > kMostSeconds) throw ConfigError{statistics->where, "that is more than a day"};
        settings.statistics = std::chrono::seconds{seconds};
    }
    return settings;
}

}  // namespace

extern constinit const VdevType kVirtioBalloon{
    .syntax = {.type = "virtio-balloon",
               .summary = "memory that the guest gives back",
               .options = kOptions,
               .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return std::make_unique<BalloonVdev>(spec, context,
                                             std::make_unique<VirtioBalloon>(context, settings_for(spec)));
    },
    .level = true};

}  // namespace qvm
