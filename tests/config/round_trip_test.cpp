// SPDX-License-Identifier: Apache-2.0
// Whatever could have been read is printed so that it is read again as the same.
#include <catch2/catch.hpp>
#include <set>

#include "config/config_check.hpp"
#include "config/random_config.hpp"
#include "config/whole_grammar.hpp"
#include "support/sanitized.hpp"

using namespace qvm;
using namespace qvm::test;

TEST_CASE("a random configuration is the same when it is printed and read again") {
    const WholeGrammar grammar;
    for (int seed = 1; seed <= rounds(4000); ++seed) {
        const VmConfig config = RandomConfig{static_cast<std::uint64_t>(seed), grammar}.make();
        const std::string fault = round_trip_fault(config, grammar, kHost);
        if (fault.empty()) continue;
        INFO("seed " << seed);
        FAIL(fault);
    }
}

TEST_CASE("random configurations cover what there is") {
    const WholeGrammar grammar;
    std::set<const void*> seen;
    for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
        for (const VdevSpec& vdev : RandomConfig{seed, grammar}.make().vdevs) {
            for (const OptionValue& each : vdev.options) seen.insert(each.spec);
        }
    }
    for (const VdevSyntax* type : grammar.types()) {
        for (const OptionSpec& each : type->options) {
            INFO(type->type << ' ' << each.name);
            CHECK(seen.contains(&each));
        }
    }
}
