// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "devices/host/host_stream.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

/// A host end that comes and goes while the VM runs: somebody opens it, or it is opened later.
class HostEnd {
public:
    /// The stream to use from now on; null while there is none. The same one again: there is a new other side.
    using Changed = std::function<void(std::shared_ptr<HostStream>)>;

    virtual ~HostEnd() = default;
    /// Calls `changed` on the loop's thread, from now on until stop(). Once.
    virtual void start(EventLoop& loop, Changed changed) = 0;
    /// On the main thread.
    virtual void stop() = 0;
    /// There is nothing more to read. On the loop's thread.
    virtual void input_ended() {}
    /// Nothing more can be written. On the loop's thread.
    virtual void output_lost() {}
    /// The guest has begun to use the device. From any thread.
    virtual void use() noexcept {}
};

}  // namespace qvm
