// SPDX-License-Identifier: Apache-2.0
// Guest memory as configured, and no fault after the start: host-hugepages, host-prefault, host-lock-memory (qvmconf
// specification 2.14 and docs/memory.md). Set-up only, on the main thread.
#pragma once

#include <filesystem>

#include "config/diagnostics.hpp"
#include "config/settings.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// The page to make this line of; bytes. ROM and what is not made of whole huge pages is on small ones.
[[nodiscard]] std::uint64_t page_for(const MemorySpec& line, HugePages wanted) noexcept;

/// What can be known without the host: huge pages that no line could be made of.
void check_memory(const VmConfig& config, Diagnostics& diagnostics);

/// Before the first thread is made. Throws HostError if what is to be locked may not be.
void prepare_process(const VmConfig& config);

/// Fills `memory`; what is to be there and locked is. RAM by `pass` is the host's; `root` stands in for `/` there.
/// Throws HostError.
void make_memory(const VmConfig& config, GuestMemory& memory, Log& log, const std::filesystem::path& root = "/");

/// The rest of the process: when every thread exists, before guest code runs and before the process becomes another
/// user. Throws HostError.
void lock_rest(const VmConfig& config, const GuestMemory& memory, Log& log);

}  // namespace qvm
