// SPDX-License-Identifier: Apache-2.0
// Where the threads of a running VM are, read back from outside of the process. Real-time guests get one CPU and low
// priorities, so that a host with two CPUs stays usable whatever happens.
#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kForced{3};
constexpr Ending kConfigError{65};

std::vector<int> cpus_of(pid_t tid) {
    cpu_set_t set;
    CPU_ZERO(&set);
    REQUIRE(::sched_getaffinity(tid, sizeof set, &set) == 0);
    std::vector<int> out;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
    return out;
}

/// A thread as its line in /proc has it.
struct Seen {
    int priority = -1;  ///< field 40 of stat, rt_priority
    int policy = -1;    ///< field 41
    std::vector<int> cpus{};
    bool operator==(const Seen&) const = default;
};

Seen see(const std::filesystem::path& task) {
    const std::string stat = read_file(task.string() + "/stat");
    std::istringstream fields{stat.substr(stat.rfind(')') + 1)};
    Seen out;
    std::string skipped;
    for (int field = 3; field < 40; ++field) fields >> skipped;
    fields >> out.priority >> out.policy;
    out.cpus = cpus_of(std::stoi(task.filename().string()));
    return out;
}

/// By name; the first thread's is that of the program.
std::map<std::string, Seen> threads(pid_t process) {
    std::map<std::string, Seen> all;
    for (const auto& task : std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"}) {
        std::string name = read_file(task.path().string() + "/comm");
        name.pop_back();
        all[name] = see(task.path());
    }
    return all;
}

/// Why no thread of ours can be in real time; empty if one can. A thread that tries is gone afterwards.
std::string why_no_realtime() {
    int error = 0;
    std::thread{[&] {
        const sched_param low{1};
        if (::sched_setscheduler(0, SCHED_FIFO, &low) != 0) error = errno;
    }}.join();
    return error == 0 ? "" : std::strerror(error);
}

/// Says so and returns true if the case cannot be run here.
bool no_realtime() {
    const std::string why = why_no_realtime();
    if (!why.empty()) WARN("skipped: this process may not use SCHED_FIFO: " << why);
    return !why.empty();
}

int first_cpu() { return cpus_of(0).front(); }

/// A guest that spins, with this on its `cpu` line, and further lines.
std::string spinning(const std::string& cpu, const std::string& more = {}) {
    return "ram 64M\ncpu " + cpu + "\nload " + guest_file("spin.elf") + "\nvdev ser8250 hostdev -\n" + more;
}

/// Such a guest, once it runs.
struct Spinning {
    explicit Spinning(const std::string& cpu, const std::string& more = {})
        : qvm{qvm_command(dir, spinning(cpu, more))} {
        qvm.wait_for("spinning\n");
    }

    TempDir dir;
    Child qvm;
};

/// How long a process's main thread has waited for a CPU so far (Documentation/scheduler/sched-stats.rst).
std::chrono::nanoseconds wait_for_cpu(pid_t process) {
    std::istringstream fields{read_file("/proc/" + std::to_string(process) + "/schedstat")};
    std::int64_t ran = 0, waited = 0;
    REQUIRE(fields >> ran >> waited);
    return std::chrono::nanoseconds{waited};
}

}  // namespace

TEST_CASE("without a word about places the threads are as qvm was started") {
    const Spinning vm{""};
    const Seen plain{0, SCHED_OTHER, cpus_of(0)};
    for (const auto& [name, seen] : threads(vm.qvm.pid())) {
        CAPTURE(name);
        CHECK(seen == plain);
    }
}

TEST_CASE("a vCPU has its policy, priority and CPUs; main and io threads are one above it") {
    if (no_realtime()) return;
    const int cpu = first_cpu();
    const auto [letter, policy] =
        GENERATE(table<std::string, int>({{"f", SCHED_FIFO}, {"r", SCHED_RR}, {"o", SCHED_RR}}));
    const Spinning vm{"sched 2" + letter + " runmask " + std::to_string(cpu)};
    auto seen = threads(vm.qvm.pid());
    CHECK(seen["vcpu/0"] == Seen{2, policy, {cpu}});
    for (const char* name : {"qvm", "io/main", "log"}) {
        CAPTURE(name);
        CHECK(seen[name] == Seen{3, SCHED_FIFO, cpus_of(0)});
    }
}

TEST_CASE("main and io threads are where they were asked to be") {
    if (no_realtime()) return;
    const int main = cpus_of(0).back();
    const int io = first_cpu();
    std::ostringstream more;
    more << "set host-main-runmask " << main << " set host-main-sched 3\n"
         << "set host-io-runmask " << io << " set host-io-sched 4f\n";
    const Spinning vm{"sched 2", more.str()};
    auto seen = threads(vm.qvm.pid());
    CHECK(seen["qvm"] == Seen{3, SCHED_RR, {main}});
    CHECK(seen["io/main"] == Seen{4, SCHED_FIFO, {io}});
    CHECK(seen["log"] == Seen{4, SCHED_FIFO, {io}});
    CHECK(seen["vcpu/0"] == Seen{2, SCHED_RR, cpus_of(0)});
}

