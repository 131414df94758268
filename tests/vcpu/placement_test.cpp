// SPDX-License-Identifier: Apache-2.0
#include "vcpu/placement.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>

#include "vcpu/host_threads.hpp"
#include "vcpu/sched_calls.hpp"

using namespace qvm;

namespace {

struct Outcome {
    std::string refusal{};
    std::optional<LinuxSchedule> schedule{};
    CpuList cpus{};
};

/// A thread that is placed, and what it then has.
Outcome placed(const ThreadPlace& wanted, Log* best_effort = nullptr) {
    Outcome out;
    std::thread{[&] {
        try {
            place_thread(0, "test", wanted, best_effort);
        } catch (const ConfigError& error) {
            out.refusal = error.what();
        }
        out.schedule = get_schedule(0);
        out.cpus = get_cpus(0);
    }}.join();
    return out;
}

/// In a child, because it gives up its rights for good. Returns its exit code.
template <typename Body>
int without_rights(Body body) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_RTPRIO, &none) != 0) ::_exit(2);
        if (::geteuid() == 0 && ::syscall(SYS_setresuid, 65534, 65534, 65534) != 0) ::_exit(3);
        ::_exit(body());
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

ThreadPlace scheduled(LinuxSchedule schedule) { return {.schedule = schedule, .sched_where = Location{0, 5, 3, 2}}; }

}  // namespace

TEST_CASE("a cpu line asks for CPUs and a schedule, or for neither") {
    CpuSpec cpu;
    CHECK(place_of(cpu) == ThreadPlace{});
    cpu.runmask = {1, 0};
    cpu.sched = SchedSpec{7, SchedSpec::Policy::Fifo};
    const auto place = place_of(cpu);
    CHECK(place.cpus == CpuList{1, 0});
    CHECK(place.schedule == LinuxSchedule{SCHED_FIFO, 7});
}

TEST_CASE("a thread has the schedule that was asked for") {
    const LinuxSchedule wanted = GENERATE(LinuxSchedule{SCHED_FIFO, 7}, LinuxSchedule{SCHED_RR, 3},
                                          LinuxSchedule{SCHED_DEADLINE, 0, 1'000'000, 100'000'000});
    const auto got = placed(scheduled(wanted));
    if (!got.refusal.empty()) {
        WARN("not proven: " << got.refusal);
        return;
    }
    CHECK(got.schedule == wanted);
}

TEST_CASE("what a thread in real time forks is not in real time") {
    std::optional<LinuxSchedule> child;
    std::thread{[&] {
        if (set_schedule(0, {SCHED_FIFO, 2}) != 0) return;
        std::thread{[&] { child = get_schedule(0); }}.join();
    }}.join();
    if (!child) {
        WARN("not proven: this process may not use SCHED_FIFO");
        return;
    }
    CHECK(child == LinuxSchedule{SCHED_OTHER});
}

TEST_CASE("a thread runs on the CPUs that were asked for, in any order") {
    const CpuList mine = get_cpus(0);
    REQUIRE_FALSE(mine.empty());
    CHECK(placed({.cpus = {mine.back()}}).cpus == CpuList{mine.back()});
    CHECK(placed({.cpus = {mine.rbegin(), mine.rend()}}).cpus == mine);
}

TEST_CASE("a part of the CPUs is not enough; with best effort the thread then stays where it was") {
    const CpuList mine = get_cpus(0);
    const ThreadPlace wanted{.cpus = {mine.front(), 1000}};
    CHECK(placed(wanted).refusal.find("host CPU 1000 is not online") != std::string::npos);
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    const auto kept = placed(wanted, &log);
    CHECK(kept.refusal.empty());
    CHECK(kept.cpus == mine);
}

TEST_CASE("a thread that has ended is no error", "[kernel]") {
    std::atomic<pid_t> tid{0};
    std::thread{[&] { tid = ::gettid(); }}.join();
    CHECK_NOTHROW(place_thread(tid, "gone", {.cpus = {0}, .schedule = LinuxSchedule{SCHED_FIFO, 1}}));
}

TEST_CASE("a refused priority is an error at its word that names the limit") {
    CHECK(without_rights([] {
              try {
                  place_thread(0, "test", scheduled({SCHED_FIFO, 7}));
              } catch (const ConfigError& error) {
                  const bool told = error.where().line == 5 &&
                                    std::string{error.what()}.find("RLIMIT_RTPRIO is 0") != std::string::npos &&
                                    error.hint().find("best-effort") != std::string::npos;
                  return told ? 0 : 4;
              }
              return 5;
          }) == 0);
}

TEST_CASE("with best effort a refused priority ends nothing") {
    CHECK(without_rights([] {
              Log log{"", {{{Severity::Error}, LogDestination::None}}};
              place_thread(0, "test", scheduled({SCHED_FIFO, 7}), &log);
              return get_schedule(0) == LinuxSchedule{SCHED_OTHER} ? 0 : 4;
          }) == 0);
}

TEST_CASE("what the host has holds what this thread has") {
    const HostThreads host = this_host_threads();
    CHECK(host.inherited == get_cpus(0));
    CHECK(without_cpus(host.inherited, host.cpus.permitted).empty());
    CHECK(without_cpus(host.cpus.permitted, host.cpus.online).empty());
}
