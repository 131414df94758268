// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_thread.hpp"

#include <sched.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "support/scripted_vcpu.hpp"
#include "vcpu/vcpu_group.hpp"
#include "vmm/error.hpp"

using namespace qvm;

namespace {

struct Control final : VmControl {
    void end(EndCause cause) noexcept override {
        ended_ = true;
        if (!told.exchange(true)) first.set_value(cause);
    }
    void dump(std::optional<EndCause> /*then*/) noexcept override {}
    std::atomic<bool> told{false};
    std::promise<EndCause> first;
};

struct Board final : ArchExits {
    void end_of_interrupt(std::uint8_t) noexcept override {
        if (++count == 1) name.set_value(current_name());
    }
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return clock++; }
    mutable std::atomic<std::uint64_t> clock{0};
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
    UnsupportedActions unsupported;
    [[nodiscard]] VcpuWorld world() { return {buses, board, control, log, unsupported}; }
    std::unique_ptr<VcpuThread> make(std::deque<Exit> script) {
        return std::make_unique<VcpuThread>(3, std::make_unique<ScriptedVcpu>(std::move(script)), cpu, world());
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

namespace {

/// Waits until a thread has judged what was played to it: it ends the VM.
EndCause cause_of(Fixture& f, std::deque<Exit> script, std::vector<Fault>* raised = nullptr, bool takes_faults = true) {
    auto vcpu = std::make_unique<ScriptedVcpu>(std::move(script));
    vcpu->takes_faults = takes_faults;
    ScriptedVcpu& played = *vcpu;
    VcpuThread thread{0, std::move(vcpu), f.cpu, f.world()};
    thread.release();
    const EndCause cause = f.control.first.get_future().get();
    if (raised != nullptr) *raised = played.raised;
    return cause;
}

}  // namespace

TEST_CASE("what is unsupported is ignored, answered by an exception, or the end, as configured") {
    using Action = UnsupportedSpec::Action;
    Fixture f;
    std::vector<Fault> raised;
    std::array<std::byte, 1> data{};
    const Exit reference = PortIn{Port{0x80}, 1, data};
    SECTION("by default a reference is ignored and an instruction fails") {
        CHECK(cause_of(f, {reference, UnknownInstruction{}, SystemPowerOff{}}, &raised) == EndCause::PowerOff);
        CHECK(raised == std::vector{Fault::Instruction});
    }
    SECTION("a reference can fail") {
        f.unsupported.reference = Action::Fail;
        CHECK(cause_of(f, {reference, SystemPowerOff{}}, &raised) == EndCause::PowerOff);
        CHECK(raised == std::vector{Fault::Reference});
    }
    SECTION("a reference can abort") {
        f.unsupported.reference = Action::Abort;
        CHECK(cause_of(f, {reference, SystemPowerOff{}}, &raised) == EndCause::UnsupportedAbort);
        CHECK(raised.empty());
    }
    SECTION("an instruction can abort, and cannot be skipped") {
        f.unsupported.instruction = GENERATE(Action::Abort, Action::Ignore);
        const bool aborts = f.unsupported.instruction == Action::Abort;
        CHECK(cause_of(f, {UnknownInstruction{}, SystemPowerOff{}}, &raised) ==
              (aborts ? EndCause::UnsupportedAbort : EndCause::PowerOff));
        CHECK(raised.size() == (aborts ? 0 : 1));
    }
    SECTION("a kernel that takes no exception ends the VM") {
        CHECK(cause_of(f, {UnknownInstruction{}, SystemPowerOff{}}, nullptr, false) == EndCause::Unexpected);
    }
}

TEST_CASE("a register that does not exist is answered as configured") {
    using Action = UnsupportedSpec::Action;
    Fixture f;
    f.unsupported.reg = GENERATE(Action::Abort, Action::Fail, Action::Ignore);
    const bool write = GENERATE(false, true);
    std::uint64_t value = 77;
    std::uint8_t failed = 9;
    const EndCause cause = cause_of(f, {UnknownRegister{0x123, write, &value, &failed}, SystemPowerOff{}});
    CHECK(cause == (f.unsupported.reg == Action::Abort ? EndCause::UnsupportedAbort : EndCause::PowerOff));
    CHECK(failed == (f.unsupported.reg == Action::Ignore ? 0 : 1));
    CHECK(value == (f.unsupported.reg == Action::Ignore && !write ? 0 : 77));
}

TEST_CASE("a pause finds no exit half done and loses none") {
    struct Counter final : IoDevice {
        void read(std::uint64_t, std::span<std::byte>) noexcept override {}
        void write(std::uint64_t, std::span<const std::byte>) noexcept override { ++writes; }
        std::atomic<unsigned> writes{0};
    };
    constexpr unsigned kWrites = 20'000;
    constexpr unsigned kPauses = 1'000;
    Fixture f;
    Counter counter;
    REQUIRE_FALSE(f.buses.pio.attach(Range::make(0x80, 1).value(), counter, "counter"));
    const std::array<std::byte, 1> data{};
    VcpuGroup group;
    for (unsigned number = 0; number < 2; ++number) {
        std::deque<Exit> script(kWrites, PortOut{Port{0x80}, 1, data});
        group.add(
            std::make_unique<VcpuThread>(number, std::make_unique<ScriptedVcpu>(std::move(script)), f.cpu, f.world()));
    }
    group.release();
    for (unsigned i = 0; i < kPauses; ++i) {
        const VcpuGroup::Pause pause = group.pause();
        const unsigned before = counter.writes;
        const VcpuGroup::Pause nested = group.pause();
        std::this_thread::yield();
        CHECK(counter.writes == before);
    }
    while (counter.writes != 2 * kWrites) std::this_thread::yield();
    group.stop();
    CHECK(counter.writes == 2 * kWrites);
}

TEST_CASE("a vCPU whose guest has ended counts as paused") {
    Fixture f;
    VcpuGroup group;
    group.add(f.make({SystemPowerOff{}}));
    group.add(f.make({}));
    group.release();
    CHECK(f.control.first.get_future().get() == EndCause::PowerOff);
    const VcpuGroup::Pause pause = group.pause();
}

TEST_CASE("a vCPU that hangs in a device is found, one in the guest is not") {
    struct Hanging final : IoDevice {
        void read(std::uint64_t, std::span<std::byte>) noexcept override {}
        void write(std::uint64_t, std::span<const std::byte>) noexcept override {
            entered.set_value();
            until.get_future().get();
        }
        std::promise<void> entered;
        std::promise<void> until;
    };
    Fixture f;
    f.board.clock = 1;
    Hanging device;
    REQUIRE_FALSE(f.buses.pio.attach(Range::make(0x80, 1).value(), device, "hanging"));
    const std::array<std::byte, 1> data{};
    VcpuGroup group;
    group.add(f.make({}));
    CHECK_FALSE(group.is_stuck());
    group.add(f.make({PortOut{Port{0x80}, 1, data}}));
    group.release();
    device.entered.get_future().get();
    CHECK_FALSE(group.is_stuck());
    CHECK(group.is_stuck());
    device.until.set_value();
    (void)group.pause();
    CHECK_FALSE(group.is_stuck());
}

TEST_CASE("every exit is counted for its reason and its device, and recorded") {
    Fixture f;
    ExitStats stats{anonymous_stats_file(), 4, {"first", "second"}, 1'000'000'000};
    std::array<std::byte, 1> data{};
    {
        VcpuThread thread{3,
                          std::make_unique<ScriptedVcpu>(std::deque<Exit>{
                              PortIn{Port{0x80}, 1, data}, PortIn{Port{0x81}, 1, data}, SystemPowerOff{}}),
                          f.cpu, f.world(), stats.vcpu(3)};
        thread.release();
        CHECK(f.control.first.get_future().get() == EndCause::PowerOff);
    }
    const std::string report = stats.report();
    CAPTURE(report);
    CHECK(report.find("vCPU 3: 3 exits\n    port in                             2  mean") != std::string::npos);
    CHECK(report.find("\n    power-off                           1  mean") != std::string::npos);
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
