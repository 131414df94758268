// SPDX-License-Identifier: Apache-2.0
// The device tree of the board as qvm makes it (Devicetree Specification 0.3; bindings: Linux 6.1,
// Documentation/devicetree/bindings), and how a user's tree is joined with it (qvmconf specification 5.6).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arm64/device_tree.hpp"
#include "arch/arm64/gic.hpp"
#include "arch/arm64/passed_tree.hpp"
#include "config/diagnostics.hpp"

namespace qvm::arm64 {

/// A device of memory-mapped registers.
struct TreeVdev {
    std::string kind;                            ///< of the unit's name, before the @
    std::vector<std::string_view> compatible{};  ///< the most special first
    Range window;
    std::vector<unsigned> interrupts{};  ///< IDs, shared ones
    bool edge = false;
    std::vector<std::string_view> clocks{};  ///< names of its clocks; all are the board's one
    bool masters = false;                    ///< it reads and writes RAM, through the caches
};

/// The host bridge of PCI's bus 0 (Linux 6.1, Documentation/devicetree/bindings/pci/host-generic-pci.yaml).
struct TreePci {
    Range ecam;
    Range window;
    struct Device {
        unsigned number;
        std::array<unsigned, 4> pins{};  ///< interrupt IDs of INTA to INTD
    };
    std::vector<Device> devices{};
};

struct BoardTree {
    std::vector<Range> ram{};
    std::vector<Range> reserved{};  ///< in it, but not for the guest's kernel to use
    unsigned cpus = 1;
    GicPlan gic{};
    std::optional<std::string> cmdline{};
    std::optional<Range> initrd{};
    std::array<std::byte, 8> kaslr_seed{};
    std::array<std::byte, 32> rng_seed{};
    bool pmu = false;
    std::vector<TreeVdev> vdevs{};
    std::vector<TreePassed> passed{};
    std::optional<TreePci> pci{};
    std::optional<TreeVdev> power_key{};  ///< a PL061 whose input kPowerKeyInput is the key
};

inline constexpr unsigned kPowerKeyInput = 3;

/// More phandles than a board's tree has of its own, behind the last one of the user's.
inline constexpr std::uint32_t kBoardPhandles = 0x10000;

/// `user` is the tree to be joined with it, if there is one.
[[nodiscard]] DeviceTree make_board_tree(const BoardTree& board, const DeviceTree* user);

/// The interrupt controller of a tree; null if it has none at its top.
[[nodiscard]] const TreeNode* user_gic(const DeviceTree& user);

/// What cannot be joined goes to `diagnostics`, at `where`.
void check_user_tree(const DeviceTree& user, const GicPlan& gic, std::size_t cpus, Location where,
                     Diagnostics& diagnostics);

/// User nodes win, but memory and `chosen` are ours.
[[nodiscard]] DeviceTree join_trees(DeviceTree user, const DeviceTree& ours);

}  // namespace qvm::arm64
