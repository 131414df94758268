// SPDX-License-Identifier: Apache-2.0
// Which interrupt controllers there are, under which names, and who has which of their lines.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/vm_config.hpp"
#include "devices/vdev.hpp"

namespace qvm {

class IrqTable {
public:
    struct Controller {
        std::string name;
        InterruptController* chip;
        Location where;  ///< of the vdev; of nothing in particular for an implicit one
    };
    struct Claim {
        InterruptController* chip;
        unsigned line;
    };

    /// The controller must outlive the table's use.
    void add(std::string name, InterruptController& chip, Location where) {
        controllers_.push_back({std::move(name), &chip, where});
    }
    [[nodiscard]] const std::vector<Controller>& controllers() const noexcept { return controllers_; }

    /// Gives the line to `owner`. Throws ConfigError at `where` if there is no such controller or line, or if somebody
    /// has it.
    Claim claim(const IntrSpec& wanted, Location where, const std::string& owner);
    /// The same for a line of the first controller: what a board's fixed interrupts use.
    Claim claim_fixed(unsigned line, Location where, const std::string& owner);

private:
    Claim take(const Controller& controller, unsigned line, Location where, const std::string& owner);

    std::vector<Controller> controllers_;
    std::map<std::pair<const InterruptController*, unsigned>, std::string> owners_;
};

}  // namespace qvm
