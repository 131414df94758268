// SPDX-License-Identifier: Apache-2.0
// `dump directory` and `dump |command`: a guest's core to where the configuration wants it (qvmconf specification 2.9,
// docs/dump.md). On the main thread, while no vCPU runs. Whatever goes wrong is an outcome: the guest goes on.
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/vm_config.hpp"
#include "ops/core_image.hpp"

namespace qvm {

/// How it ended, for the log: info if it was written, else a warning.
struct DumpOutcome {
    bool written = false;
    std::string text;
};

/// Limits, in milliseconds; other ones only in tests.
struct DumpPatience {
    int reader = 30'000;  ///< a command that takes no byte for so long is stopped
    int ending = 30'000;  ///< and so is one that goes on for so long after the last byte
};

/// The ten names that a dump of this second may have, the first one first. `system` may be empty.
[[nodiscard]] std::vector<std::string> dump_names(std::string_view system, const std::tm& local);

/// One dump. What it refers to must outlive it.
struct DumpJob {
    const DumpSpec& to;
    std::string_view system;  ///< may be empty
    std::time_t now;          ///< for the name
    const CoreImage& image;
    /// Called once, in any case, as soon as guest memory is no longer read: what follows (the file reaching the disk,
    /// the command's end) takes its time and no vCPU needs to wait for it.
    std::function<void()> memory_done;
};

[[nodiscard]] DumpOutcome write_dump(const DumpJob& job, const DumpPatience& patience = {}) noexcept;

/// The note QvmNote::About. `cause`: who asked, such as "SIGUSR2" or "watchdog".
[[nodiscard]] CoreNote about_note(std::string_view system, std::time_t now, std::string_view cause);

}  // namespace qvm
