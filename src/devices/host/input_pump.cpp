// SPDX-License-Identifier: Apache-2.0
#include "devices/host/input_pump.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {

InputPump::InputPump(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name)
    : loop_{loop}, log_{log}, name_{std::move(name)}, stream_{std::move(stream)} {}

InputPump::~InputPump() {
    run_on_loop(loop_, [this] {
        woken_ = Watch{};
        readable_ = Watch{};
    });
}

void InputPump::start(CharClient& client) {
    client_ = &client;
    woken_ = loop_.watch(wake_.fd(), POLLIN, [this](std::uint32_t) {
        wake_.drain();
        deliver();
        watch();
    });
    wake_.signal();
}

void InputPump::set_stream(std::shared_ptr<HostStream> stream) {
    watching_ = false;
    readable_ = Watch{};
    stream_ = std::move(stream);
    watch();
}

/// Reads on as long as there is room: with a filter always, otherwise once the vdev has taken everything.
void InputPump::watch() {
    const bool wanted = client_ != nullptr && stream_ && (filter_ || held_ == 0);
    if (wanted == watching_) return;
    watching_ = wanted;
    readable_ = wanted ? loop_.watch(stream_->fd(), POLLIN, [this](std::uint32_t) { on_readable(); }) : Watch{};
}

void InputPump::on_readable() {
    // Without a filter all of it is kept: nothing is held when this is called.
    std::array<std::byte, 4096> looked_at;
    const std::span<std::byte> into = filter_ ? std::span<std::byte>{looked_at} : std::span<std::byte>{buffer_};
    const std::ptrdiff_t got = stream_->read(into);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) end(got == 0 ? 0 : errno);
        return;
    }
    if (filter_) {
        keep(into.first(static_cast<std::size_t>(got)));
    } else {
        held_ = static_cast<std::size_t>(got);
    }
    if (came_) came_();
    deliver();
    watch();
}

/// Without this, a stream at its end would be readable forever.
void InputPump::end(int error) {
    set_stream(nullptr);
    if (error == 0 || (ended_ && (error == EIO || error == ECONNRESET))) {
        log_.debug(fmt::format("{}: end of input", name_));
    } else {
        log_.warn(errno_text(fmt::format("{}: cannot read, so there is no more input", name_), error));
    }
    if (ended_) ended_();
}

void InputPump::keep(std::span<const std::byte> data) {
    for (const std::byte byte : data) {
        if (!filter_(byte) || room() == 0) continue;
        buffer_[held_++] = byte;
    }
}

void InputPump::deliver() {
    if (held_ == 0 || client_ == nullptr) return;
    const std::size_t taken = std::min(held_, client_->receive(std::span{buffer_}.first(held_)));
    held_ -= taken;
    std::memmove(buffer_.data(), buffer_.data() + taken, held_);
}

}  // namespace qvm
