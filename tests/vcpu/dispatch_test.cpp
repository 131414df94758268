// SPDX-License-Identifier: Apache-2.0
#include "vcpu/dispatch.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

using namespace qvm;

namespace {

struct Scribe final : IoDevice {
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        text += "r" + std::to_string(offset) + "/" + std::to_string(data.size()) + " ";
        for (auto& byte : data) byte = std::byte{0x5a};
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        text += "w" + std::to_string(offset) + "/" + std::to_string(data.size()) + " ";
    }
    std::string text;
};

struct Board final : ArchExits {
    void end_of_interrupt(std::uint8_t vector) noexcept override { ended = vector; }
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return 0; }
    int ended = -1;
};

struct World {
    Buses buses;
    Scribe port;
    Scribe memory;
    Board board;
    World() {
        REQUIRE_FALSE(buses.pio.attach(Range::make(0x3f8, 8).value(), port, "port"));
        REQUIRE_FALSE(buses.mmio.attach(Range::make(0x1000, 0x100).value(), memory, "memory"));
    }
    Judgement dispatched(const Exit& exit) { return dispatch(exit, buses, board); }
    Next judge(const Exit& exit) { return dispatched(exit).next; }
};

}  // namespace

TEST_CASE("port and memory exits reach the device on their own bus") {
    World world;
    std::array<std::byte, 4> data{};
    CHECK(world.judge(PortOut{Port{0x3f9}, 1, std::span{data}.first(1)}) == Next::Run);
    CHECK(world.judge(MmioRead{Gpa{0x1010}, data}) == Next::Run);
    CHECK(world.judge(MmioWrite{Gpa{0x1020}, data}) == Next::Run);
    CHECK(world.port.text == "w1/1 ");
    CHECK(world.memory.text == "r16/4 w32/4 ");
    CHECK(data[0] == std::byte{0x5a});
}

TEST_CASE("a string access goes to the device one element at a time") {
    World world;
    std::array<std::byte, 6> data{};
    CHECK(world.judge(PortOut{Port{0x3f8}, 2, data}) == Next::Run);
    CHECK(world.judge(PortIn{Port{0x3fa}, 2, std::span{data}.first(4)}) == Next::Run);
    CHECK(world.port.text == "w0/2 w0/2 w0/2 r2/2 r2/2 ");
}

TEST_CASE("the judgement names the device and the address") {
    World world;
    std::array<std::byte, 1> data{};
    const Judgement port = world.dispatched(PortOut{Port{0x3f9}, 1, data});
    CHECK(port.device == 1);
    CHECK(port.where == 0x3f9);
    const Judgement memory = world.dispatched(MmioWrite{Gpa{0x1010}, data});
    CHECK(memory.device == 2);
    CHECK(memory.where == 0x1010);
    CHECK(world.dispatched(PortIn{Port{0x80}, 1, data}).device == 0);
    CHECK(world.dispatched(EndOfInterrupt{0x42}).where == 0x42);
}

TEST_CASE("a hypercall that nobody knows is answered") {
    World world;
    std::uint64_t result = 0;
    CHECK(world.judge(Hypercall{7, &result}) == Next::Run);
    CHECK(static_cast<std::int64_t>(result) == -1000);
}

TEST_CASE("an unclaimed access reads all ones and is told") {
    World world;
    std::array<std::byte, 2> data{};
    CHECK(world.judge(PortIn{Port{0x80}, 2, data}) == Next::UnsupportedReference);
    CHECK(data[1] == std::byte{0xff});
    CHECK(world.judge(MmioWrite{Gpa{0xdead0000}, data}) == Next::UnsupportedReference);
    CHECK(world.buses.pio.unclaimed() == 1);
    CHECK(world.buses.mmio.unclaimed() == 1);
}

TEST_CASE("the end of an interrupt goes to the board") {
    World world;
    CHECK(world.judge(EndOfInterrupt{0x42}) == Next::Run);
    CHECK(world.board.ended == 0x42);
}

TEST_CASE("exits that end a VM say how") {
    World world;
    CHECK(world.judge(Resume{}) == Next::Run);
    CHECK(world.judge(TripleFault{}) == Next::TripleFault);
    CHECK(world.judge(SystemPowerOff{}) == Next::PowerOff);
    CHECK(world.judge(SystemReset{}) == Next::Reset);
    CHECK(world.judge(SystemSuspend{}) == Next::Suspend);
    CHECK(world.judge(SystemWakeUp{}) == Next::WakeUp);
    CHECK(world.judge(RunFailed{EFAULT}) == Next::HostError);
    CHECK(world.judge(Stuck{"why", 1}) == Next::Stuck);
}
