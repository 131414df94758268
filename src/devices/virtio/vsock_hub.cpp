// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock_hub.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kListener = UINT64_MAX;
constexpr std::size_t kNone = SIZE_MAX;
constexpr int kEventsPerTurn = 32;
constexpr unsigned kHostsPerTurn = 8;

/// The longest greeting is "CONNECT 4294967295\n".
constexpr std::size_t kLongestGreeting = 19;

/// The port in "CONNECT port\n".
[[nodiscard]] std::optional<std::uint32_t> port_in(std::string_view line) noexcept {
    constexpr std::string_view kWord = "CONNECT ";
    if (!line.starts_with(kWord) || !line.ends_with('\n')) return std::nullopt;
    line.remove_prefix(kWord.size());
    line.remove_suffix(1);
    std::uint32_t port = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
    if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
    return port;
}

}  // namespace

VsockCounters::VsockCounters(Log& log, const std::string& name)
    : bad_packet{log, name + ": the guest sent what is no packet, or none that it may send now"},
      bad_buffer{log, name + ": the guest gave buffers that hold no packet"},
      too_many{log, name + ": the guest wanted more connections than there can be"} {}

VsockHub::VsockHub(EventLoop& loop, Log& log, const std::string& name, std::uint64_t guest_cid, std::string path)
    : loop_{loop},
      guest_cid_{guest_cid},
      path_{std::move(path)},
      counters_{log, name},
      epoll_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))},
      slots_(kMostStreams) {
    if (path_.empty()) return;
    listener_ = std::make_unique<UnixListener>(path_);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kListener}};
    check("epoll_ctl", ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_->fd(), &event));
}

void VsockHub::start(std::function<void()> news) {
    news_ = std::move(news);
    watch_ = loop_.watch(epoll_.get(), POLLIN, [this](std::uint32_t) { on_events(); });
}

void VsockHub::stop() noexcept {
    watch_ = {};
    for (Slot& slot : slots_) {
        slot.stream.free();
        slot.queued = false;
    }
    ready_count_ = 0;
    orphan_count_ = 0;
}

void VsockHub::on_events() noexcept {
    std::array<epoll_event, kEventsPerTurn> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, 0);
    for (int i = 0; i < count; ++i)
        on_event(events.at(static_cast<std::size_t>(i)).data.u64, events.at(static_cast<std::size_t>(i)).events);
    if (has_news()) news_();
}

void VsockHub::on_event(std::uint64_t which, std::uint32_t events) noexcept {
    if (which == kListener) return accept_hosts();
    const auto index = static_cast<std::size_t>(which & UINT32_MAX);
    Slot& slot = slots_[index];
    if (slot.generation != which >> 32 || slot.stream.state() == VsockStream::State::Free) return;
    slot.stream.ready(events);
    if (slot.stream.state() == VsockStream::State::Greeting) greet(index);
    refresh(index);
}

void VsockHub::accept_hosts() noexcept {
    for (unsigned i = 0; i < kHostsPerTurn; ++i) {
        UniqueFd fd = listener_->accept();
        if (!fd) return;
        const std::size_t index = free_slot();
        if (index == kNone) continue;  // it reads that this is the end
        slots_[index].stream.greet(std::move(fd));
        if (!watch(index)) slots_[index].stream.free();
    }
}

void VsockHub::greet(std::size_t index) noexcept {
    VsockStream& stream = slots_[index].stream;
    std::array<char, kLongestGreeting> text{};
    const ssize_t length = ::recv(stream.fd(), text.data(), text.size(), MSG_PEEK);
    if (length < 0) return;
    const std::string_view all{text.data(), static_cast<std::size_t>(length)};
    const std::string_view line =
        all.substr(0, all.find('\n') == std::string_view::npos ? all.size() : all.find('\n') + 1);
    const bool whole = line.ends_with('\n');
    if (!whole && length != 0 && line.size() < kLongestGreeting) return;  // the rest is still to come
    const auto port = port_in(line);
    if (!port || ::recv(stream.fd(), text.data(), line.size(), 0) < 0) return stream.free();
    stream.request({.host = free_port(), .guest = *port});
}

