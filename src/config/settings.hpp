// SPDX-License-Identifier: Apache-2.0
// The variables of `set` that this program acts on, typed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/vm_config.hpp"

namespace qvm {

enum class HugePages : std::uint8_t { Off, Size2M, Size1G };

enum class Tristate : std::uint8_t { Auto, On, Off };

/// A thread's place on the host. Nothing: as inherited.
struct ThreadSetting {
    std::vector<std::uint32_t> runmask{};  ///< host CPUs
    Place runmask_where{};
    std::optional<SchedSpec> sched{};
    Place sched_where{};
};

struct Settings {
    bool best_effort_sched = false;  ///< host-sched: what the host refuses is a warning
    ThreadSetting main{};            ///< host-main-runmask, host-main-sched
    ThreadSetting io{};              ///< host-io-runmask, host-io-sched
    bool lock_memory = false;        ///< host-lock-memory
    Place lock_memory_where{};
    bool prefault = false;  ///< host-prefault
    HugePages huge_pages = HugePages::Off;
    Place huge_pages_where{};
    bool exit_on_halt = true;
    Place exit_on_halt_where{};
    std::optional<std::uint64_t> halt_poll{};            ///< host-halt-poll, in ns
    std::optional<std::chrono::microseconds> io_poll{};  ///< host-io-poll
    std::optional<std::uint64_t> pass_intr_limit{};      ///< pass-intr-limit, in messages per second and device
    bool pass_intr_follow = true;
    std::uint64_t counter_offset = UINT64_MAX;  ///< guest counter minus host counter; all ones: it starts at 0
    std::string fdt_dump_file{};                ///< empty: none
    Place fdt_dump_file_where{};
    Tristate pointer_authentication = Tristate::Auto;
    Place pointer_authentication_where{};
    bool power_key = true;
    bool host_devmem = false;  ///< host-devmem: the host's memory and ports may be passed without a driver's consent
};

/// The values have been checked when they were read.
[[nodiscard]] Settings settings_of(const VmConfig& config);

}  // namespace qvm
