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

InputPump::InputPump(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name, Filter filter,
                     bool hangs_up)
    : loop_{loop},
      log_{log},
      stream_{std::move(stream)},
      name_{std::move(name)},
      filter_{std::move(filter)},
      hangs_up_{hangs_up},
      open_{!hangs_up} {}

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

void InputPump::set_open(bool open) {
    open_ = open;
    if (open) {
        watch();
    } else if (watching_) {
        watching_ = false;
        readable_ = Watch{};
    }
}

/// Reads on as long as there is room: with a filter always, otherwise once the vdev has taken everything.
void InputPump::watch() {
    const bool wanted = client_ != nullptr && open_ && (filter_ || held_ == 0);
    if (wanted == watching_) return;
    watching_ = wanted;
    readable_ = wanted ? loop_.watch(stream_->fd(), POLLIN, [this](std::uint32_t) { on_readable(); }) : Watch{};
}

void InputPump::on_readable() {
    std::array<std::byte, 4096> data;
    const std::ptrdiff_t got = stream_->read(data);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) end(got == 0 ? 0 : errno);
        return;
    }
    keep(std::span{data}.first(static_cast<std::size_t>(got)));
    deliver();
    watch();
}

/// Without this, a stream at its end would be readable forever.
void InputPump::end(int error) {
    open_ = false;
    if (hangs_up_ && error == EIO) {
        log_.debug(fmt::format("{}: nobody has the other end open", name_));
    } else if (error == 0) {
        log_.debug(fmt::format("{}: end of input", name_));
    } else {
        log_.warn(errno_text(fmt::format("{}: cannot read, so there is no more input", name_), error));
    }
    watch();
}

void InputPump::keep(std::span<const std::byte> data) {
    for (const std::byte byte : data) {
        if (filter_ && !filter_(byte)) continue;
        if (room() == 0) continue;
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
