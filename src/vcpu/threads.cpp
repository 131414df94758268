// SPDX-License-Identifier: Apache-2.0
#include "vcpu/threads.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>

#include "config/text_file.hpp"
#include "vcpu/sched_calls.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

constexpr pid_t kKthreadd = 2;
constexpr std::size_t kMaxName = 15;  // TASK_COMM_LEN less the end
constexpr std::array<std::string_view, 4> kWorkers{"vhost-", "kvm-nx-lpage-recovery-", "kvm-pit/", "iou-wrk-"};

pid_t number(std::string_view text) noexcept {
    pid_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

std::string name_in(const fs::path& folder) {
    std::string name = read_text_file((folder / "comm").string()).text;
    if (name.ends_with('\n')) name.pop_back();
    return name;
}

/// The entries of a folder of /proc that are numbers. They may vanish at any time.
std::vector<FoundThread> entries(const fs::path& folder) {
    std::vector<FoundThread> out;
    std::error_code error;
    for (fs::directory_iterator each{folder, error}, end; !error && each != end; each.increment(error))
        if (const pid_t tid = number(each->path().filename().string())) out.push_back({tid, name_in(each->path())});
    std::ranges::sort(out, {}, &FoundThread::tid);
    return out;
}

/// What stands behind the name, which is in parentheses and may have any characters in it: field 3 and those after it.
std::istringstream fields_from_3(const std::string& stat) {
    const std::size_t end = stat.rfind(')');
    return std::istringstream{end == std::string::npos ? std::string{} : stat.substr(end + 1)};
}

std::string skip(std::istringstream& fields, int count) {
    std::string field;
    for (int i = 0; i < count; ++i) fields >> field;
    return field;
}

bool is_kernels_own(const fs::path& folder) {
    auto fields = fields_from_3(read_text_file((folder / "stat").string()).text);
    return number(skip(fields, 2)) == kKthreadd;  // field 4
}

/// The number behind the name of a kernel worker.
pid_t owner_of(std::string_view name) noexcept {
    for (const std::string_view worker : kWorkers)
        if (name.starts_with(worker)) return number(name.substr(worker.size()));
    return 0;
}

std::uint64_t count_in(const std::string& field) noexcept {
    std::uint64_t value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    return value;
}

}  // namespace

std::vector<FoundThread> threads_of(pid_t process, const fs::path& proc) {
    return entries(proc / std::to_string(process) / "task");
}

bool is_kernel_worker(const std::string& name) noexcept {
    return std::ranges::any_of(kWorkers, [&name](std::string_view worker) {
        return name.starts_with(worker) || name == worker.substr(0, kMaxName);
    });
}

std::vector<FoundThread> kernel_workers(pid_t process, const fs::path& proc) {
    const std::vector<FoundThread> own = threads_of(process, proc);
    std::vector<FoundThread> out;
    std::ranges::copy_if(own, std::back_inserter(out),
                         [](const FoundThread& each) { return is_kernel_worker(each.name); });
    for (const FoundThread& each : entries(proc)) {
        const pid_t owner = owner_of(each.name);
        if (owner == 0 || std::ranges::find(own, owner, &FoundThread::tid) == own.end()) continue;
        if (is_kernels_own(proc / std::to_string(each.tid))) out.push_back(each);
    }
    return out;
}

void read_faults(const std::string& stat, ThreadState& out) {
    auto fields = fields_from_3(stat);
    out.minor_faults = count_in(skip(fields, 8));  // field 10
    out.major_faults = count_in(skip(fields, 2));  // field 12
}

std::vector<ThreadState> read_threads() {
    std::vector<FoundThread> found = threads_of(::getpid());
    for (const FoundThread& each : kernel_workers(::getpid()))
        if (std::ranges::find(found, each) == found.end()) found.push_back(each);
    std::vector<ThreadState> out;
    for (FoundThread& each : found) {
        const auto schedule = get_schedule(each.tid);
        if (!schedule) continue;
        if (each.tid == ::getpid()) each.name = "main";
        ThreadState state{std::move(each), {}, *schedule};
        state.cpus = get_cpus(state.thread.tid);
        read_faults(read_text_file(fmt::format("/proc/{0}/task/{0}/stat", state.thread.tid)).text, state);
        out.push_back(std::move(state));
    }
    return out;
}

std::string thread_text(const ThreadState& state) {
    return fmt::format("{}: tid {}, {}, {}, {} minor and {} major page faults", state.thread.name, state.thread.tid,
                       cpus_text(state.cpus), schedule_text(state.schedule), state.minor_faults, state.major_faults);
}

}  // namespace qvm
