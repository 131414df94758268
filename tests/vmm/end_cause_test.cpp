// SPDX-License-Identifier: Apache-2.0
#include "vmm/end_cause.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace qvm;

namespace {
constexpr auto kLast = EndCause::HostError;
}

TEST_CASE("exit codes are those of the qvmconf specification, section 5.3") {
    const auto exit_code = [](EndCause cause) { return facts_of(cause).exit_code; };
    CHECK(exit_code(EndCause::PowerOff) == 0);
    CHECK(exit_code(EndCause::Reset) == 0);
    CHECK(exit_code(EndCause::TripleFault) == 0);
    CHECK(exit_code(EndCause::Forced) == 3);
    CHECK(exit_code(EndCause::Watchdog) == 4);
    CHECK(exit_code(EndCause::UnsupportedAbort) == 5);
    CHECK(exit_code(EndCause::VdevError) == 6);
    CHECK(exit_code(EndCause::Unexpected) == 7);
    CHECK(exit_code(EndCause::HostError) == 96);
}

TEST_CASE("every cause of an end has a name of its own, and all but power-off and reset are alarms") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(kLast); ++i) {
        const auto cause = static_cast<EndCause>(i);
        const EndFacts& facts = facts_of(cause);
        CAPTURE(facts.name);
        CHECK(facts.cause == cause);
        CHECK(names.insert(facts.name).second);
        CHECK_FALSE(facts.text.empty());
        CHECK(facts.alarm == (cause != EndCause::PowerOff && cause != EndCause::Reset));
    }
}
