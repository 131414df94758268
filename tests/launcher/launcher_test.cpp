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

TEST_CASE("the catalogue has every vdev type once") {
    const Catalog catalog = make_catalog();
    std::set<std::string_view> seen;
    for (const VdevSyntax* syntax : catalog.types()) {
        CHECK(seen.insert(syntax->type).second);
        CHECK(catalog.find(syntax->type) == catalog.find(syntax));
        CHECK_FALSE(syntax->summary.empty());
    }
}
