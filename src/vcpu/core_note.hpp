// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace qvm {

/// One entry of a dump's PT_NOTE segment.
struct CoreNote {
    std::string name;        ///< who defines the type: "CORE", "QEMU", "QVM"
    std::uint32_t type = 0;  ///< as that one says
    std::vector<std::byte> bytes{};
};

}  // namespace qvm
