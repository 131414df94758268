// SPDX-License-Identifier: Apache-2.0
// What a configuration may ask of the host that it is read on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/numbers.hpp"
#include "vmm/units.hpp"

namespace qvm {

class HostInfo {
public:
    virtual ~HostInfo() = default;
    /// A variable of the environment; nothing if it is not set.
    [[nodiscard]] virtual std::optional<std::string> environment(std::string_view name) const = 0;
    /// The range of host-physical addresses of that name, in bytes. The error says why there is none; its hint says
    /// where it was looked for.
    [[nodiscard]] virtual Parsed<Range> region(std::string_view name) const = 0;
};

/// The host that this process runs on.
[[nodiscard]] const HostInfo& this_host();

}  // namespace qvm
