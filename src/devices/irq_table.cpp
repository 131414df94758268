// SPDX-License-Identifier: Apache-2.0
#include "devices/irq_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace qvm {

void IrqTable::add(std::string name, InterruptController& chip, std::optional<Location> where) {
    if (controllers_.empty())
        for (const auto& [line, owner] : kept_) owners_.emplace(std::pair{&chip, line}, Owner{owner, {}, false});
    controllers_.push_back({std::move(name), &chip, where});
}

void IrqTable::keep(unsigned line, const std::string& owner) {
    kept_.emplace(line, owner);
    if (!controllers_.empty()) owners_.emplace(std::pair{controllers_.front().chip, line}, Owner{owner, {}, false});
}

std::vector<IrqTable::OwnedLine> IrqTable::owned() const {
    std::vector<OwnedLine> all;
    for (const Controller& controller : controllers_)
        for (auto row = owners_.lower_bound({controller.chip, 0});
             row != owners_.end() && row->first.first == controller.chip; ++row)
            all.push_back({controller.name, row->first.second, row->second.name});
    return all;
}

const IrqTable::Controller& IrqTable::find(const IntrSpec& wanted, Location where) const {
    const auto found = std::ranges::find(controllers_, wanted.controller, &Controller::name);
    if (found == controllers_.end()) {
        std::vector<std::string_view> names;
        for (const Controller& controller : controllers_) names.push_back(controller.name);
        std::string hint = did_you_mean(wanted.controller, names);
        if (hint.empty()) hint = "an interrupt controller must be declared, with this name, before it is used";
        throw ConfigError{where, fmt::format("no interrupt controller is named '{}'", wanted.controller), hint};
    }
    if (!wanted.line) throw ConfigError{where, "the line is missing", fmt::format("write {}:LINE", wanted.controller)};
    const unsigned first = found->chip->first_line();
    if (*wanted.line >= first && *wanted.line < found->chip->lines()) return *found;
    throw ConfigError{
        where,
        fmt::format("'{}' has no line {}{}", found->name, *wanted.line, *wanted.line < first ? " for vdevs" : ""),
        fmt::format("its lines are {} to {}", first, found->chip->lines() - 1)};
}

IrqTable::Claim IrqTable::take(const Controller& controller, unsigned line, Owner owner) {
    const auto [holder, is_new] = owners_.try_emplace({controller.chip, line}, owner);
    if (is_new) return {controller.chip, line};
    Owner& other = holder->second;
    if (other.shares && owner.shares) {
        other.name += ", " + owner.name;
        return {controller.chip, line};
    }
    ConfigError error{owner.where.value(),
                      fmt::format("line {} of '{}' belongs to {} already", line, controller.name, other.name),
                      "give each device a line of its own"};
    if (other.where) throw std::move(error).noting(*other.where, "it was given away here");
    throw error;
}

void IrqTable::check(const IntrSpec& wanted, Location where) const { (void)find(wanted, where); }

IrqTable::Claim IrqTable::claim(const IntrSpec& wanted, Location where, const std::string& owner) {
    return take(find(wanted, where), wanted.line.value(), {owner, where});
}

IrqTable::Claim IrqTable::share(const IntrSpec& wanted, Location where, const std::string& owner) {
    return take(find(wanted, where), wanted.line.value(), {owner, where, true});
}

IrqTable::Claim IrqTable::claim_fixed(unsigned line, Location where, const std::string& owner) {
    const Controller& first = controllers_.front();
    return take(find({first.name, line}, where), line, {owner, where});
}

}  // namespace qvm
