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

    /// With a filter, input is read even while the vdev takes none, so that keys for qvm itself work when the guest
    /// hangs; what it types beyond the buffer is dropped then. With `hangs_up`, EIO means that the other end is not
    /// open, and set_open() tells when it is.
    InputPump(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name, Filter filter,
              bool hangs_up);
    ~InputPump();
    InputPump(const InputPump&) = delete;
    InputPump& operator=(const InputPump&) = delete;

    void start(CharClient& client);
    /// From any thread.
    void resume() noexcept { wake_.signal(); }
    /// There is somebody to read from. On the loop's thread.
    void set_open(bool open);

private:
    void watch();
    void on_readable();
    void end(int error);
    void keep(std::span<const std::byte> data);
    void deliver();
    [[nodiscard]] std::size_t room() const noexcept { return buffer_.size() - held_; }

    EventLoop& loop_;
    Log& log_;
    std::shared_ptr<HostStream> stream_;
    std::string name_;
    Filter filter_;
    bool hangs_up_;
    CharClient* client_ = nullptr;

    // The loop's thread only.
    std::array<std::byte, 4096> buffer_{};
    std::size_t held_ = 0;
    bool open_;
    bool watching_ = false;

    EventFd wake_;
    Watch readable_;
    Watch woken_;
};

}  // namespace qvm
