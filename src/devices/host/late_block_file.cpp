// SPDX-License-Identifier: Apache-2.0
#include "devices/host/late_block_file.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

namespace qvm {

namespace {

using namespace std::chrono_literals;

constexpr auto kLongestPause = 1000ms;
constexpr std::uint64_t kForever = 1'000'000'000;  // seconds; more would overflow

}  // namespace

LateBlockFile::LateBlockFile(EventLoop& loop, Log& log, Wanted wanted, Opened opened)
    : loop_{loop}, log_{log}, wanted_{std::move(wanted)}, opened_{std::move(opened)} {
    wanted_.file.patience = {};  // it is tried again, and the loop has other work meanwhile
    auto& patience = wanted_.patience.seconds;
    if (patience && *patience > kForever) patience.reset();
}

void LateBlockFile::use() noexcept {
    if (std::exchange(used_, true)) return;
    since_ = Clock::now();
    due_ = loop_.watch(timer_.fd(), POLLIN, [this](std::uint32_t) {
        if (timer_.drain()) try_to_open();
    });
    try_to_open();
}

void LateBlockFile::try_to_open() noexcept {
    try {
        auto file = std::make_unique<BlockFile>(wanted_.file);
        due_ = Watch{};
        if (told_) log_.info(fmt::format("{}: is open now", wanted_.label));
        opened_(std::move(file));
    } catch (const HostError& error) {
        try_later(error.what());
    }
}

void LateBlockFile::try_later(const std::string& why) {
    const auto passed = Clock::now() - since_;
    const auto& patience = wanted_.patience.seconds;
    if (patience && passed >= std::chrono::seconds{*patience}) {
        due_ = Watch{};
        return log_.error(fmt::format("{}: {}; it is given up", wanted_.label, why));
    }
    if (!std::exchange(told_, true)) log_.info(fmt::format("{}: {}; it is tried again", wanted_.label, why));
    Clock::duration wait = pause_;
    if (patience) wait = std::min<Clock::duration>(wait, std::chrono::seconds{*patience} - passed);
    timer_.set(wait);
    pause_ = std::min<std::chrono::milliseconds>(2 * pause_, kLongestPause);
}

}  // namespace qvm
