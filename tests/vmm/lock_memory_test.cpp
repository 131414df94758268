// SPDX-License-Identifier: Apache-2.0
#include "vmm/lock_memory.hpp"

#include <catch2/catch.hpp>

#include "vmm/units.hpp"

using namespace qvm;

TEST_CASE("memory within the limit, without one or with the privilege can be locked") {
    CHECK_FALSE(lock_refusal({.limit = 64 * kMiB}, 64 * kMiB));
    CHECK_FALSE(lock_refusal({}, 64 * kMiB));
    CHECK_FALSE(lock_refusal({.limit = 0, .privileged = true}, 64 * kMiB));
}

TEST_CASE("a refusal names what is wanted, the limit and the way out") {
    const auto text = lock_refusal({.limit = 8 * kMiB}, 100 * kMiB);
    REQUIRE(text);
    CHECK(
        text->starts_with("host-lock-memory: 100.0 MiB are to be locked, RLIMIT_MEMLOCK allows 8.0 MiB and there is no "
                          "CAP_IPC_LOCK\n"));
    CHECK(text->find("LimitMEMLOCK=infinity") != std::string::npos);
}

TEST_CASE("who will become another user must stay within the limit") {
    const auto text = lock_refusal({.limit = 8 * kMiB, .loses_privilege = true}, 100 * kMiB);
    REQUIRE(text);
    CHECK(text->find("to the user that qvm becomes") != std::string::npos);
}

TEST_CASE("what is to be locked grows with the threads") { CHECK(lock_wanted(3) >= lock_wanted(1) + 2 * kMiB); }
