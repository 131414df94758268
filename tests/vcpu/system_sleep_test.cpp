// SPDX-License-Identifier: Apache-2.0
#include "vcpu/system_sleep.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <future>

#include "support/scripted_vcpu.hpp"

using namespace qvm;

namespace {

using Change = SystemSleep::Change;

struct Control final : VmControl {
    void end(EndCause cause) noexcept override {
        if (!ended_.exchange(true)) first.set_value(cause);
    }
    void dump(std::optional<EndCause> /*then*/) noexcept override {}
    std::promise<EndCause> first;
};

struct Clock final : ArchExits {
    void end_of_interrupt(std::uint8_t) noexcept override {}
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return 1; }
};

struct World {
    World() { install_kick_handler(); }

    /// Not to be touched while it runs.
    ScriptedVcpu& add(std::deque<Exit> script) {
        auto vcpu = std::make_unique<ScriptedVcpu>(std::move(script));
        ScriptedVcpu& made = *vcpu;
        const VcpuWorld world{buses, clock, control, log, {}, false, &sleep.bell()};
        group.add(std::make_unique<VcpuThread>(static_cast<unsigned>(group.size()), std::move(vcpu), cpu, world));
        return made;
    }
    void await_bell() const {
        pollfd source{sleep.fd(), POLLIN, 0};
        REQUIRE(::poll(&source, 1, -1) == 1);
    }
    Change serve() {
        await_bell();
        return sleep.serve(group);
    }
    EndCause ending() { return control.first.get_future().get(); }

    Buses buses;
    Clock clock;
    Control control;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    CpuSpec cpu;
    SystemSleep sleep;
    VcpuGroup group;
};

}  // namespace

TEST_CASE("a guest sleeps when all its other vCPUs are off, and goes on when it is woken up") {
    World world;
    world.add({SystemSuspend{}, SystemWakeUp{}, SystemPowerOff{}});
    world.add({}).off = true;
    world.group.release();
    CHECK(world.serve() == Change::Asleep);
    CHECK(world.serve() == Change::Awake);
    CHECK(world.ending() == EndCause::PowerOff);
    world.group.stop();
}

TEST_CASE("the vCPU that asks is told whether it is alone") {
    World world;
    ScriptedVcpu& caller = world.add({SystemSuspend{}});
    ScriptedVcpu& other = world.add({});
    caller.sleeps = Sleep::Refused;
    other.off = GENERATE(false, true);
    world.group.release();
    CHECK(world.serve() == Change::None);
    const VcpuGroup::Pause pause = world.group.pause();
    CHECK(caller.was_alone == other.off);
}

TEST_CASE("a vCPU that asks executes nothing until it is answered, whatever happens meanwhile") {
    World world;
    world.add({SystemSuspend{}, SystemPowerOff{}}).sleeps = Sleep::Refused;
    world.group.release();
    world.await_bell();
    for (int i = 0; i < 100; ++i) (void)world.group.pause();
    CHECK_FALSE(world.control.ended());
    CHECK(world.serve() == Change::None);
    CHECK(world.ending() == EndCause::PowerOff);
}

TEST_CASE("each new sleep is told, also one that begins before the end of the last one is") {
    World world;
    world.add({SystemSuspend{}, SystemWakeUp{}, SystemSuspend{}});
    world.group.release();
    CHECK(world.serve() == Change::Asleep);
    world.await_bell();
    while (world.group.vcpus().front()->slumber() != VcpuThread::Slumber::Asks) std::this_thread::yield();
    CHECK(world.serve() == Change::Asleep);
    const VcpuGroup::Pause pause = world.group.pause();
    CHECK(world.group.vcpus().front()->slumber() == VcpuThread::Slumber::Sleeps);
}

TEST_CASE("vCPUs that ask at once are all answered") {
    using Slumber = VcpuThread::Slumber;
    World world;
    for (int i = 0; i < 2; ++i) world.add({SystemSuspend{}}).sleeps = Sleep::Refused;
    world.group.release();
    for (const auto& vcpu : world.group.vcpus())
        while (vcpu->slumber() != Slumber::Asks) std::this_thread::yield();
    CHECK(world.serve() == Change::None);
    for (const auto& vcpu : world.group.vcpus()) CHECK(vcpu->slumber() == Slumber::Awake);
}

TEST_CASE("a kernel that lets no vCPU sleep or wake up is told of") {
    World world;
    ScriptedVcpu& caller = world.add({SystemSuspend{}, SystemWakeUp{}});
    SECTION("sleep") {
        caller.sleeps = Sleep::Failed;
        world.group.release();
        CHECK(world.serve() == Change::Failed);
    }
    SECTION("wake up") {
        caller.wakes = false;
        world.group.release();
        CHECK(world.serve() == Change::Asleep);
        CHECK(world.ending() == EndCause::HostError);
    }
}

TEST_CASE("a guest that asks for sleep can be stopped") {
    World world;
    world.add({SystemSuspend{}});
    world.group.release();
    world.await_bell();
    world.group.stop();
    CHECK(world.sleep.serve(world.group) == Change::None);
}

TEST_CASE("a vCPU of a board without such sleep is not off and does not sleep") {
    struct Plain final : Vcpu {
        Exit run() noexcept override { return Resume{}; }
        void kick() noexcept override {}
        void unkick() noexcept override {}
        bool raise(Fault) noexcept override { return false; }
        std::vector<CoreNote> core_notes() override { return {}; }
        std::string state() override { return {}; }
    } plain;
    CHECK_FALSE(plain.is_off());
    CHECK(plain.sleep(true) == Sleep::Failed);
    CHECK_FALSE(plain.wake_up());
}
