// SPDX-License-Identifier: Apache-2.0
// Every type of argument, and every vdev that this room knows of, in one grammar.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "config/language.hpp"
#include "config/support.hpp"

namespace qvm::test {

inline constexpr std::array kEveryOptions{
    OptionSpec{.name = "flag", .type = ArgType::Flag},
    OptionSpec{.name = "number", .type = ArgType::Number},
    OptionSpec{.name = "bytes", .type = ArgType::Size},
    OptionSpec{.name = "text", .type = ArgType::String, .repeatable = true},
    OptionSpec{.name = "choice", .type = ArgType::Choice, .choices = kActions},
    OptionSpec{.name = "loc", .type = ArgType::Location, .repeatable = true},
    OptionSpec{.name = "intr", .type = ArgType::Intr, .repeatable = true},
    OptionSpec{.name = "hostdev", .type = ArgType::HostDev, .repeatable = true},
    OptionSpec{.name = "sched", .type = ArgType::Sched},
    OptionSpec{.name = "delay", .type = ArgType::Delay},
    OptionSpec{.name = "pair", .type = ArgType::Pair},
    OptionSpec{.name = "numbers", .type = ArgType::Numbers, .repeatable = true},
    OptionSpec{.name = "intrs", .type = ArgType::Intrs, .repeatable = true},
    OptionSpec{.name = "create", .type = ArgType::NamedSize, .repeatable = true},
    OptionSpec{.name = "mac", .type = ArgType::Mac},
    OptionSpec{.name = "pass-loc", .type = ArgType::PassLocation, .repeatable = true},
    OptionSpec{.name = "pass-intr", .type = ArgType::PassIntr, .repeatable = true},
    OptionSpec{.name = "mode", .type = ArgType::Octal},
    OptionSpec{.name = "messages", .type = ArgType::LogRule, .repeatable = true},
};
/// Options of a vdev that are spelt like those that may stand anywhere; within the vdev they go first.
inline constexpr std::array kShadowOptions{
    OptionSpec{.name = "data", .type = ArgType::String}, OptionSpec{.name = "load", .type = ArgType::String},
    OptionSpec{.name = "set", .type = ArgType::String},  OptionSpec{.name = "pass", .type = ArgType::Flag},
    OptionSpec{.name = "vdev", .type = ArgType::String}, OptionSpec{.name = "dump", .type = ArgType::Number},
    OptionSpec{.name = "user", .type = ArgType::Flag},   OptionSpec{.name = "dryrun", .type = ArgType::Flag},
};
inline constexpr VdevSyntax kEvery{"every", "has every type of option", kEveryOptions};
inline constexpr VdevSyntax kShadow{"shadow", "hides options that may stand anywhere", kShadowOptions};

class WholeGrammar : public VdevGrammar {
public:
    WholeGrammar() {
        for (const VdevSyntax* each : kGrammar.types()) add(*each);
        for (const VdevSyntax& each : language_vdevs()) add(each);
    }
    [[nodiscard]] std::span<const VdevSyntax* const> types() const noexcept override { return types_; }

private:
    void add(const VdevSyntax& type) {
        const auto same = [&type](const VdevSyntax* each) { return each->type == type.type; };
        if (std::none_of(types_.begin(), types_.end(), same)) types_.push_back(&type);
    }

    std::vector<const VdevSyntax*> types_{&kEvery, &kShadow};
};

}  // namespace qvm::test