std::uint32_t VsockHub::free_port() noexcept {
    const auto taken = [this](std::uint32_t port) {
        return std::ranges::any_of(
            slots_, [port](const Slot& slot) { return slot.stream.is_known() && slot.stream.ports().host == port; });
    };
    while (taken(next_port_)) next_port_ = std::max(next_port_ + 1, 1U << 30);
    return std::exchange(next_port_, std::max(next_port_ + 1, 1U << 30));
}

std::size_t VsockHub::find(VsockStream::Ports ports) const noexcept {
    const auto found = std::ranges::find_if(
        slots_, [ports](const Slot& slot) { return slot.stream.is_known() && slot.stream.ports() == ports; });
    return found == slots_.end() ? kNone : static_cast<std::size_t>(found - slots_.begin());
}

std::size_t VsockHub::free_slot() const noexcept {
    const auto found = std::ranges::find_if(
        slots_, [](const Slot& slot) { return slot.stream.state() == VsockStream::State::Free && !slot.queued; });
    return found == slots_.end() ? kNone : static_cast<std::size_t>(found - slots_.begin());
}

bool VsockHub::watch(std::size_t index) noexcept {
    Slot& slot = slots_[index];
    const std::uint64_t which = static_cast<std::uint64_t>(++slot.generation) << 32 | index;
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = which}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.stream.fd(), &event) == 0;
}

void VsockHub::receive(const Chain& chain) noexcept {
    VsockHeader header;
    const auto bytes = std::as_writable_bytes(std::span{&header, 1}).first(kVsockHeaderSize);
    if (chain.read(0, bytes) != bytes.size() || header.src_cid != guest_cid_ ||
        header.len > chain.readable_size() - kVsockHeaderSize)
        return counters_.bad_packet.count();
    if (header.dst_cid != kVsockHostCid || header.type != kVsockStreamType) return refuse(header);
    const std::size_t index = find({.host = header.dst_port, .guest = header.src_port});
    if (index == kNone) return header.op == VsockOp::Request ? connect(header) : refuse(header);
    VsockStream& stream = slots_[index].stream;
    if (!stream.receive(header, chain)) {
        counters_.bad_packet.count();
        stream.reset();
    }
    refresh(index);
}

void VsockHub::connect(const VsockHeader& header) noexcept {
    const std::size_t index = free_slot();
    if (index == kNone) counters_.too_many.count();
    if (index == kNone || path_.empty()) return refuse(header);
    UniqueFd fd = connect_unix(fmt::format("{}_{}", path_, header.dst_port));
    if (!fd) return refuse(header);
    VsockStream& stream = slots_[index].stream;
    stream.accept(std::move(fd), header);
    if (!watch(index)) stream.reset();
    refresh(index);
}

void VsockHub::refuse(const VsockHeader& header) noexcept {
    if (header.op == VsockOp::Rst || !can_receive()) return;
    orphans_.at(orphan_count_++) = {
        .cid = header.dst_cid, .ports = {.host = header.dst_port, .guest = header.src_port}, .type = header.type};
}

void VsockHub::refresh(std::size_t index) noexcept {
    Slot& slot = slots_[index];
    if (slot.queued || !slot.stream.has_news()) return;
    slot.queued = true;
    ready_.at((ready_first_ + ready_count_++) % ready_.size()) = static_cast<std::uint16_t>(index);
}

std::uint32_t VsockHub::produce(const Chain& chain) noexcept {
    if (orphan_count_ != 0) {
        const Orphan& orphan = orphans_.at(--orphan_count_);
        const VsockHeader header{.src_cid = orphan.cid,
                                 .dst_cid = guest_cid_,
                                 .src_port = orphan.ports.host,
                                 .dst_port = orphan.ports.guest,
                                 .type = orphan.type,
                                 .op = VsockOp::Rst};
        chain.write(0, std::as_bytes(std::span{&header, 1}).first(kVsockHeaderSize));
        return kVsockHeaderSize;
    }
    while (ready_count_ != 0) {
        const std::size_t index = ready_.at(ready_first_);
        ready_first_ = (ready_first_ + 1) % ready_.size();
        --ready_count_;
        slots_[index].queued = false;
        const std::uint32_t size = slots_[index].stream.produce(chain, guest_cid_);
        refresh(index);  // behind the others: each has its turn
        if (size != 0) return size;
    }
    return 0;
}

}  // namespace qvm
