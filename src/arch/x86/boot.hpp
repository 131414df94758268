// SPDX-License-Identifier: Apache-2.0
// From `load`, `cmdline`, `ram` and `rom` (qvmconf specification 2.2, 2.4, 2.5) to a guest that can take its first
// instruction. Two steps: plan_boot() judges everything and touches nothing, so that nothing is half-started;
// install_boot() copies. Boot protocols: Linux/x86 64-bit (Documentation/x86/boot.rst, 2.12 and later) and PVH
// (Xen's docs/misc/pvh.pandoc, hvm_start_info version 1).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/x86/acpi.hpp"
#include "arch/x86/entry_state.hpp"
#include "arch/x86/memory_map.hpp"
#include "config/diagnostics.hpp"
#include "config/image_file.hpp"
#include "config/vm_config.hpp"
#include "devices/platform/kept_memory.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

/// Bytes of a file and where they go.
struct BootBlob {
    Range at;  ///< what it occupies; longer than `bytes` where the guest expects zeros behind
    std::span<const std::byte> bytes;
    std::string what;  ///< for messages: "the kernel", "the initrd", "'table.bin'"
    Location where{};  ///< of the `load` argument
};

/// Everything decided; holds the files open and mapped.
struct BootPlan {
    enum class Protocol : std::uint8_t { Linux64, Pvh };
    Protocol protocol = Protocol::Linux64;
    std::vector<ImageFile> files{};               ///< what `blobs` and `acpi_tables` look into,
    std::deque<std::vector<std::byte>> copies{};  ///< together with these
    std::vector<BootBlob> blobs{};                ///< in order of address; none overlaps another or the boot structures
    std::vector<std::byte> setup_header{};        ///< Linux64: bytes from 0x1f1 of the kernel file
    std::uint64_t entry = 0;
    std::optional<Range> kernel{};  ///< Linux64: what the kernel needs while it unpacks itself
    std::optional<Range> initrd{};
    std::string cmdline{};
    std::optional<Range> acpi{};                            ///< room for the tables; always there in a finished plan
    std::vector<std::span<const std::byte>> acpi_tables{};  ///< to be added to ours
    std::vector<E820Entry> e820{};
};

/// `ecam` is where PCI's configuration space is, if there is PCI; `host` is as for open_boot_files(). Nothing if
/// `errors` got an error, or the kernel has not been looked at. Reads files, but needs no KVM and no guest memory.
[[nodiscard]] std::optional<BootPlan> plan_boot(const VmConfig& config, Diagnostics& errors,
                                                const std::optional<Range>& ecam = {}, KeptMemory* host = nullptr);

/// Fills fresh (zeroed) guest memory made from the same configuration. The plan may be dropped afterwards.
[[nodiscard]] BootEntry install_boot(const BootPlan& plan, const GuestMemory& memory, const AcpiBoard& board);

}  // namespace qvm::x86
