// SPDX-License-Identifier: Apache-2.0
// A conversation with a vhost-user back end in which nobody waits: what is to be said is queued, and said when the back
// end has answered what was said before.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "devices/host/one_shot.hpp"
#include "devices/host/vhost_user_message.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/timer.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// Made and destroyed on the main thread; all else on the loop's thread. A back end that does not answer in time, that
/// closes the connection or whose answer is none ends the conversation: what was queued is dropped. Descriptors that
/// come with its messages are not taken.
class VhostUserChannel {
public:
    /// False: the answer makes no sense.
    using Judge = std::function<bool(const VhostUserMessage&)>;
    using Lost = std::function<void(const std::string& why)>;

    /// `lost` runs when an open conversation ends, unless close() ended it; from a call of the loop or from within
    /// ask(), tell() and then().
    VhostUserChannel(EventLoop& loop, std::chrono::milliseconds limit, Lost lost);
    ~VhostUserChannel();
    VhostUserChannel(const VhostUserChannel&) = delete;
    VhostUserChannel& operator=(const VhostUserChannel&) = delete;

    void open(UniqueFd socket);
    void close() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }
    /// From now on what is told is acknowledged (VHOST_USER_PROTOCOL_F_REPLY_ACK).
    void acknowledged() noexcept { acknowledged_ = true; }

    /// All without effect while nothing is open.
    void ask(const VhostUserMessage& message, Judge judge);
    /// `fds` stay open until the message has been sent.
    void tell(VhostUserMessage message, std::vector<int> fds = {});
    /// Runs `work` when all that was queued before has been said and answered.
    void then(std::function<void()> work);

private:
    struct Step {
        VhostUserMessage message{};
        std::vector<int> fds{};
        Judge judge{};                 ///< empty: there is no answer
        std::function<void()> work{};  ///< in place of a message
    };
    enum class Sent : std::uint8_t { Yes, Later, No };

    void add(Step step);
    void proceed();
    /// False: it goes on when the back end has answered, or takes more.
    [[nodiscard]] bool begin(Step& step);
    [[nodiscard]] Sent send(const Step& step) const noexcept;
    void readable();
    void complete();
    void lose(const std::string& why);

    EventLoop& loop_;
    const std::chrono::milliseconds limit_;
    Lost lost_;
    UniqueFd socket_{};
    std::deque<Step> steps_{};
    VhostUserDecoder decoder_{};
    bool acknowledged_ = false;
    bool waiting_ = false;     ///< for the answer to the first step
    bool proceeding_ = false;  ///< in a call of proceed()
    const Timer patience_{};
    OneShot writable_;
    Watch expired_{};
    Watch readable_{};
};

}  // namespace qvm
