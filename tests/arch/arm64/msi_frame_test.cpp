// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/msi_frame.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "support/fake_context.hpp"

using namespace qvm;
using namespace qvm::arm64;

namespace {

/// Counts what each line is raised.
class Gic final : public InterruptController {
public:
    [[nodiscard]] unsigned lines() const noexcept override { return 992; }
    [[nodiscard]] IrqLine& line(unsigned number) override {
        last_ = number;
        return wire_;
    }
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override { return number; }
    void end_of_interrupt(std::uint8_t) noexcept override {}
    std::map<unsigned, int> edges{};

private:
    struct Wire final : IrqLine {
        explicit Wire(Gic& g) : gic{g} {}
        void set(bool high) noexcept override {
            if (high) ++gic.edges[gic.last_];
        }
        Gic& gic;
    } wire_{*this};
    unsigned last_ = 0;
};

struct World {
    Log log{"test", qvm::test::silence()};
    Gic gic;
    MsiFrame frame{{Range::make(0x3000'0000, 0x1000).value(), 0x50, 0x100}, gic, log};

    std::uint32_t read(std::uint64_t offset) {
        std::uint32_t value = 0xffff'ffff;
        frame.read(offset, std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
    void write(std::uint64_t offset, std::uint32_t value) { frame.write(offset, std::as_bytes(std::span{&value, 1})); }
};

}  // namespace

TEST_CASE("the frame says which interrupts it has, and nothing else") {
    World world;
    CHECK(world.read(0x008) == 0x0050'0100);
    for (const unsigned offset : {0x000U, 0x004U, 0x00cU, 0x040U, 0xfccU, 0xffcU}) CHECK(world.read(offset) == 0);
    std::array<std::byte, 8> wide{};
    world.frame.read(0x008, wide);
    CHECK(wide[1] == std::byte{0x01});
    CHECK(wide[4] == std::byte{0});
    std::array<std::byte, 1> narrow{std::byte{9}};
    world.frame.read(0x008, narrow);
    CHECK(narrow[0] == std::byte{0});
}

TEST_CASE("a number that is written is an edge of that interrupt") {
    World world;
    world.write(0x40, 0x50);
    world.write(0x40, 0x14f);
    world.write(0x40, 0x14f);
    CHECK(world.gic.edges == std::map<unsigned, int>{{0x50, 1}, {0x14f, 2}});
}

TEST_CASE("numbers of others, and writes that are no messages, raise nothing") {
    World world;
    for (const std::uint32_t number : {0U, 37U, 0x4fU, 0x150U, 0x3ffU, 0xffff'ffffU}) world.write(0x40, number);
    for (const unsigned offset : {0x000U, 0x008U, 0x044U, 0x050U, 0xfccU}) world.write(offset, 0x50);
    const std::array<std::byte, 8> wide{std::byte{0x50}};
    for (const std::size_t size : {1U, 2U, 8U}) world.frame.write(0x40, std::span{wide}.first(size));
    CHECK(world.gic.edges.empty());
}

TEST_CASE("messages to the frame's doorbell are the inputs behind its interrupts; version 3 translates") {
    GicPlan plan{.version = 2};
    CHECK(pins_of(plan).count == 960);
    CHECK_FALSE(pins_of(plan).doorbell);
    CHECK_FALSE(pins_of(plan).device_ids);
    plan.frame = GicMsiFrame{Range::make(0x3000'0000, 0x1000).value(), 0x50, 0x100};
    const auto doorbell = pins_of(plan).doorbell;
    REQUIRE(doorbell);
    CHECK(doorbell->address == 0x3000'0040);
    CHECK(doorbell->first == 0x50);
    CHECK(doorbell->count == 0x100);
    CHECK(doorbell->pin == 0x30);
    CHECK(pins_of({.version = 3}).device_ids);
}
