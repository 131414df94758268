// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_thread.hpp"

#include <sched.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "support/scripted_vcpu.hpp"
#include "vmm/error.hpp"

using namespace qvm;

namespace {

struct Control final : VmControl {
    void end(EndCause cause) noexcept override {
        ended_ = true;
        if (!told.exchange(true)) first.set_value(cause);
    }
    std::atomic<bool> told{false};
    std::promise<EndCause> first;
};

struct Board final : ArchExits {
    void end_of_interrupt(std::uint8_t) noexcept override {
        if (++count == 1) name.set_value(current_name());
    }
    static std::string current_name() {
        char text[16]{};
        ::pthread_getname_np(::pthread_self(), text, sizeof text);
        return text;
    }
    std::atomic<int> count{0};
    std::promise<std::string> name;
};

struct Fixture {
    Buses buses;
    Board board;
    Control control;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    CpuSpec cpu;
    Fixture() { install_kick_handler(); }
    std::unique_ptr<VcpuThread> make(std::deque<Exit> script) {
        return std::make_unique<VcpuThread>(3, std::make_unique<ScriptedVcpu>(std::move(script)), cpu,
                                            VcpuWorld{buses, board, control, log});
    }
};

}  // namespace

TEST_CASE("a vCPU thread has its number as its name and runs no guest code before its release") {
    Fixture f;
    const auto thread = f.make({EndOfInterrupt{1}});
    CHECK(f.board.count == 0);
    thread->release();
    CHECK(f.board.name.get_future().get() == "vcpu/3");
}

TEST_CASE("a vCPU thread stops from every state") {
    Fixture f;
    SECTION("before its release") { f.make({}); }
    SECTION("while the guest waits") { f.make({})->release(); }
    SECTION("after it told of the guest's end") {
        const auto thread = f.make({SystemPowerOff{}});
        thread->release();
        CHECK(f.control.first.get_future().get() == EndCause::PowerOff);
    }
}

TEST_CASE("the exits that end a VM reach its control with their cause") {
    Fixture f;
    const auto [exit, cause] = GENERATE(table<Exit, EndCause>({{SystemPowerOff{}, EndCause::PowerOff},
                                                               {SystemReset{}, EndCause::Reset},
                                                               {TripleFault{}, EndCause::TripleFault},
                                                               {RunFailed{14}, EndCause::HostError},
                                                               {Stuck{"test", 1}, EndCause::Unexpected}}));
    const auto thread = f.make({Resume{}, exit});
    thread->release();
    CHECK(f.control.first.get_future().get() == cause);
}

TEST_CASE("nothing runs behind the exit that ended the VM") {
    struct PowerSwitch final : IoDevice {
        explicit PowerSwitch(VmControl& c) : control{c} {}
        void read(std::uint64_t, std::span<std::byte>) noexcept override {}
        void write(std::uint64_t, std::span<const std::byte>) noexcept override { control.end(EndCause::PowerOff); }
        VmControl& control;
    };
    Fixture f;
    PowerSwitch power{f.control};
    REQUIRE_FALSE(f.buses.pio.attach(Range::make(0x604, 2).value(), power, "power"));
    const std::array<std::byte, 2> data{};
    const auto thread = f.make({PortOut{Port{0x604}, 2, data}, EndOfInterrupt{1}});
    thread->release();
    CHECK(f.control.first.get_future().get() == EndCause::PowerOff);
    CHECK(f.board.count == 0);
}

TEST_CASE("a host CPU that does not exist is refused at its place, and nothing runs") {
    Fixture f;
    f.cpu.runmask = {1000};
    f.cpu.runmask_where = Location{0, 7, 9, 4};
    try {
        f.make({});
        FAIL("accepted");
    } catch (const ConfigError& error) {
        CHECK(error.where().line == 7);
        CHECK(std::string{error.what()}.find("1000") != std::string::npos);
    }
}

TEST_CASE("a vCPU runs on the host CPU that its runmask names") {
    Fixture f;
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    std::uint32_t last = 0;
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) last = cpu;
    f.cpu.runmask = {last};
    CHECK_NOTHROW(f.make({})->release());
}
