// SPDX-License-Identifier: Apache-2.0
// Configurations for the other architecture: they can be checked as far as the language goes, but not run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "arch/machine.hpp"

namespace qvm {

/// What shows that a configuration is for another board.
struct ForeignSign {
    Boards board;
    Location where;
    std::string what;  ///< "vdev 'pl011'", for messages
};

/// Nothing if the configuration has something that only `own` has, or nothing that only another one has.
[[nodiscard]] std::optional<ForeignSign> foreign_sign(const VmConfig& config, Boards own);

/// A board on which everything stays where the configuration puts it. Images must be there, but their formats are not
/// judged. It does not boot.
[[nodiscard]] std::unique_ptr<BoardPlan> plan_foreign(const VmConfig& config, Boards board, Diagnostics& diagnostics);

/// Whether every file that a `load` names can be read.
void check_images(const VmConfig& config, Diagnostics& diagnostics);

/// "x86-64" or "arm64".
[[nodiscard]] std::string_view board_name(Boards board) noexcept;

}  // namespace qvm
