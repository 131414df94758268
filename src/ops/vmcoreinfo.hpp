// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "vcpu/core_note.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

/// The note VMCOREINFO of a Linux guest: what `crash` and `makedumpfile` need to know of its kernel, above all where it
/// has put itself. A kernel with CONFIG_VMCORE_INFO (CONFIG_CRASH_CORE before 6.9) keeps it in a page of its own as it
/// is to stand in a dump, so that it can be found without the guest's help. Nothing if there is none. The vCPUs stand
/// still.
[[nodiscard]] std::optional<CoreNote> find_vmcoreinfo(const GuestMemory& memory);

}  // namespace qvm
