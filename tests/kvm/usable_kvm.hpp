// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace qvm::test {

/// Why no virtual machine can be made here; nothing if one can.
[[nodiscard]] std::optional<std::string> why_kvm_is_unusable();

}  // namespace qvm::test
