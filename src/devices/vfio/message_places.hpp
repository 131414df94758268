// SPDX-License-Identifier: Apache-2.0
// On which CPUs of the host the messages (MSI, MSI-X) of a passed function are to come: where the vCPU runs that the
// guest sends them to.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "vcpu/cpu_list.hpp"

namespace qvm {

/// What the launcher knows of it.
struct MessageCpus {
    std::vector<CpuList> of_vcpus{};  ///< by number; empty if messages stay where the host has them
    /// The vCPU that a message to that address interrupts, if it is one.
    std::function<std::optional<unsigned>(std::uint64_t)> target{};
};

/// The addresses of the vectors that the host has now; 0 for what the guest has not let through yet.
struct ArmedMessages {
    unsigned arming = 0;  ///< counts: another number means other interrupts of the host
    std::vector<std::uint64_t> addresses{};
};

/// Not thread-safe.
class MessagePlaces {
public:
    explicit MessagePlaces(MessageCpus cpus);

    [[nodiscard]] bool wanted() const noexcept { return !cpus_.of_vcpus.empty(); }
    /// By vector, the CPUs for what has been elsewhere since the last call; empty for what stays.
    [[nodiscard]] std::vector<CpuList> moves(const ArmedMessages& now);

private:
    [[nodiscard]] const CpuList& place(std::uint64_t address) const;

    const MessageCpus cpus_;
    CpuList all_{};  ///< of all vCPUs: for a message to several of them, or to one that the board cannot tell
    unsigned arming_ = 0;
    std::vector<CpuList> placed_{};  ///< by vector
};

}  // namespace qvm