TEST_CASE("what a thread in real time starts is not in real time") {
    if (no_realtime()) return;
    const TempDir files;
    Spinning vm{"sched 2f", "dump \"|cat /proc/self/stat >" + files.path("stat") + "; cat >/dev/null\"\n"};
    REQUIRE(threads(vm.qvm.pid())["qvm"].policy == SCHED_FIFO);
    vm.qvm.signal(SIGUSR2);
    vm.qvm.wait_for_error("the guest's dump is in ");
    std::istringstream fields{read_file(files.path("stat"))};
    const std::vector<std::string> all{std::istream_iterator<std::string>{fields}, {}};
    REQUIRE(all.size() > 41);
    CHECK(all[40 - 1] == "0");                          // rt_priority
    CHECK(all[41 - 1] == std::to_string(SCHED_OTHER));  // policy
}

TEST_CASE("the kernel's threads of a VM are not in real time and go to the CPUs of the io threads") {
    if (no_realtime()) return;
    const int io = cpus_of(0).back();
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("sched 2f runmask " + std::to_string(first_cpu()),
                                        "set host-io-runmask " + std::to_string(io) + "\nlogger info,debug stderr\n"))};
    qvm.wait_for_error("vcpu/0: tid ");  // the read-back after the start
    for (const auto& [name, seen] : threads(qvm.pid())) {
        if (!name.starts_with("kvm-") && !name.starts_with("vhost-")) continue;
        CAPTURE(name);
        CHECK(seen == Seen{0, SCHED_OTHER, {io}});
    }
    qvm.signal(SIGQUIT);
    CHECK(qvm.wait() == kForced);
}

TEST_CASE("the sporadic form is SCHED_DEADLINE, if the host admits it") {
    if (no_realtime()) return;
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("sched 20,10,1,100,10s", "set host-sched best-effort\n"))};
    qvm.wait_for("spinning\n");
    const Seen seen = threads(qvm.pid())["vcpu/0"];
    if (seen.policy == SCHED_DEADLINE)
        CHECK(seen.cpus == cpus_of(0));
    else
        WARN("not proven: " << qvm.err());
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CHECK(ended.ending == kForced);
    CHECK((seen.policy == SCHED_DEADLINE) != ended.complains("vcpu/0 cannot have SCHED_DEADLINE 10 ms of 100 ms"));
}

TEST_CASE("SCHED_DEADLINE on one of several CPUs is refused with the reason") {
    if (no_realtime() || cpus_of(0).size() < 2) return;
    const auto ended = run_text(spinning("sched 20,10,1,100,10s runmask " + std::to_string(first_cpu())));
    CAPTURE(ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("test.qvmconf:2:11: error: vcpu/0 cannot have SCHED_DEADLINE 10 ms of 100 ms: "));
    CHECK(ended.complains("root domain"));
}

TEST_CASE("SIGUSR1 tells of every thread where it is and which page faults it took") {
    Spinning vm{"runmask " + std::to_string(first_cpu())};
    vm.qvm.signal(SIGUSR1);
    vm.qvm.wait_for_error("main: tid " + std::to_string(vm.qvm.pid()) + ", CPU");
    vm.qvm.wait_for_error("io/main: tid ");
    vm.qvm.wait_for_error("vcpu/0: tid ");
    vm.qvm.wait_for_error("page faults");
}

TEST_CASE("a busy FIFO guest on the only CPU of main and io threads starves neither") {
    if (no_realtime()) return;
    const std::string cpu = std::to_string(first_cpu());
    const auto* const letter = GENERATE("f", "r");
    Spinning vm{"sched 2" + std::string{letter} + " runmask " + cpu,
                "set host-main-runmask " + cpu + " set host-io-runmask " + cpu + "\n"};
    // Not the time that passes: this process may have to wait for a CPU, too.
    const auto before = wait_for_cpu(vm.qvm.pid());
    vm.qvm.signal(SIGTERM);
    vm.qvm.wait_for_error("the guest does not listen");
    CHECK(wait_for_cpu(vm.qvm.pid()) - before < std::chrono::seconds{1});
    vm.qvm.signal(SIGTERM);
    CHECK(vm.qvm.wait() == kForced);
}

TEST_CASE("who may not use real-time priorities is told which limit it is, and nothing starts") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can take the right away");
        return;
    }
    const TempDir dir;
    auto command = qvm_command(dir, spinning("sched 2f"));
    const std::vector<std::string> powerless{"/usr/bin/setpriv", "--bounding-set=-sys_nice"};
    command.insert(command.begin(), powerless.begin(), powerless.end());
    const auto ended = run(command);
    CAPTURE(ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("test.qvmconf:2:11: error: vcpu/0 cannot have SCHED_FIFO 2: RLIMIT_RTPRIO is "));
    CHECK(ended.complains("CAP_SYS_NICE"));
    CHECK(ended.out.empty());
}

TEST_CASE("with best effort the same guest runs, and every refusal is a warning") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can take the right away");
        return;
    }
    const TempDir dir;
    auto command = qvm_command(dir, spinning("sched 2f", "set host-sched best-effort\n"));
    const std::vector<std::string> powerless{"/usr/bin/setpriv", "--bounding-set=-sys_nice"};
    command.insert(command.begin(), powerless.begin(), powerless.end());
    Child qvm{command};
    qvm.wait_for("spinning\n");
    CHECK(threads(qvm.pid())["vcpu/0"].policy == SCHED_OTHER);
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CHECK(ended.ending == kForced);
    CHECK(ended.complains("warning: vcpu/0 cannot have SCHED_FIFO 2: RLIMIT_RTPRIO is "));
    CHECK(ended.complains("warning: main cannot have SCHED_FIFO 3"));
}

}  // namespace qvm::test
