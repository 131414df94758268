// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/message_target.hpp"

#include <catch2/catch.hpp>

using namespace qvm::x86;

TEST_CASE("a message to one local APIC is for the vCPU with its ID") {
    CHECK(message_target(0xfee0'0000) == 0);
    CHECK(message_target(0xfee0'3000) == 3);
    CHECK(message_target(0xfee0'3008) == 3);  // a hint to choose among one
    CHECK(message_target(0xfeef'e000) == 254);
}

TEST_CASE("a message to several local APICs, or to none, is for no vCPU") {
    CHECK_FALSE(message_target(0xfeef'f000).has_value());    // all
    CHECK_FALSE(message_target(0xfee0'1004).has_value());    // logical
    CHECK_FALSE(message_target(0xfee0'1020).has_value());    // a destination above 255
    CHECK_FALSE(message_target(0x1'fee0'1000).has_value());  // elsewhere
    CHECK_FALSE(message_target(0xfed0'1000).has_value());
    CHECK_FALSE(message_target(0).has_value());
}
