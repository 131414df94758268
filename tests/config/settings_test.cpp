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

TEST_CASE("host-io-poll is in microseconds") {
    CHECK(settings("").io_poll == std::nullopt);
    CHECK(settings("set host-io-poll 0").io_poll == 0us);
    CHECK(settings("set host-io-poll 32").io_poll == 32us);
    CHECK(settings("set host-io-poll 0xffffffffffffffff").io_poll == 60s);
}
