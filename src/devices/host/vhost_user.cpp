// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost_user.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <future>
#include <utility>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

using Request = VhostUserRequest;
using Message = VhostUserMessage;
using namespace vhost_user_feature;

constexpr std::uint64_t kKnownProtocol = kMq | kReplyAck | kBackendReq | kConfig;
/// SET_VRING_BASE of a packed ring: both counters are 0, and both wrap counters 1.
constexpr std::uint32_t kPackedBase = 0x8000'8000;

/// What the back end is told of where guest memory is in this process, which it needs to find rings: any numbers do if
/// they are those of the rings, too. These tell it nothing that it does not know.
[[nodiscard]] std::uint64_t user_address(Gpa at) noexcept { return raw(at); }

/// Sizes of the three areas of a ring (virtio 1.2, 2.7 and 2.8), with the event index that may follow them.
struct AreaSizes {
    std::size_t descriptors;
    std::size_t driver;
    std::size_t device;
};
[[nodiscard]] AreaSizes sizes_of(const QueueSetup& setup) noexcept {
    constexpr std::size_t kDescriptor = 16, kUsedElement = 8, kFixed = 6, kSuppression = 4;
    const std::size_t size = setup.size;
    if ((setup.features & virtio_feature::kRingPacked) != 0) return {kDescriptor * size, kSuppression, kSuppression};
    return {kDescriptor * size, kFixed + sizeof(std::uint16_t) * size, kFixed + kUsedElement * size};
}

[[nodiscard]] bool is_in(const GuestMemory& memory, const QueueSetup& setup) noexcept {
    const AreaSizes sizes = sizes_of(setup);
    const auto inside = [&](Gpa at, std::size_t size) {
        const GuestMemory::Block* const block = memory.block_at(at);
        return block != nullptr && block->kind == GuestMemory::Kind::Ram && memory.span(at, size);
    };
    return inside(setup.descriptors, sizes.descriptors) && inside(setup.driver, sizes.driver) &&
           inside(setup.device, sizes.device);
}

[[nodiscard]] auto number_to(std::uint64_t& out) {
    return [&out](const Message& answer) {
        const auto number = answer.as<std::uint64_t>();
        if (number) out = *number;
        return number.has_value();
    };
}

}  // namespace

VhostUser::Ring::Ring(unsigned number, QueueEnd& queue, EventLoop& loop)
    : index{number}, end{queue}, called{loop.watch(call, [this] { end.interrupt(); })} {}

int VhostUser::Ring::call_fd() noexcept {
    const int direct = end.interrupt_fd();
    return direct >= 0 ? direct : call.fd();
}

VhostUser::VhostUser(EventLoop& loop, Log& log, Wanted wanted, VhostUserClient& client)
    : loop_{loop},
      log_{log},
      wanted_{std::move(wanted)},
      client_{client},
      config_(std::min(wanted_.config_size, VhostUserConfig::kMost)),
      channel_{loop, wanted_.patience, [this](const std::string& why) { lost(why); }} {}

VhostUser::~VhostUser() {
    run_on_loop(loop_, [this] {
        channel_.close();
        events_.close();
        rings_.clear();
    });
}

void VhostUser::connect() {
    // Shared, because the waiter may be gone before set_value() returns.
    const auto outcome = std::make_shared<std::promise<std::string>>();
    auto told = outcome->get_future();
    loop_.post([this, outcome] {
        connected_ = [outcome](const std::string& why) { outcome->set_value(why); };
        dial([this] { std::exchange(connected_, {})({}); });
    });
    if (const std::string why = told.get(); !why.empty()) throw HostError{why};
    known_ = now_;
    has_config_ = (now_.protocol & kConfig) != 0;
}

void VhostUser::dial(std::function<void()> ready) {
    now_ = {};
    ready_ = std::move(ready);
    UniqueFd socket = wanted_.dial();
    if (!socket) return lost(errno_text("nobody listens", errno));
    channel_.open(std::move(socket));
    channel_.ask(Message::of(Request::GetFeatures), number_to(now_.features));
    channel_.then([this] { know_features(); });
}

