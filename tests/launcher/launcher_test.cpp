// SPDX-License-Identifier: Apache-2.0
#include "launcher/launcher.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <set>

#include "launcher/end_latch.hpp"

using namespace qvm;

TEST_CASE("the first cause of an end wins, and the latch becomes readable once") {
    EndLatch latch;
    pollfd readable{latch.fd(), POLLIN, 0};
    CHECK_FALSE(latch.cause());
    CHECK(::poll(&readable, 1, 0) == 0);
    latch.end(EndCause::Reset);
    latch.end(EndCause::Forced);
    CHECK(latch.cause() == EndCause::Reset);
    CHECK(::poll(&readable, 1, 0) == 1);
}

TEST_CASE("a dump that a device asks for is asked for once, and one that ends the VM counts more") {
    EndLatch latch;
    pollfd readable{latch.fd(), POLLIN, 0};
    CHECK_FALSE(latch.take_dump());
    latch.dump({});
    latch.dump(EndCause::Watchdog);
    latch.dump({});
    CHECK(::poll(&readable, 1, 0) == 1);
    const auto wanted = latch.take_dump();
    REQUIRE(wanted);
    CHECK(wanted->then == EndCause::Watchdog);
    CHECK_FALSE(latch.take_dump());
    CHECK(::poll(&readable, 1, 0) == 0);
    CHECK_FALSE(latch.cause());
    latch.dump({});
    CHECK_FALSE(latch.take_dump().value().then);
}

TEST_CASE("the catalogue has every vdev type once") {
    const Catalog catalog = make_catalog();
    std::set<std::string_view> seen;
    for (const VdevSyntax* syntax : catalog.types()) {
        CHECK(seen.insert(syntax->type).second);
        CHECK(catalog.find(syntax->type) == catalog.find(syntax));
        CHECK_FALSE(syntax->summary.empty());
    }
}
