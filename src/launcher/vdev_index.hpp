// SPDX-License-Identifier: Apache-2.0
// The vdevs of a configuration by the name that `intr` would use, so that a file with thousands of them is judged in
// one pass.
#pragma once

#include <map>
#include <string_view>

#include "config/vm_config.hpp"

namespace qvm {

/// The name under which others find this vdev if it is an interrupt controller.
[[nodiscard]] std::string_view controller_name(const VdevSpec& spec) noexcept;

class VdevIndex {
public:
    /// The configuration must outlive it.
    explicit VdevIndex(const VmConfig& config);

    /// The first one of that name; null if there is none.
    [[nodiscard]] const VdevSpec* find(std::string_view name) const noexcept;
    /// One of that name has lost some of its options to an error.
    [[nodiscard]] bool is_damaged(std::string_view name) const noexcept;

private:
    struct Entry {
        const VdevSpec* first;
        bool damaged;
    };
    std::map<std::string_view, Entry> entries_;
};

}  // namespace qvm
