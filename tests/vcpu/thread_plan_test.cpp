// SPDX-License-Identifier: Apache-2.0
// Which place every thread gets, and which plans are refused.
#include "vcpu/thread_plan.hpp"

#include <sched.h>

#include <catch2/catch.hpp>

#include "config/reader.hpp"
#include "devices/catalog.hpp"

using namespace qvm;

namespace {

struct Planned {
    explicit Planned(const std::string& text, HostThreads on = four_cpus()) {
        static const Catalog catalog{{}, {}};
        ConfigReader reader{sources, diagnostics};
        reader.add_text("t", "ram 1M\n" + text);
        const auto config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        plan = make_thread_plan(*config, on, diagnostics);
    }
    static HostThreads four_cpus() { return {{{0, 1, 2, 3}, {0, 1, 2}}, {0, 1}, {}}; }
    static HostThreads one_cpu() { return {{{0}, {0}}, {0}, {}}; }

    [[nodiscard]] bool good() const { return !diagnostics.has_errors(); }
    [[nodiscard]] std::string text() const { return diagnostics.render(sources); }
    [[nodiscard]] bool says(const std::string& part) const { return text().find(part) != std::string::npos; }
    [[nodiscard]] const PlannedThread& named(std::string_view name) const {
        for (const PlannedThread& each : plan.threads)
            if (each.name == name) return each;
        throw std::runtime_error{"no such thread"};
    }
    [[nodiscard]] LinuxSchedule schedule(std::string_view name) const { return named(name).schedule; }

    Sources sources;
    Diagnostics diagnostics;
    ThreadPlan plan;
};

constexpr LinuxSchedule kNormal{};

}  // namespace

TEST_CASE("without a word about places all threads stay as they are") {
    const Planned p{"cpu cpu\n"};
    CHECK(p.diagnostics.all().empty());
    REQUIRE(p.plan.threads.size() == 5);
    CHECK(p.plan.main == ThreadPlace{});
    CHECK(p.plan.io == ThreadPlace{});
    for (const PlannedThread& each : p.plan.threads) {
        CHECK(each.cpus == CpuList{0, 1});
        CHECK(each.schedule == kNormal);
    }
}

TEST_CASE("main and io threads are one above the highest vCPU, wherever it runs") {
    const Planned p{"cpu sched 20f cpu sched 50 cpu\n"};
    CHECK(p.good());
    for (const char* name : {"main", "io/main", "log"}) CHECK(p.schedule(name) == LinuxSchedule{SCHED_FIFO, 51});
    CHECK(p.schedule("vcpu/0") == LinuxSchedule{SCHED_FIFO, 20});
    CHECK(p.schedule("vcpu/1") == LinuxSchedule{SCHED_RR, 50});
    CHECK(p.schedule("vcpu/2") == kNormal);
    CHECK(p.plan.main.above_vcpus);
}

TEST_CASE("a host with one CPU runs a guest in real time") {
    const Planned p{"cpu sched 50f\n", Planned::one_cpu()};
    CHECK(p.good());
    CHECK(p.schedule("main") == LinuxSchedule{SCHED_FIFO, 51});
}

TEST_CASE("what was asked for of main and of io threads is what they get") {
    const Planned p{
        "cpu sched 50f runmask 0\nset host-main-runmask 1 set host-main-sched 10\nset host-io-runmask 1,2 set "
        "host-io-sched 60f\n"};
    INFO(p.text());
    CHECK(p.good());
    CHECK(p.named("main").cpus == CpuList{1});
    CHECK(p.schedule("main") == LinuxSchedule{SCHED_RR, 10});
    CHECK(p.named("io/main").cpus == CpuList{1, 2});
    CHECK(p.schedule("log") == LinuxSchedule{SCHED_FIFO, 60});
}

TEST_CASE("a vCPU at the highest priority on all of main's CPUs is refused at its word, with the ways out") {
    const Planned p{"cpu sched 99f\n", Planned::one_cpu()};
    CHECK(p.says("t:2:11: error: vcpu/0 at SCHED_FIFO 99 would starve the main thread, SCHED_FIFO 99 on CPU 0"));
    CHECK(p.says("lower the priority below 99"));
    CHECK(p.says("set host-main-runmask"));
    CHECK_FALSE(p.says("raise"));
    CHECK(p.diagnostics.errors() == 1);  // the io threads are in the same place: said once
}

TEST_CASE("a vCPU at the highest priority is fine where main has another CPU") {
    CHECK(Planned{"cpu sched 99f\n"}.good());
    CHECK(Planned{"cpu sched 99f runmask 0\n"}.good());
    CHECK(Planned{"cpu sched 99f runmask 0 set host-main-runmask 1 set host-io-runmask 1\n"}.good());
}

TEST_CASE("vCPUs starve a thread together when each has one of its CPUs") {
    CHECK_FALSE(Planned{"cpu sched 99f runmask 0 cpu sched 99f runmask 1\n"}.good());
    CHECK_FALSE(Planned{"cpu sched 99f runmask 0,1 cpu sched 99f runmask 0\n"}.good());
    CHECK(Planned{"cpu sched 99f runmask 0 cpu sched 99f runmask 0\n"}.good());
    CHECK(Planned{"cpu sched 99f runmask 0 cpu sched 98f runmask 1\n"}.good());
    const Planned p{"cpu sched 99f cpu sched 99f\n"};
    CHECK(p.says("vcpu/0 at SCHED_FIFO 99, vcpu/1 at SCHED_FIFO 99 would starve"));
}

