// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/console_control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace qvm {

namespace {

// struct virtio_console_control. Little-endian, as all that this program runs on.
struct Control {
    std::uint32_t id = 0;
    std::uint16_t event = 0;
    std::uint16_t value = 0;
};
static_assert(sizeof(Control) == 8 && std::endian::native == std::endian::little);

// virtio 1.2, 5.3.6.2
enum class Event : std::uint16_t {
    DeviceReady = 0,
    DeviceAdd = 1,
    DeviceRemove = 2,
    PortReady = 3,
    ConsolePort = 4,
    Resize = 5,
    PortOpen = 6,
    PortName = 7,
};

// struct virtio_console_resize
struct Resize {
    std::uint16_t cols = 0;
    std::uint16_t rows = 0;
};

constexpr std::size_t kMessageRoom = 128;
constexpr std::array kTopics{ConsoleControl::Topic::Added, ConsoleControl::Topic::IsConsole,
                             ConsoleControl::Topic::Name, ConsoleControl::Topic::Open, ConsoleControl::Topic::Size};

[[nodiscard]] constexpr std::uint8_t bit(ConsoleControl::Topic topic) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(topic));
}

/// Puts things one behind the other.
class Message {
public:
    explicit Message(std::span<std::byte> room) noexcept : room_{room} {}
    Message& add(std::span<const std::byte> data) noexcept {
        const std::size_t count = std::min(data.size(), room_.size() - size_);
        std::memcpy(room_.data() + size_, data.data(), count);
        size_ += count;
        return *this;
    }
    template <typename T>
    Message& add(const T& value) noexcept {
        return add(std::as_bytes(std::span{&value, 1}));
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::span<std::byte> room_;
    std::size_t size_ = 0;
};

}  // namespace

ConsoleControl::ConsoleControl(Log& log, const std::string& label, std::deque<ConsolePort>& ports,
                               std::function<void(std::string_view)> broken)
    : log_{log},
      label_{label},
      ports_{ports},
      broken_{std::move(broken)},
      senseless_{log, label + ": a control message of the guest makes no sense"},
      known_(ports.size()) {}

void ConsoleControl::start(EventLoop& loop, const GuestMemory& memory, QueueEnd& to_driver, QueueEnd& from_driver) {
    if (to_driver.enabled()) to_driver_.emplace(loop, memory, to_driver, [this] { tell(); });
    if (from_driver.enabled()) from_driver_.emplace(loop, memory, from_driver, [this] { hear(); });
}

void ConsoleControl::stop() noexcept {
    to_driver_.reset();
    from_driver_.reset();
    std::ranges::fill(known_, Known{});
}

void ConsoleControl::changed(std::size_t port, Topic topic) noexcept {
    if (!known_[port].ready) return;
    set_due(port, topic);
    tell();
}

void ConsoleControl::hear() noexcept {
    unsigned turns = from_driver_->size();
    for (; turns != 0; --turns) {
        std::optional<Chain> chain = from_driver_->pop();
        if (!chain) break;
        handle(*chain);
        from_driver_->push(std::move(*chain), 0);
    }
    from_driver_->notify();
    if (turns == 0) from_driver_->again();
    check(*from_driver_);
    tell();
}

void ConsoleControl::handle(const Chain& chain) noexcept {
    const auto message = chain.read<Control>(0);
    if (!message) return senseless_.count();
    const auto event = static_cast<Event>(message->event);
    if (event == Event::DeviceReady) return handle_device_ready(message->value);
    // A port that the driver has not been told of does not exist for it.
    if (message->id >= ports_.size() || !ports_[message->id].identity().present) return senseless_.count();
    if (event == Event::PortReady) return handle_port_ready(message->id, message->value);
    if (event == Event::PortOpen) return ports_[message->id].set_open(message->value != 0);
    senseless_.count();
}

void ConsoleControl::handle_device_ready(std::uint16_t value) noexcept {
    if (value == 0) return log_.warn(label_ + ": the guest's driver could not set the console up");
    for (std::size_t port = 0; port < ports_.size(); ++port) {
        if (ports_[port].identity().present) set_due(port, Topic::Added);
    }
}

void ConsoleControl::handle_port_ready(std::size_t port, std::uint16_t value) noexcept {
    known_[port].ready = value != 0;
    if (value == 0)
        return log_.warn(fmt::format("{}: the guest's driver could not set it up", ports_[port].identity().label));
    set_due(port, ports_[port].is_console() ? Topic::IsConsole : Topic::Name);
    set_due(port, Topic::Open);
    if (ports_[port].is_console() && ports_[port].size() != TerminalSize{}) set_due(port, Topic::Size);
}

void ConsoleControl::set_due(std::size_t port, Topic topic) noexcept { known_[port].due |= bit(topic); }

void ConsoleControl::tell() noexcept {
    if (!to_driver_) return;
    unsigned turns = to_driver_->size();
    for (; turns != 0; --turns) {
        const auto due = next_due();
        if (!due) break;
        std::optional<Chain> chain = to_driver_->pop();
        if (!chain) break;
        std::array<std::byte, kMessageRoom> message;
        const std::size_t size = compose(*due, message);
        const bool fits = chain->writable_size() >= size;
        if (fits) {
            (void)chain->write(0, std::span{message}.first(size));
            known_[due->port].due &= static_cast<std::uint8_t>(~bit(due->topic));
        } else {
            senseless_.count();
        }
        to_driver_->push(std::move(*chain), fits ? size : 0);
    }
    to_driver_->notify();
    if (turns == 0) to_driver_->again();
    check(*to_driver_);
}

std::optional<ConsoleControl::Due> ConsoleControl::next_due() const noexcept {
    for (std::size_t port = 0; port < known_.size(); ++port) {
        for (const Topic topic : kTopics)
            if ((known_[port].due & bit(topic)) != 0) return Due{port, topic};
    }
    return std::nullopt;
}

std::size_t ConsoleControl::compose(Due due, std::span<std::byte> message) const noexcept {
    const ConsolePort& port = ports_[due.port];
    const auto control = [&](Event event, unsigned value) {
        return Control{static_cast<std::uint32_t>(due.port), static_cast<std::uint16_t>(event),
                       static_cast<std::uint16_t>(value)};
    };
    Message all{message};
    switch (due.topic) {
        case Topic::Added:
            return all.add(control(Event::DeviceAdd, 1)).size();
        case Topic::IsConsole:
            return all.add(control(Event::ConsolePort, 1)).size();
        case Topic::Name:
            return all.add(control(Event::PortName, 1)).add(std::as_bytes(std::span{port.identity().name})).size();
        case Topic::Open:
            return all.add(control(Event::PortOpen, port.is_connected() ? 1 : 0)).size();
        case Topic::Size:
            return all.add(control(Event::Resize, 0)).add(Resize{port.size().columns, port.size().rows}).size();
    }
    return 0;
}

void ConsoleControl::check(const ServedQueue& queue) noexcept {
    if (queue.broken()) broken_(queue.fault());
}

}  // namespace qvm
