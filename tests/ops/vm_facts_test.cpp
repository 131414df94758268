// SPDX-License-Identifier: Apache-2.0
#include "ops/vm_facts.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "config/json_check.hpp"
#include "support/temp_dir.hpp"

using namespace qvm;
using namespace std::chrono_literals;

TEST_CASE("times are RFC 3339 in UTC") {
    CHECK(utc_text(0ns) == "1970-01-01T00:00:00.000Z");
    CHECK(utc_text(951'782'399s + 999'999'999ns) == "2000-02-28T23:59:59.999Z");
    CHECK(utc_text(951'782'400s) == "2000-02-29T00:00:00.000Z");
    CHECK(utc_text(4'102'444'800s) == "2100-01-01T00:00:00.000Z");
}

TEST_CASE("CPUs are written as ranges") {
    CHECK(cpu_list({}).empty());
    CHECK(cpu_list({3}) == "3");
    CHECK(cpu_list({0, 1}) == "0-1");
    CHECK(cpu_list({0, 2, 3, 4, 7, 9, 10}) == "0,2-4,7,9-10");
}

TEST_CASE("the threads are those of the kernel, with names and places") {
    std::promise<pid_t> started;
    std::promise<void> stop;
    std::thread thread{[&] {
        ::pthread_setname_np(::pthread_self(), "vcpu/77");
        started.set_value(::gettid());
        stop.get_future().wait();
    }};
    const pid_t tid = started.get_future().get();
    const auto threads = threads_of_this_process();
    stop.set_value();
    thread.join();
    const auto found = std::find_if(threads.begin(), threads.end(), [&](const auto& one) { return one.tid == tid; });
    REQUIRE(found != threads.end());
    CHECK(found->name == "vcpu/77");
    CHECK(found->policy == "other");
    CHECK(found->priority == 0);
    CHECK_FALSE(found->cpus.empty());
    CHECK(threads.front().tid == ::getpid());
}

TEST_CASE("the environment is JSON") {
    EnvFacts facts{.system = "demo", .version = "1", .start = 1s, .map = "{\"memory\":[]}"};
    facts.threads = {{"io/\"main\"", 12, "fifo", 50, "0-1"}};
    facts.pseudo_terminals = {{"ser8250", "/dev/pts/3"}};
    const std::string text = env_to_json(facts);
    CAPTURE(text);
    CHECK(test::is_json(text));
    CHECK(text.find(R"("system":"demo","pid":)") != std::string::npos);
    CHECK(text.find(R"("threads":[{"name":"io/\"main\"","tid":12,"policy":"fifo","priority":50,"cpus":"0-1"}])") !=
          std::string::npos);
    CHECK(text.find(R"("plan":null,"map":{"memory":[]},"pseudo_terminals":[{"vdev":"ser8250","path":"/dev/pts/3"}])") !=
          std::string::npos);
}

TEST_CASE("the manual has every cause of an end with its exit code, and every phase") {
    const std::string manual = test::read_file(QVM_SOURCE_DIR "/docs/supervision.md");
    for (int i = 0; i <= static_cast<int>(EndCause::HostError); ++i) {
        const EndFacts& facts = facts_of(static_cast<EndCause>(i));
        const std::string row = "| `" + std::string{facts.name} + "` | " + std::to_string(facts.exit_code) + " |";
        CAPTURE(row);
        CHECK(manual.find(row) != std::string::npos);
    }
    for (const Phase phase : {Phase::Building, Phase::Running, Phase::Suspended, Phase::Stopping, Phase::Ended})
        CHECK(manual.find("| `" + std::string{phase_name(phase)} + "` |") != std::string::npos);
}

TEST_CASE("the status is JSON and names the cause of the end once there is one") {
    const std::string running = status_to_json({.system = {}, .phase = Phase::Running});
    CHECK(test::is_json(running));
    CHECK(running.find(R"("phase":"running","since":"1970-01-01T00:00:00.000Z","exit_cause":null,"exit_code":null)") !=
          std::string::npos);
    CHECK(running.find(R"("system":null)") != std::string::npos);
    const std::string ended = status_to_json({.system = "x", .phase = Phase::Ended, .cause = EndCause::Watchdog});
    CHECK(test::is_json(ended));
    CHECK(ended.find(R"("phase":"ended")") != std::string::npos);
    CHECK(ended.find(R"("exit_cause":"watchdog","exit_code":4})") != std::string::npos);
}