void VhostUser::know_features() {
    if ((now_.features & virtio_feature::kVersion1) == 0) return fail("it does not know virtio 1.0");
    if ((now_.features & kProtocolFeatures) == 0) {
        channel_.tell(Message::of(Request::SetOwner));
        return channel_.then(std::move(ready_));
    }
    channel_.ask(Message::of(Request::GetProtocolFeatures), number_to(now_.protocol));
    channel_.then([this] { know_protocol(); });
}

void VhostUser::know_protocol() {
    now_.protocol &= kKnownProtocol;
    if (config_.empty()) now_.protocol &= ~kConfig;
    if ((now_.protocol & kConfig) == 0) now_.protocol &= ~kBackendReq;
    channel_.tell(Message::of(Request::SetProtocolFeatures, now_.protocol));
    if ((now_.protocol & kReplyAck) != 0) channel_.acknowledged();
    channel_.tell(Message::of(Request::SetOwner));
    if ((now_.protocol & kMq) != 0) channel_.ask(Message::of(Request::GetQueueNum), number_to(now_.queues.emplace()));
    if ((now_.protocol & kConfig) != 0) ask_config();
    if ((now_.protocol & kBackendReq) != 0) listen_to_events();
    channel_.then(std::move(ready_));
}

void VhostUser::ask_config() {
    asking_config_ = true;
    VhostUserConfig config{};
    config.size = static_cast<std::uint32_t>(config_.size());
    const std::size_t size = offsetof(VhostUserConfig, bytes) + config_.size();
    channel_.ask(Message::of(Request::GetConfig, config, size),
                 [this](const Message& answer) { return take_config(answer); });
}

bool VhostUser::take_config(const Message& answer) noexcept {
    asking_config_ = false;
    const auto bytes = config_in(answer, config_.size());
    if (!bytes) return false;
    const std::lock_guard lock{mutex_};
    std::ranges::copy(*bytes, config_.begin());
    return true;
}

void VhostUser::read_config(std::size_t offset, std::span<std::byte> data) const noexcept {
    std::ranges::fill(data, std::byte{0});
    const std::lock_guard lock{mutex_};
    if (offset >= config_.size()) return;
    const std::size_t size = std::min(data.size(), config_.size() - offset);
    std::ranges::copy(std::span{config_}.subspan(offset, size), data.begin());
}

/// The channel keeps our copy of the other end until it has been sent: with it the work after it ends, too.
void VhostUser::listen_to_events() {
    const auto other = std::make_shared<UniqueFd>(events_.open(loop_, [this](std::uint32_t type) { on_event(type); }));
    if (!*other) return fail(errno_text("no connection for its own messages", errno));
    channel_.tell(Message::of(Request::SetBackendReqFd), {other->get()});
    channel_.then([other] { *other = {}; });
}

/// However often it says so, one question is under way.
void VhostUser::on_event(std::uint32_t type) {
    if (type != vhost_user_event::kConfigChange || asking_config_ || !channel_.is_open()) return;
    ask_config();
    channel_.then([this] { client_.back_end_config_changed(); });
}

bool VhostUser::can_serve(const GuestMemory& memory, std::span<QueueEnd* const> queues) noexcept {
    return std::ranges::all_of(queues, [&](QueueEnd* end) { return !end->enabled() || is_in(memory, end->setup()); });
}

void VhostUser::start(std::uint64_t features, const GuestMemory& memory, std::span<QueueEnd* const> queues) noexcept {
    running_ = true;
    try {
        for (unsigned i = 0; i < queues.size(); ++i)
            if (queues[i]->enabled()) rings_.push_back(std::make_unique<Ring>(i, *queues[i], loop_));
    } catch (const std::exception& error) {
        return fail(error.what());  // a ring has an eventfd; the guest must not end the VM by asking for them
    }
    if (channel_.is_open()) return start_rings(features, memory);
    dial([this, features, &memory] { start_rings(features, memory); });
}

