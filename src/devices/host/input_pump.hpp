// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "devices/host/char_port.hpp"
#include "devices/host/host_stream.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Host input on its way to a vdev, read by the loop's thread as fast as the vdev takes it.
class InputPump {
public:
    /// Looks at a byte before the vdev does; false takes it away.
    using Filter = std::function<bool(std::byte)>;

    /// `name` says in messages what `stream` is. Without one, there is nobody to read from yet: see set_stream().
    InputPump(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name);
    ~InputPump();
    InputPump(const InputPump&) = delete;
    InputPump& operator=(const InputPump&) = delete;

    /// With a filter, input is read even while the vdev takes none, so that keys for qvm itself work when the guest
    /// hangs; what it types beyond the buffer is dropped then. Set-up only.
    void set_filter(Filter filter) { filter_ = std::move(filter); }
    /// Runs `ended` on the loop's thread when the stream has no more input. Set-up only.
    void on_end(std::function<void()> ended) { ended_ = std::move(ended); }
    /// Runs `came` on the loop's thread whenever input has been read. Set-up only.
    void on_input(std::function<void()> came) { came_ = std::move(came); }

    void start(CharClient& client);
    /// From any thread.
    void resume() noexcept { wake_.signal(); }
    /// Whom to read from; null: nobody at present. On the loop's thread.
    void set_stream(std::shared_ptr<HostStream> stream);

private:
    void watch();
    void on_readable();
    void end(int error);
    void keep(std::span<const std::byte> data);
    void deliver();
    [[nodiscard]] std::size_t room() const noexcept { return buffer_.size() - held_; }

    EventLoop& loop_;
    Log& log_;
    std::string name_;
    Filter filter_;
    std::function<void()> ended_;
    std::function<void()> came_;
    CharClient* client_ = nullptr;

    // The loop's thread only.
    std::shared_ptr<HostStream> stream_;  // null once it has ended
    std::array<std::byte, std::size_t{16} * 1024> buffer_{};
    std::size_t held_ = 0;
    bool watching_ = false;

    EventFd wake_;
    Watch readable_;
    Watch woken_;
};

}  // namespace qvm
