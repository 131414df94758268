// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "devices/host/net_connectors.hpp"
#include "devices/host/unix_socket.hpp"
#include "vmm/error.hpp"

namespace qvm {

DialConnector::DialConnector(EventLoop& loop, Log& log, std::string path)
    : log_{log}, path_{std::move(path)}, again_{loop, [this] { dial(); }} {}

void DialConnector::start(StreamLink& link) {
    link_ = &link;
    dial();
}

void DialConnector::dial() {
    if (UniqueFd fd = connect_unix(path_)) {
        told_ = false;
        return link_->connected(std::move(fd));
    }
    if (!std::exchange(told_, true))
        log_.info(errno_text(fmt::format("{}: nobody listens yet, so the link is down", path_), errno));
    again_.after(kAgain);
}

}  // namespace qvm