void VhostUser::start_rings(std::uint64_t features, const GuestMemory& memory) {
    if ((features & ~now_.features) != 0 || now_.queues.value_or(0) < known_.queues.value_or(0))
        return fail("it offers less than it did when the VM was started");
    served_ = true;
    channel_.tell(Message::of(Request::SetFeatures, features | (now_.features & kProtocolFeatures)));
    send_memory(memory);
    for (const auto& ring : rings_) start_ring(*ring, features);
}

void VhostUser::send_memory(const GuestMemory& memory) {
    VhostUserMemTable table{};
    std::vector<int> fds;
    for (const GuestMemory::Block& block : memory.blocks()) {
        if (block.kind != GuestMemory::Kind::Ram) continue;
        if (table.count == VhostUserMemTable::kMostRegions)
            return fail(fmt::format("it can be told of {} blocks of RAM only", VhostUserMemTable::kMostRegions));
        const Gpa start{block.range.start()};
        table.regions[table.count++] = {raw(start), block.range.size(), user_address(start), 0};
        fds.push_back(block.memfd.get());
    }
    const std::size_t size = offsetof(VhostUserMemTable, regions) + sizeof(VhostUserRegion) * table.count;
    channel_.tell(Message::of(Request::SetMemTable, table, size), std::move(fds));
}

void VhostUser::start_ring(Ring& ring, std::uint64_t features) {
    using State = VhostUserVringState;
    const QueueSetup& setup = ring.end.setup();
    const std::uint32_t base = (features & virtio_feature::kRingPacked) != 0 ? kPackedBase : 0;
    const VhostUserVringAddr where{.index = ring.index,
                                   .flags = 0,
                                   .descriptor = user_address(setup.descriptors),
                                   .used = user_address(setup.device),
                                   .available = user_address(setup.driver),
                                   .log = 0};
    channel_.tell(Message::of(Request::SetVringNum, State{ring.index, setup.size}));
    channel_.tell(Message::of(Request::SetVringBase, State{ring.index, base}));
    channel_.tell(Message::of(Request::SetVringAddr, where));
    tell_call(ring);
    channel_.tell(Message::of(Request::SetVringKick, std::uint64_t{ring.index}), {ring.end.kick().fd()});
    if ((now_.features & kProtocolFeatures) != 0)
        channel_.tell(Message::of(Request::SetVringEnable, State{ring.index, 1}));
}

void VhostUser::tell_call(Ring& ring) {
    channel_.tell(Message::of(Request::SetVringCall, std::uint64_t{ring.index}), {ring.call_fd()});
}

void VhostUser::interrupts_moved() noexcept {
    if (stopped_) return;
    for (const auto& ring : rings_) tell_call(*ring);
}

void VhostUser::stop(std::function<void()> stopped) noexcept {
    // It has not been told of the rings yet: the next start begins anew.
    if (running_ && !served_) channel_.close();
    for (const auto& ring : rings_)
        channel_.ask(Message::of(Request::GetVringBase, VhostUserVringState{ring->index, 0}),
                     [index = ring->index](const Message& answer) {
                         const auto state = answer.as<VhostUserVringState>();
                         return state && state->index == index;
                     });
    stopped_ = std::move(stopped);
    if (!channel_.is_open()) return finish_stop();
    channel_.then([this] { finish_stop(); });
}

void VhostUser::finish_stop() noexcept {
    running_ = false;
    served_ = false;
    rings_.clear();
    if (const auto stopped = std::exchange(stopped_, {})) stopped();
}

/// What makes it useless although it answers.
void VhostUser::fail(const std::string& why) {
    channel_.close();
    lost(why);
}

void VhostUser::lost(const std::string& why) {
    events_.close();
    asking_config_ = false;
    if (const auto told = std::exchange(connected_, {})) return told(why);
    const std::string_view outlook =
        running_ ? "; what the guest asks of it stays unanswered until its driver resets the device" : "";
    log_.error(fmt::format("{}: the back end {} is lost: {}{}", wanted_.label, wanted_.whose, why, outlook));
    if (stopped_) return finish_stop();
    if (running_) client_.back_end_lost();  // the rings stay: somebody may be just about to tell of one
}

}  // namespace qvm
