// SPDX-License-Identifier: Apache-2.0
#include "vmm/token_bucket.hpp"

#include <catch2/catch.hpp>

using namespace qvm;
using namespace std::chrono_literals;

TEST_CASE("a bucket begins full and fills at its rate up to the burst") {
    TokenBucket bucket{1000, 100, 5s};
    CHECK(bucket.available(5s) == 100);
    bucket.take(100);
    CHECK(bucket.available(5s) == 0);
    CHECK(bucket.time_to_fill() == 100ms);
    CHECK(bucket.available(5s + 999us) == 0);
    CHECK(bucket.available(5s + 1ms) == 1);
    CHECK(bucket.available(5s + 50ms) == 50);
    CHECK(bucket.time_to_fill() == 50ms);
    CHECK(bucket.available(1h) == 100);
}

TEST_CASE("looking often loses nothing, and time that goes back is none") {
    TokenBucket bucket{3, 3, 0ns};
    bucket.take(3);
    for (std::chrono::nanoseconds now = 0ns; now < 1s; now += 7ms) {
        (void)bucket.available(now);
        (void)bucket.available(now - 3ms);
    }
    CHECK(bucket.available(1s) == 3);
}

TEST_CASE("the largest rate and the longest times fit") {
    TokenBucket bucket{TokenBucket::kMostRate, TokenBucket::kMostRate, 0ns};
    bucket.take(TokenBucket::kMostRate);
    CHECK(bucket.time_to_fill() == 1s);
    CHECK(bucket.available(999'999'999ns) == TokenBucket::kMostRate - 2);
    CHECK(bucket.available(std::chrono::nanoseconds::max()) == TokenBucket::kMostRate);
    TokenBucket slow{1, 1, 0ns};
    slow.take(1);
    CHECK(slow.available(999'999'999ns) == 0);
    CHECK(slow.available(1s) == 1);
}
