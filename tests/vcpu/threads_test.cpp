// SPDX-License-Identifier: Apache-2.0
// What is found in a /proc, mostly one of our own making.
#include "vcpu/threads.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/fake_root.hpp"
#include "vcpu/sched_calls.hpp"

using namespace qvm;

namespace {

struct FakeProc : test::FakeRoot {
    void thread(pid_t process, pid_t tid, const std::string& name) const {
        write(std::to_string(process) + "/task/" + std::to_string(tid) + "/comm", name + "\n");
    }
    void process(pid_t pid, const std::string& name, pid_t parent) const {
        const std::string number = std::to_string(pid);
        thread(pid, pid, name);
        write(number + "/comm", name + "\n");
        write(number + "/stat", number + " (" + name + ") S " + std::to_string(parent) + " 0 0 0 -1");
    }
};

}  // namespace

TEST_CASE("the threads of a process come in the order of their numbers") {
    const FakeProc proc;
    proc.process(50, "qvm", 1);
    proc.thread(50, 101, "vcpu/0");
    proc.thread(50, 99, "io/main");
    CHECK(threads_of(50, proc.path()) == std::vector<FoundThread>{{50, "qvm"}, {99, "io/main"}, {101, "vcpu/0"}});
    CHECK(threads_of(51, proc.path()).empty());
}

TEST_CASE("kernel workers are those in the process, and the kernel's own with a number of its threads") {
    const FakeProc proc;
    proc.process(50, "qvm", 1);
    proc.thread(50, 51, "vcpu/0");
    proc.thread(50, 52, "vhost-50");
    proc.thread(50, 53, "kvm-nx-lpage-re");
    proc.process(60, "kvm-nx-lpage-recovery-50", 2);
    proc.process(61, "vhost-51", 2);
    proc.process(62, "kvm-pit/50", 2);
    proc.process(70, "kvm-nx-lpage-recovery-49", 2);  // another VM's
    proc.process(71, "kvm-nx-lpage-re", 2);           // anybody's
    proc.process(72, "vhost-50", 1);                  // a program that calls itself so
    proc.process(73, "vhost-50x", 2);
    proc.process(74, "vhost-", 2);
    proc.write("uptime", "1 1");
    CHECK(kernel_workers(50, proc.path()) == std::vector<FoundThread>{{52, "vhost-50"},
                                                                      {53, "kvm-nx-lpage-re"},
                                                                      {60, "kvm-nx-lpage-recovery-50"},
                                                                      {61, "vhost-51"},
                                                                      {62, "kvm-pit/50"}});
}

TEST_CASE("a name with parentheses and blanks does not hide the parent") {
    const FakeProc proc;
    proc.process(50, "qvm", 1);
    proc.process(60, "vhost-50", 2);
    proc.write("60/stat", "60 (a) R 1 (b) c) S 2 0 0 0 -1");
    CHECK(kernel_workers(50, proc.path()).size() == 1);
    proc.write("60/stat", "broken");
    CHECK(kernel_workers(50, proc.path()).empty());
}

TEST_CASE("names of kernel workers") {
    CHECK(is_kernel_worker("vhost-12"));
    CHECK(is_kernel_worker("kvm-nx-lpage-re"));
    CHECK(is_kernel_worker("iou-wrk-12"));
    CHECK_FALSE(is_kernel_worker("vcpu/0"));
    CHECK_FALSE(is_kernel_worker("log"));
}

TEST_CASE("page faults are fields 10 and 12") {
    ThreadState state;
    read_faults("7 (a) b) S 1 7 7 0 -1 64 120 11 5 13 1 2", state);
    CHECK(state.minor_faults == 120);
    CHECK(state.major_faults == 5);
    read_faults("", state);
    CHECK(state.minor_faults == 0);
    CHECK(state.major_faults == 0);
}

TEST_CASE("this process's own threads are read back") {
    const auto states = read_threads();
    REQUIRE_FALSE(states.empty());
    const auto self = std::find_if(states.begin(), states.end(),
                                   [](const ThreadState& each) { return each.thread.tid == ::getpid(); });
    REQUIRE(self != states.end());
    CHECK(self->thread.name == "main");
    CHECK(self->cpus == get_cpus(0));
    CHECK(self->minor_faults > 0);
    CHECK(thread_text(*self).starts_with("main: tid " + std::to_string(::getpid()) + ", CPU"));
}
