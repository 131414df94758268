// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net_control.hpp"

#include <utility>

namespace qvm {
namespace {

using namespace net_control;

/// virtio_net_ctrl_hdr.
struct Head {
    std::uint8_t class_code;
    std::uint8_t command;
};

/// One table of addresses: their number, and behind it they themselves. Its end, or nothing if it is not all there.
[[nodiscard]] std::optional<std::size_t> end_of_table(const Chain& chain, std::size_t at) noexcept {
    const auto count = chain.read<std::uint32_t>(at);
    if (!count) return std::nullopt;
    at += sizeof *count;
    if (*count > (chain.readable_size() - at) / sizeof(MacAddress)) return std::nullopt;
    return at + *count * sizeof(MacAddress);
}

}  // namespace

NetControl::NetControl(const NetContext& context, QueueEnd& end, NetCommands& commands)
    : context_{context}, end_{end}, commands_{commands}, queue_{context.memory, end.setup()} {
    kicked_ = context_.loop.watch(end_.kick(), [this] { begin(); });
    begin();
}

void NetControl::begin() noexcept {
    if (!reported_) context_.loop.attend(*this);
}

bool NetControl::poll() noexcept {
    auto chain = queue_.pop();
    if (!chain) return false;
    const bool obeyed = obey(*chain);
    if (!obeyed) context_.counters.bad_command.count();
    const std::byte answer{obeyed ? kOk : kErr};
    const auto written = static_cast<std::uint32_t>(chain->write(0, {&answer, 1}));
    queue_.push(std::move(*chain), written);
    if (queue_.interrupt_wanted()) end_.interrupt();
    return true;
}

bool NetControl::rest() noexcept {
    if (queue_.broken() && !std::exchange(reported_, true)) context_.transport.needs_reset(queue_.fault());
    return queue_.enable_notifications();
}

bool NetControl::obey(const Chain& chain) noexcept {
    const auto head = chain.read<Head>(0);
    if (!head || chain.writable_size() == 0) return false;
    switch (head->class_code) {
        case kRx:
            return head->command <= kRxNoBroadcast && chain.readable_size() > sizeof(Head);
        case kMac:
            return obey_mac(chain, head->command);
        case kMq:
            return obey_mq(chain, head->command);
        default:
            return false;
    }
}

bool NetControl::obey_mac(const Chain& chain, std::uint8_t command) noexcept {
    if (command == kMacAddrSet) {
        const auto mac = chain.read<MacAddress>(sizeof(Head));
        if (mac) commands_.set_mac(*mac);
        return mac.has_value();
    }
    if (command != kMacTableSet) return false;
    const auto unicast_end = end_of_table(chain, sizeof(Head));
    return unicast_end && end_of_table(chain, *unicast_end);
}

bool NetControl::obey_mq(const Chain& chain, std::uint8_t command) noexcept {
    const auto pairs = chain.read<std::uint16_t>(sizeof(Head));
    const bool negotiated = (context_.features & net_feature::kMq) != 0;
    return negotiated && command == kMqPairsSet && pairs && commands_.set_pairs(*pairs);
}

}  // namespace qvm
