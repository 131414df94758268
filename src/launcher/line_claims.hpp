// SPDX-License-Identifier: Apache-2.0
// Interrupt lines as the configuration names them, with the reasons why one cannot be had.
#pragma once

#include <string>
#include <string_view>

#include "launcher/assembly.hpp"

namespace qvm {

/// "vdev ser8250 'com1'", for messages.
[[nodiscard]] std::string title(const VdevSpec& spec);

/// What cannot be had only because of an error that was reported already: nothing more is to be said.
class FollowUpError : public ConfigError {
public:
    explicit FollowUpError(const Location& where) : ConfigError{where, "this follows from another error"} {}
};

/// Gives the line to `owner`. Throws ConfigError, with a note at the vdev that is no controller or is one too late.
IrqTable::Claim claim(const AssemblyServices& services, const IntrSpec& wanted, const Location& where,
                      const std::string& owner);

/// The same for a PCI function, which may share the line with others of its kind.
IrqTable::Claim share(const AssemblyServices& services, const IntrSpec& wanted, const Location& where,
                      const std::string& owner);

/// The same for a line that may have several owners: only its existence is judged.
void check_line(const AssemblyServices& services, const IntrSpec& wanted, const Location& where);

/// Whether a vdev is missing, because of an error that was reported already, that could have been the board's first
/// controller.
[[nodiscard]] bool lost_first_controller(const AssemblyServices& services) noexcept;

}  // namespace qvm
