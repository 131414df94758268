// SPDX-License-Identifier: Apache-2.0
// What needs no vhost in the kernel; the rest is shown by guests in the lab.
#include "devices/host/vhost.hpp"

#include <catch2/catch.hpp>

#include "vmm/error.hpp"

using namespace qvm;
using Catch::Matchers::Contains;

TEST_CASE("a vhost device that is not there is an error that names it") {
    CHECK_THROWS_WITH(Vhost{"/nonexistent/vhost-net"}, Contains("/nonexistent/vhost-net"));
}

TEST_CASE("a file that is no vhost device is an error that names the call") {
    CHECK_THROWS_WITH(Vhost{"/dev/null"}, Contains("VHOST_SET_OWNER"));
    CHECK_THROWS_AS(Vhost{"/dev/null"}, HostError);
}
