// SPDX-License-Identifier: Apache-2.0
// What the host shows of UIO devices, without any: files, and an interrupt that the test fires.
#pragma once

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>

#include "devices/platform/host_interrupt.hpp"
#include "support/fake_root.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

/// /sys/class/uio/uioN with one map, and /dev/uioN, a file whose bytes are its registers.
inline void add_uio(const FakeRoot& root, const std::string& uio, const std::string& name, const std::string& address,
                    std::uintmax_t size) {
    const std::string directory = "sys/class/uio/" + uio;
    root.write(directory + "/name", name + "\n");
    root.write(directory + "/maps/map0/addr", address + "\n");
    root.write(directory + "/maps/map0/size", fmt::format("{:#x}\n", size));
    root.write("dev/" + uio, "");
    std::filesystem::resize_file(root.path() / "dev" / uio, size);
}

/// The other end of a UIO device's file: what it is told, and what it tells.
struct UioPair {
    UioPair() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
            throw std::runtime_error{"socketpair"};
        file = UniqueFd{ends[0]};
        kernel = UniqueFd{ends[1]};
    }
    /// What the program has written last; -1 if nothing.
    [[nodiscard]] int told() const {
        std::int32_t value = -1;
        for (std::int32_t next = 0; ::read(kernel.get(), &next, sizeof next) == sizeof next;) value = next;
        return value;
    }
    void fire(std::int32_t count) const {
        if (::write(kernel.get(), &count, sizeof count) != sizeof count) throw std::runtime_error{"write"};
    }
    UniqueFd file, kernel;
};

/// An interrupt of a device that the test is.
class FakeInterrupt final : public HostInterrupt {
public:
    /// Outlives it.
    struct Device {
        EventFd event;
        std::atomic<unsigned> unmasks{0};
        std::atomic<bool> pulls{false};    ///< it fires as soon as it is unmasked
        std::atomic<bool> refuses{false};  ///< to be unmasked
        std::atomic<bool> gone{false};
    };
    explicit FakeInterrupt(Device& device) : device_{device} {}

    [[nodiscard]] int fd() const noexcept override { return device_.event.fd(); }
    [[nodiscard]] Taken take() noexcept override {
        if (device_.gone) return Taken::Gone;
        return device_.event.drain() ? Taken::Fired : Taken::Nothing;
    }
    bool unmask() noexcept override {
        ++device_.unmasks;
        if (device_.pulls) device_.event.signal();
        return !device_.refuses;
    }

private:
    Device& device_;
};

}  // namespace qvm::test
