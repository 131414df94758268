// SPDX-License-Identifier: Apache-2.0
// An interrupt of the host that this process is told of. The seam between the guest's line and the kernel: a device of
// VFIO's or UIO's on one side, a double in tests on the other.
#pragma once

#include <cstdint>

namespace qvm {

class HostInterrupt {
public:
    virtual ~HostInterrupt() = default;
    enum class Taken : std::uint8_t { Nothing, Fired, Gone };
    /// Readable when it has fired. A level is masked from then on.
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// Takes what has come. Gone: the device has been taken away.
    [[nodiscard]] virtual Taken take() noexcept = 0;
    /// Lets it come again; at once if the device still pulls. False if the host refuses. From any thread.
    virtual bool unmask() noexcept = 0;
};

}  // namespace qvm
