// SPDX-License-Identifier: Apache-2.0
#include "devices/host/listening_end.hpp"

#include <poll.h>

#include "devices/host/run_on_loop.hpp"

namespace qvm {

void ListeningEnd::start(EventLoop& loop, Changed changed) {
    loop_ = &loop;
    changed_ = std::move(changed);
    run_on_loop(loop, [this] { await(); });
}

void ListeningEnd::stop() {
    if (loop_ == nullptr) return;
    run_on_loop(*loop_, [this] {
        waiting_ = Watch{};
        connection_.reset();
    });
}

void ListeningEnd::await() {
    waiting_ = loop_->watch(listener_.fd(), POLLIN, [this](std::uint32_t) { accept(); });
}

void ListeningEnd::accept() {
    UniqueFd fd = listener_.accept();
    if (!fd) return;
    waiting_ = Watch{};  // the next one waits until this one has gone
    if (connection_) changed_(nullptr);
    Connection::Events events{.over =
                                  [this] {
                                      connection_.reset();
                                      changed_(nullptr);
                                      await();
                                  },
                              .sends_no_more = [this] { await(); }};
    connection_.emplace(*loop_, std::make_shared<HostStream>(std::move(fd)), reads_, std::move(events));
    changed_(connection_->stream());
}

void ListeningEnd::input_ended() {
    if (connection_) connection_->input_ended();
}

void ListeningEnd::output_lost() {
    if (connection_) connection_->output_lost();
}

}  // namespace qvm