TEST_CASE("a priority of main's own that is too low is refused, with its place") {
    const Planned p{"cpu sched 50f runmask 0\nset host-main-runmask 0 set host-main-sched 50\n"};
    CHECK(p.says("t:2:11: error: vcpu/0 at SCHED_FIFO 50 would starve the main thread, SCHED_RR 50 on CPU 0"));
    CHECK(p.says("raise 'set host-main-sched'"));
    CHECK(p.says("t:3:45: note: the main thread has its schedule here"));
    CHECK(p.diagnostics.errors() == 1);
}

TEST_CASE("io threads are judged for themselves") {
    const Planned p{"cpu sched 50f runmask 0\nset host-io-runmask 0 set host-io-sched 5\n"};
    CHECK(p.says("would starve the io threads, SCHED_RR 5 on CPU 0"));
    CHECK(p.says("set host-io-runmask"));
    CHECK(p.diagnostics.errors() == 1);
}

TEST_CASE("SCHED_DEADLINE starves nobody, and nobody is raised for it") {
    const Planned p{"cpu sched 20,10,5,100,90s\n", Planned::one_cpu()};
    CHECK(p.good());
    CHECK(p.schedule("main") == kNormal);
    CHECK(Planned{"cpu sched 99f set host-main-sched 20,10,5,100,10 set host-io-sched 20,10,5,100,10\n",
                  Planned::one_cpu()}
              .good());
}

TEST_CASE("a process that was started in real time counts as that") {
    HostThreads host = Planned::one_cpu();
    host.schedule = {SCHED_FIFO, 40};
    const Planned equal{"cpu\n", host};
    CHECK(equal.good());
    CHECK(equal.schedule("vcpu/0") == LinuxSchedule{SCHED_FIFO, 40});
    CHECK(equal.schedule("main") == LinuxSchedule{SCHED_FIFO, 41});
    const Planned higher{"cpu sched 10\n", host};
    CHECK(higher.schedule("main") == LinuxSchedule{SCHED_FIFO, 40});
    host.schedule.priority = 99;
    const Planned refused{"cpu\n", host};
    CHECK(refused.says("t:2:1: error: vcpu/0 at SCHED_FIFO 99 would starve"));
}

TEST_CASE("CPUs that are not there, or not for this process, are errors at their words") {
    const Planned p{"cpu runmask 0,3\nset host-main-runmask 9\nset host-io-runmask 0,8,9\n"};
    CHECK(p.says("t:2:13: error: host CPU 3 is not among those that qvm may use"));
    CHECK(p.says("t:3:23: error: host CPU 9 is not online"));
    CHECK(p.says("t:4:21: error: host CPUs 8-9 are not online"));
    CHECK(p.diagnostics.errors() == 3);
}

TEST_CASE("with best effort such CPUs are warnings, and the thread stays where it is") {
    const Planned p{"cpu runmask 9\nset host-sched best-effort\n"};
    CHECK(p.good());
    CHECK(p.says("t:2:13: warning: host CPU 9 is not online: the list has no effect"));
    CHECK(p.named("vcpu/0").cpus == CpuList{0, 1});
}

TEST_CASE("the plan as a table and as JSON") {
    const Planned p{"cpu sched 20f runmask 1\ncpu sched 9,9,1,10,2\nset host-main-runmask 0\n"};
    CHECK(format_thread_plan(p.plan) ==
          "threads\n"
          "  main     CPU 0     SCHED_FIFO 21\n"
          "  io/main  CPUs 0-1  SCHED_FIFO 21\n"
          "  log      CPUs 0-1  SCHED_FIFO 21\n"
          "  vcpu/0   CPU 1     SCHED_FIFO 20\n"
          "  vcpu/1   CPUs 0-1  SCHED_DEADLINE 2 ms of 10 ms\n");
    const std::string json = thread_plan_to_json(p.plan);
    CHECK(json.starts_with(R"([{"name":"main","cpus":[0],"policy":"SCHED_FIFO","priority":21},)"));
    CHECK(json.ends_with(R"("cpus":[0,1],"policy":"SCHED_DEADLINE","priority":0,"runtime_ns":2000000,)"
                         R"("deadline_ns":10000000}])"));
}

TEST_CASE("io threads look for work by themselves unless they are in real time or have one CPU") {
    using std::chrono::microseconds;
    CHECK(default_io_poll(Planned{"cpu\n"}.plan) == microseconds{32});
    CHECK(default_io_poll(Planned{"cpu\n", Planned::one_cpu()}.plan) == microseconds{0});
    CHECK(default_io_poll(Planned{"cpu\nset host-io-runmask 1\n"}.plan) == microseconds{0});
    CHECK(default_io_poll(Planned{"cpu sched 20f\n"}.plan) == microseconds{0});  // and so are they
    CHECK(default_io_poll(Planned{"cpu\nset host-io-sched 20r\n"}.plan) == microseconds{0});
}
