// SPDX-License-Identifier: Apache-2.0
#include "vmm/bus.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace qvm;

namespace {

/// Remembers what it was asked; reads give its tag.
struct Recorder final : IoDevice {
    explicit Recorder(int tag) : tag_{static_cast<std::byte>(tag)} {}
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        last = offset;
        for (auto& byte : data) byte = tag_;
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        last = offset;
        written = data.size();
    }
    std::byte tag_;
    std::uint64_t last = 0;
    std::size_t written = 0;
};

Range range(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

}  // namespace

TEST_CASE("the bus hands an access to the device that claims it, as an offset") {
    Bus bus;
    Recorder low{1};
    Recorder high{2};
    REQUIRE_FALSE(bus.attach(range(0x2000, 0x100), high, "high"));
    REQUIRE_FALSE(bus.attach(range(0x1000, 0x100), low, "low"));
    std::array<std::byte, 4> data{};
    CHECK(bus.read(0x20fc, data));
    CHECK(high.last == 0xfc);
    CHECK(data[3] == std::byte{2});
    CHECK(bus.write(0x1004, std::span{data}.first(2)));
    CHECK(low.last == 4);
    CHECK(low.written == 2);
    CHECK(bus.unclaimed() == 0);
}

TEST_CASE("an access that nobody claims reads all ones and is counted") {
    Bus bus;
    Recorder device{1};
    REQUIRE_FALSE(bus.attach(range(0x10, 8), device, "device"));
    std::array<std::byte, 8> data{};
    for (const std::uint64_t at : {0ULL, 0xfULL, 0x18ULL, ~0ULL}) {
        data.fill(std::byte{0});
        CHECK_FALSE(bus.read(at, data));
        CHECK(data[7] == std::byte{0xff});
        CHECK_FALSE(bus.write(at, data));
    }
    CHECK(bus.unclaimed() == 8);
}

TEST_CASE("an access that runs over the end of a device is nobody's") {
    Bus bus;
    Recorder first{1};
    Recorder second{2};
    REQUIRE_FALSE(bus.attach(range(0x10, 8), first, "first"));
    REQUIRE_FALSE(bus.attach(range(0x18, 8), second, "second"));
    std::array<std::byte, 4> data{};
    CHECK_FALSE(bus.read(0x16, data));
    CHECK(data[0] == std::byte{0xff});
    CHECK(bus.read(0x14, data));
}

TEST_CASE("two devices on one address are refused, and the owner is named") {
    Bus bus;
    Recorder device{1};
    REQUIRE_FALSE(bus.attach(range(0x3f8, 8), device, "vdev ser8250"));
    const auto conflict = bus.attach(range(0x3f0, 9), device, "another");
    REQUIRE(conflict);
    CHECK(conflict->owner == "vdev ser8250");
    CHECK(conflict->present == range(0x3f8, 8));
    CHECK(bus.entries().size() == 1);
}
