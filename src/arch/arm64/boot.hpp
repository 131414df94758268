// SPDX-License-Identifier: Apache-2.0
// From `load`, `cmdline`, `ram` and `rom` (qvmconf specification 2.2, 2.4, 2.5) to a guest that can take its first
// instruction. Two steps: plan_boot() judges everything and touches nothing, so that nothing is half-started;
// install_boot() copies. Boot protocol: the kernel's Documentation/arm64/booting.rst, which raw images and ELF files
// are given as well.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/arm64/board_tree.hpp"
#include "arch/arm64/boot_files.hpp"
#include "config/diagnostics.hpp"
#include "config/image_file.hpp"
#include "config/vm_config.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm::arm64 {

/// Bytes of a file and where they go.
struct BootBlob {
    Range at;  ///< what it occupies; longer than `bytes` where the guest expects zeros behind
    ByteView bytes;
};

/// Everything decided; holds the files open and mapped.
struct BootPlan {
    std::vector<ImageFile> files{};  ///< what `blobs` and `user_tree` look into
    std::deque<std::vector<std::byte>> unpacked{};
    std::vector<BootBlob> blobs{};  ///< none overlaps another or the tree
    std::uint64_t entry = 0;
    std::vector<Range> ram{};
    std::vector<Range> reserved{};  ///< pieces of RAM that the guest's kernel must leave alone
    std::optional<Range> initrd{};
    std::optional<std::string> cmdline{};
    std::optional<DeviceTree> user_tree{};
    std::optional<Range>
        stolen{};                 ///< a record of kStolenRecord bytes for each vCPU: the time it was kept from running
    std::optional<Range> tree{};  ///< room for the device tree; always there in a finished plan
    GicPlan gic{};
};

/// What the boot CPU starts with. Other registers are zero, the MMU is off.
struct BootEntry {
    std::uint64_t pc = 0;
    std::uint64_t x0 = 0;  ///< the device tree
};

/// Nothing if `errors` got an error, or the kernel has not been looked at; `host` is as for open_boot_files(). Reads
/// files, but needs no KVM and no guest memory.
[[nodiscard]] std::optional<BootPlan> plan_boot(const VmConfig& config, const GicPlan& gic, Diagnostics& errors,
                                                KeptMemory* host = nullptr);

/// The guest's tree: what the plan knows of it is put into `board`, and the user's tree is joined with it.
[[nodiscard]] std::vector<std::byte> make_tree(const BootPlan& plan, BoardTree board);

/// Fills fresh (zeroed) guest memory made from the same configuration. Throws HostError if the tree is too large.
[[nodiscard]] BootEntry install_boot(const BootPlan& plan, const GuestMemory& memory, std::span<const std::byte> tree);

}  // namespace qvm::arm64
