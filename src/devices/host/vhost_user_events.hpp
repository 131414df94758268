// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "devices/host/vhost_user_message.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// What a back end says without having been asked (VHOST_USER_PROTOCOL_F_BACKEND_REQ), on a connection of its own. On
/// the loop's thread.
class VhostUserEvents {
public:
    using Said = std::function<void(std::uint32_t type)>;

    /// Begins anew and returns the back end's end of the connection; nothing, with errno, if the host has none.
    [[nodiscard]] UniqueFd open(EventLoop& loop, Said said);
    /// What makes no sense closes it, too; the back end's work goes on without.
    void close() noexcept;

private:
    void readable();
    void answer(const VhostUserMessage& message) const noexcept;

    UniqueFd socket_{};
    VhostUserDecoder decoder_{};
    Said said_{};
    Watch readable_{};
};

}  // namespace qvm
