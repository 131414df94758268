// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/message_places.hpp"

#include <catch2/catch.hpp>

using namespace qvm;

namespace {

/// A message to address n is for vCPU n.
MessagePlaces two_vcpus() {
    return MessagePlaces{{.of_vcpus = {{3, 1}, {2, 3}}, .target = [](std::uint64_t address) {
                              return address == 0 ? std::nullopt : std::optional{static_cast<unsigned>(address) - 1};
                          }}};
}

}  // namespace

TEST_CASE("a vector is placed once, and again when it goes to another vCPU") {
    MessagePlaces places = two_vcpus();
    CHECK(places.moves({1, {1, 2, 0}}) == std::vector<CpuList>{{3, 1}, {2, 3}, {1, 2, 3}});
    CHECK(places.moves({1, {1, 2, 0}}) == std::vector<CpuList>{{}, {}, {}});
    CHECK(places.moves({1, {1, 1, 8}}) == std::vector<CpuList>{{}, {3, 1}, {}});
}

TEST_CASE("other interrupts of the host are placed anew, and none that are not there") {
    MessagePlaces places = two_vcpus();
    CHECK(places.moves({1, {1}}) == std::vector<CpuList>{{3, 1}});
    CHECK(places.moves({2, {1, 2}}) == std::vector<CpuList>{{3, 1}, {2, 3}});
    CHECK(places.moves({2, {}}).empty());
    CHECK(places.moves({3, {1}}) == std::vector<CpuList>{{3, 1}});
}

TEST_CASE("a board that cannot tell a message's vCPU gives all of their CPUs, and no vCPUs want nothing") {
    MessagePlaces places{{.of_vcpus = {{0}, {1}}}};
    CHECK(places.wanted());
    CHECK(places.moves({1, {1, 2}}) == std::vector<CpuList>{{0, 1}, {0, 1}});
    CHECK_FALSE(MessagePlaces{MessageCpus{}}.wanted());
}
