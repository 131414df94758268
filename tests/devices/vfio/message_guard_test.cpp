// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/message_guard.hpp"

#include <catch2/catch.hpp>

#include "support/passed_guest.hpp"

using namespace qvm;
using namespace std::chrono_literals;
using test::NumberedRouter;
using test::PassedGuest;

namespace {

constexpr std::size_t kMsi = 0x50;

/// What a MessageGuard stands on, with two vectors of MSI that the guest has enabled.
struct Messages {
    Messages() {
        guest.device.add_capability(0x05, kMsi);
        guest.device.set<std::uint16_t>(kMsi + 2, 0x82);
        guest.device.add_interrupts(VfioDevice::kMsi, 2);
        config.emplace(guest.device);
        const PassedInterrupts::Place place{guest.host.wire(PassedGuest::kSlot, owner), PassedGuest::kSlot};
        interrupts.emplace(guest.device, *config, guest.host.services(), place, refused);
        interrupts->connect();
        interrupts->start(guest.loop);
        config->own().set<std::uint32_t>(kMsi + 4, 0xfee0'1000);
        enable(0x11);
    }
    void enable(std::uint16_t control) {
        config->own().set(kMsi + 2, control);
        interrupts->settle(*config);
    }
    [[nodiscard]] std::vector<int> triggers() const { return guest.device.triggers(VfioDevice::kMsi); }

    PassedGuest guest;
    PciOwner owner{"pass 0000:01:00.0", {}};
    GuestFault refused{guest.log, "refused"}, storms{guest.log, "too many"};
    std::optional<PassedConfig> config;
    std::optional<PassedInterrupts> interrupts;
};

const std::vector<int> kThrough{NumberedRouter::kFirst, NumberedRouter::kFirst + 1};
const std::vector<int> kHeld{-1, -1};

}  // namespace

TEST_CASE("more messages than the limit within a second are too many until that second is over") {
    MessageLimit limit{100};
    CHECK_FALSE(limit.exceeded(5s, 60));
    CHECK_FALSE(limit.exceeded(5500ms, 100));
    CHECK(limit.exceeded(5600ms, 101));
    CHECK(limit.exceeded(5999ms, 101));
    CHECK_FALSE(limit.exceeded(6s, 201));
    CHECK(limit.exceeded(6100ms, 202));
    CHECK_FALSE(limit.exceeded(9s, 202));
}

TEST_CASE("a count that begins anew, with other vectors, is counted from its start") {
    MessageLimit limit{100};
    CHECK_FALSE(limit.exceeded(5s, 100));
    CHECK(limit.exceeded(5100ms, 1));
}

TEST_CASE("a limit of no messages allows none") {
    MessageLimit limit{0};
    CHECK_FALSE(limit.exceeded(1s, 0));
    CHECK(limit.exceeded(1100ms, 1));
}

TEST_CASE("messages beyond the limit go nowhere until the second is over, and then the guest looks once") {
    Messages messages;
    REQUIRE(messages.triggers() == kThrough);
    MessageGuard guard{messages.guest.device, *messages.interrupts, messages.storms, 100};
    messages.guest.device.message_count = 100;
    guard.look(5s);
    CHECK(messages.triggers() == kThrough);
    messages.guest.device.message_count = 101;
    guard.look(5100ms);
    CHECK(messages.triggers() == kHeld);
    guard.look(5900ms);
    CHECK(messages.guest.router.inner.sent.empty());
    CHECK(messages.storms.total() == 1);
    guard.look(6s);
    CHECK(messages.triggers() == kThrough);
    CHECK(messages.guest.router.inner.sent.size() == 2);
    CHECK(messages.storms.total() == 1);
}

TEST_CASE("a guest that enables its messages anew while they are held gets them with the next second") {
    Messages messages;
    messages.interrupts->hold(true);
    messages.enable(0);
    CHECK(messages.triggers().empty());
    messages.enable(0x11);
    CHECK(messages.triggers() == kHeld);
    messages.interrupts->hold(false);
    CHECK(messages.triggers() == kThrough);
}

TEST_CASE("a guest without messages is held for nothing") {
    Messages messages;
    messages.enable(0);
    const std::size_t calls = messages.guest.device.calls.size();
    messages.interrupts->hold(true);
    messages.interrupts->hold(false);
    CHECK(messages.guest.device.calls.size() == calls);
    CHECK(messages.guest.router.inner.sent.empty());
}

TEST_CASE("messages are placed on the CPUs of the vCPUs once the host has vectors for them") {
    PassedGuest guest;
    guest.device.add_capability(0x05, kMsi);
    guest.device.set<std::uint16_t>(kMsi + 2, 0x80);
    guest.device.add_interrupts(VfioDevice::kMsi, 1);
    guest.message_cpus = {.of_vcpus = {{2}, {3}}};
    guest.start();
    guest.driver().set_config(kMsi + 2, 0x01, 2);
    CHECK(guest.device.wait_placed(0, {2, 3}));
}
