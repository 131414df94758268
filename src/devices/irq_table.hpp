// SPDX-License-Identifier: Apache-2.0
// Which interrupt controllers there are, under which names, and who has which of their lines.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
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
        std::optional<Location> where;  ///< of the vdev; nothing for an implicit one
    };
    struct Claim {
        InterruptController* chip;
        unsigned line;
    };

    /// The controller must outlive the table's use.
    void add(std::string name, InterruptController& chip, std::optional<Location> where);
    /// Keeps a line of the first controller, which need not be there yet, for a fixed interrupt of the board. Whoever
    /// claims it is told that it belongs to `owner`.
    void keep(unsigned line, const std::string& owner);
    [[nodiscard]] const std::vector<Controller>& controllers() const noexcept { return controllers_; }

    /// Gives the line to `owner`. Throws ConfigError at `where` if there is no such controller or line, or if somebody
    /// has it.
    Claim claim(const IntrSpec& wanted, Location where, const std::string& owner);
    /// The same, but others may share the line: all who have it must have come this way.
    Claim share(const IntrSpec& wanted, Location where, const std::string& owner);
    /// Throws as claim() does if there is no such controller or line; gives nothing away.
    void check(const IntrSpec& wanted, Location where) const;
    /// The same for a line of the first controller: what a board's fixed interrupts use.
    Claim claim_fixed(unsigned line, Location where, const std::string& owner);

    struct OwnedLine {
        std::string_view controller;
        unsigned line;
        std::string_view owner;
    };
    /// Who has what: by controller in the order they came, then by line. Valid until the table changes.
    [[nodiscard]] std::vector<OwnedLine> owned() const;

private:
    [[nodiscard]] const Controller& find(const IntrSpec& wanted, Location where) const;
    struct Owner {
        std::string name;
        std::optional<Location> where;  ///< nothing for the board itself
        bool shares = false;
    };
    Claim take(const Controller& controller, unsigned line, Owner owner);

    std::vector<Controller> controllers_;
    std::map<std::pair<const InterruptController*, unsigned>, Owner> owners_;
    std::map<unsigned, std::string> kept_;  ///< of the first controller
};

}  // namespace qvm
