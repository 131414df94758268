// SPDX-License-Identifier: Apache-2.0
// No-fault start: memory that is there, locked or made of huge pages before the guest's first instruction.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kHostError{64};
constexpr Ending kForced{3};
constexpr unsigned long kRam = 65536;  // kB, as config_text() has it

std::string spinning(const std::string& more, const std::string& ram = "ram 64M\n") {
    return config_text({.kernel = guest_file("spin.elf"), .ram = ram, .more = more});
}

/// The number behind `key` from `from` on; kB in /proc.
unsigned long number_behind(const std::string& text, std::string_view key, std::size_t from = 0) {
    const std::size_t at = text.find(key, from);
    if (at == std::string::npos) return 0;
    return std::stoul(text.substr(at + key.size()));
}

std::string proc(const Child& qvm, const char* file) {
    return read_file("/proc/" + std::to_string(qvm.pid()) + "/" + file);
}

/// What smaps says of guest memory.
unsigned long resident_ram(const Child& qvm) {
    const std::string maps = proc(qvm, "smaps");
    const std::size_t at = maps.find("memfd:qvm-ram");
    return at == std::string::npos ? 0 : number_behind(maps, "\nRss:", at);
}

/// Page faults of the first vCPU's thread so far: field 10 of proc(5).
unsigned long vcpu_faults(const Child& qvm) {
    for (const auto& task : std::filesystem::directory_iterator{"/proc/" + std::to_string(qvm.pid()) + "/task"}) {
        const std::string stat = read_file(task.path().string() + "/stat");
        const std::size_t name = stat.find("(vcpu/0)");
        if (name == std::string::npos) continue;
        std::istringstream fields{stat.substr(name)};
        std::string field;
        for (int i = 2; i <= 10; ++i) fields >> field;
        return std::stoul(field);
    }
    return 0;
}

std::string touching(const std::string& more) {
    return config_text({.kernel = guest_file("touch_ram.elf"), .more = more});
}

void end(Child& qvm) {
    qvm.signal(SIGQUIT);
    CHECK(qvm.wait() == kForced);
}

std::vector<std::string> without_lock_rights(std::vector<std::string> command) {
    const std::vector<std::string> before{"/usr/bin/setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock",
                                          "/usr/bin/prlimit", "--memlock=0:0"};
    command.insert(command.begin(), before.begin(), before.end());
    return command;
}

constexpr const char* kPool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

/// Enough huge pages for a guest if the host has the memory and this user may; the host's number is restored.
class HostHugePages {
public:
    HostHugePages() : before_{read_file(kPool)} {
        if (number_behind(read_file("/proc/meminfo"), "MemAvailable:") > 1'000'000)
            std::ofstream{kPool} << std::stoul("0" + before_) + kWanted;
    }
    ~HostHugePages() { std::ofstream{kPool} << before_; }
    HostHugePages(const HostHugePages&) = delete;
    HostHugePages& operator=(const HostHugePages&) = delete;

    [[nodiscard]] static bool enough() {
        return number_behind(read_file("/proc/meminfo"), "HugePages_Free:") >= kWanted;
    }

private:
    static constexpr unsigned long kWanted = 32;
    std::string before_;
};

}  // namespace

TEST_CASE("without a word about it, guest memory is not there before it is used") {
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning(""))};
    qvm.wait_for("spinning\n");
    CHECK(resident_ram(qvm) < kRam / 2);
    end(qvm);
}

TEST_CASE("host-prefault: all guest memory is there when the guest says its first word") {
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("set host-prefault on\n"))};
    qvm.wait_for("spinning\n");
    CHECK(resident_ram(qvm) == kRam);
    CHECK(number_behind(proc(qvm, "status"), "VmLck:") == 0);
    end(qvm);
}

TEST_CASE("host-prefault: more than the host has is an error before anything starts") {
    const auto ended = run_text(spinning("set host-prefault on\n", "ram 64M\nram 0x100000000,1T\n"));
    CAPTURE(ended.err);
    CHECK(ended.ending == kHostError);
    CHECK(ended.complains("host-prefault: guest memory is "));
    CHECK(ended.out.empty());
}

TEST_CASE("host-lock-memory: all of the process is locked before the guest's first word") {
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("set host-lock-memory on\ncpu\n"))};
    qvm.wait_for("spinning\n");
    CHECK(resident_ram(qvm) == kRam);
    const unsigned long locked = number_behind(proc(qvm, "status"), "VmLck:");
    CHECK(locked >= kRam);
    CHECK(locked < kRam + 40'000);  // small stacks, one arena
    end(qvm);
}

TEST_CASE("a guest that touches all of its memory causes no page faults once it is there") {
    const std::string more = GENERATE("", "set host-prefault on\n", "set host-lock-memory on\n");
    const TempDir dir;
    Child qvm{qvm_command(dir, touching(more))};
    qvm.wait_for("touched\n");
    const unsigned long faults = vcpu_faults(qvm);
    CAPTURE(more, faults);
    if (more.empty())
        CHECK(faults > 1000);  // else the test does not see them
    else
        CHECK(faults < 100);  // those of the thread's own start
    end(qvm);
}

TEST_CASE("host-lock-memory: who may not lock is told the limit and the way out, and nothing starts") {
    const TempDir dir;
    const auto ended = run(without_lock_rights(qvm_command(dir, spinning("set host-lock-memory on\n"))));
    CAPTURE(ended.err);
    CHECK(ended.ending == kHostError);
    CHECK(ended.complains("RLIMIT_MEMLOCK allows 0 KiB"));
    CHECK(ended.complains("LimitMEMLOCK="));
    CHECK(ended.out.empty());
}

TEST_CASE("host-hugepages: guest memory is on them, or the error says what is missing") {
    const HostHugePages pages;
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("set host-hugepages 2M\nset host-lock-memory on\n"))};
    if (!HostHugePages::enough()) {
        WARN("this host has no huge pages to give: only the error is tested");
        CHECK(qvm.wait() == kHostError);
        CHECK(qvm.err().find("guest memory wants 32 huge pages of 2.0 MiB") != std::string::npos);
        return;
    }
    qvm.wait_for("spinning\n");
    const std::string maps = proc(qvm, "smaps");
    CHECK(number_behind(maps, "KernelPageSize:", maps.find("memfd:qvm-ram")) == 2048);
    end(qvm);
}

TEST_CASE("host-hugepages: lines that are not made of whole ones stay on small pages") {
    const HostHugePages pages;
    if (!HostHugePages::enough()) {
        WARN("skipped: this host has no huge pages to give");
        return;
    }
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("set host-hugepages 2M\n", "ram 0,640K\nram 1M,1M\nram 2M,62M\n"))};
    qvm.wait_for("spinning\n");
    qvm.wait_for_error("62.0 MiB of guest memory are on pages of 2.0 MiB, 1.6 MiB on small ones");
    end(qvm);
}

TEST_CASE("host-hugepages: too few are an error before anything starts") {
    const auto ended = run_text(spinning("set host-hugepages 2M\n", "ram 64M\nram 0x100000000,1T\n"));
    CAPTURE(ended.err);
    CHECK(ended.ending == kHostError);
    CHECK(ended.complains("guest memory wants 524320 huge pages of 2.0 MiB, available are "));
    CHECK(ended.complains("node 0: "));
    CHECK(ended.complains("nr_hugepages"));
    CHECK(ended.out.empty());
}

}  // namespace qvm::test
