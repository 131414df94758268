// SPDX-License-Identifier: Apache-2.0
#include "config/settings.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "config/support.hpp"

using namespace qvm;
using namespace std::chrono_literals;

namespace {

Settings settings(const std::string& variables) {
    return settings_of(test::parse("ram 64M\n" + variables + "\n").config.value());
}

}  // namespace

TEST_CASE("pass-intr-limit is a number of messages, and none without it") {
    CHECK_FALSE(settings("").pass_intr_limit);
    CHECK(settings("set pass-intr-limit 20000").pass_intr_limit == 20'000U);
    CHECK(settings("set pass-intr-limit 0").pass_intr_limit == 0U);
}

TEST_CASE("messages of passed devices follow the vCPUs unless pass-intr-follow is off") {
    CHECK(settings("").pass_intr_follow);
    CHECK_FALSE(settings("set pass-intr-follow off").pass_intr_follow);
}

TEST_CASE("host-io-poll is in microseconds") {
    CHECK(settings("").io_poll == std::nullopt);
    CHECK(settings("set host-io-poll 0").io_poll == 0us);
    CHECK(settings("set host-io-poll 32").io_poll == 32us);
    CHECK(settings("set host-io-poll 0xffffffffffffffff").io_poll == 60s);
}
