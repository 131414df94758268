// SPDX-License-Identifier: Apache-2.0
#include "devices/host/stream_port.hpp"

#include <poll.h>

#include <algorithm>

#include "devices/host/run_on_loop.hpp"

namespace qvm {

StreamPort::~StreamPort() {
    run_on_loop(loop_, [this] {
        stopped_ = true;
        resized_ = Watch{};
    });
    // What calls others goes before those others.
    for (PortParts::End& part : parts_.ends) part.end->stop();
    parts_.input.reset();
    parts_.output.reset();
}

void StreamPort::attach(CharClient& client) {
    client_ = &client;
    attach_output();
    watch_size();
    attach_input();
    for (PortParts::End& part : parts_.ends) {
        part.end->start(loop_, [this, &part](const std::shared_ptr<HostStream>& stream) { change(part, stream); });
    }
}

void StreamPort::use() noexcept {
    for (PortParts::End& part : parts_.ends) part.end->use();
}

void StreamPort::attach_output() {
    if (!parts_.output) return;
    parts_.output->on_room([this] { client_->writable(); });
    if (parts_.ends.empty()) return;
    parts_.output->on_lost([this] {
        for (PortParts::End& part : parts_.ends)
            if (part.writes && !stopped_) part.end->output_lost();
    });
}

void StreamPort::attach_input() {
    if (!parts_.input) return;
    parts_.input->on_input([this] { look_at_size(); });
    parts_.input->on_end([this] {
        for (PortParts::End& part : parts_.ends)
            if (part.reads && !stopped_) part.end->input_ended();
    });
    parts_.input->start(*client_);
}

void StreamPort::watch_size() {
    loop_.post([this] {
        if (stopped_) return;
        latest_ = parts_.fixed;
        tell_whether_connected();
        look_at_size();
        if (parts_.terminal == nullptr) return;
        resized_ = loop_.watch(parts_.terminal->resized_fd(), POLLIN, [this](std::uint32_t) {
            parts_.terminal->take_resized();
            look_at_size();
        });
    });
}

void StreamPort::change(PortParts::End& end, const std::shared_ptr<HostStream>& stream) {
    if (stopped_) return;
    end.open = stream != nullptr;
    if (stream) latest_ = stream;
    tell_whether_connected();
    look_at_size();
    // For both directions, a regular file is taken for a record of the output.
    const bool reads = end.reads && !(end.writes && stream && stream->is_file());
    if (end.writes) parts_.output->set_stream(stream);
    if (reads) parts_.input->set_stream(stream);
}

void StreamPort::tell_whether_connected() {
    const bool somebody = parts_.fixed || std::ranges::any_of(parts_.ends, &PortParts::End::open);
    if (std::exchange(connected_, somebody) != somebody) client_->connected(somebody);
}

/// Only the controlling terminal tells of a new size. Others are asked when somebody has come or typed.
void StreamPort::look_at_size() {
    if (!latest_ || stopped_) return;
    const auto size = latest_->terminal_size();
    if (!size || *size == size_) return;
    size_ = *size;
    client_->resized(size_);
}

}  // namespace qvm
