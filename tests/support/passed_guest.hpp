// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "devices/pci/host.hpp"
#include "devices/vfio/passed_function.hpp"
#include "support/fake_vfio.hpp"

namespace qvm::test {

/// A bus with one passed function in slot 5, and what its guest does to it. The test makes the device first.
struct PassedGuest {
    static constexpr std::uint64_t kWindow = 0xe000'0000;
    static constexpr std::uint64_t kWindowSize = 16 * kMiB;
    static constexpr PciSlot kSlot{5, 0};

    /// The function is made, with its vectors connected, and the guest runs.
    void start() {
        make();
        host.connect();
        function->start();
    }
    void make() {
        const PciOwner owner{"pass 0000:01:00.0", {}};
        function.emplace(
            PassedServices{host.services(), host.wire(kSlot, owner), memory, loop, log, control, {}, message_cpus},
            device, kSlot, owner);
        host.attach(kSlot, *function);
    }
    [[nodiscard]] PciDriver driver() { return {host, kSlot, kWindow}; }

    MessageCpus message_cpus;
    FakeVfio device;
    Log log{"test", silence()};
    NumberedRouter router;
    RecordingDoorbells bells;
    EndingIrq line;
    FakeDeviceMemory memory;
    EventLoop loop{"test loop"};
    RecordingControl control;
    PciHost host{{router, bells, log, Range::make(kWindow, kWindowSize), {{line, 16}}}};
    std::optional<PassedFunction> function;
};

}  // namespace qvm::test
