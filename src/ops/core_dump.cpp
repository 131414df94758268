// SPDX-License-Identifier: Apache-2.0
#include "ops/core_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "ops/dump_file.hpp"

namespace qvm {
namespace {

constexpr int kMoreNames = 9;  // -1 to -9

std::tm local_time(std::time_t now) noexcept {
    std::tm local{};
    ::localtime_r(&now, &local);
    return local;
}

std::string dump(const DumpJob& job, const std::function<void()>& memory_done, const DumpPatience& patience) {
    const WriteSignalsHeld held;
    if (job.to.command) return dump_to_command(job.to.target, job.image, memory_done, patience);
    return dump_to_directory(job.to.target, dump_names(job.system, local_time(job.now)), job.image, memory_done);
}

}  // namespace

std::vector<std::string> dump_names(std::string_view system, const std::tm& local) {
    std::string prefix{system.empty() ? "qvm-guest" : system};
    std::ranges::replace(prefix, '/', '_');
    const std::string stem = fmt::format("{}-{:04}{:02}{:02}-{:02}{:02}{:02}", prefix, local.tm_year + 1900,
                                         local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
    std::vector<std::string> names{stem + ".gcore"};
    for (int i = 1; i <= kMoreNames; ++i) names.push_back(fmt::format("{}-{}.gcore", stem, i));
    return names;
}

DumpOutcome write_dump(const DumpJob& job, const DumpPatience& patience) noexcept {
    bool done = false;
    const std::function<void()> once = [&] {
        if (!std::exchange(done, true)) job.memory_done();
    };
    DumpOutcome outcome;
    try {
        outcome = {true, "the guest's dump is in " + dump(job, once, patience)};
    } catch (const std::exception& error) {
        outcome = {false, fmt::format("no dump is written to {}{}: {}", job.to.command ? "|" : "", job.to.target,
                                      error.what())};
    }
    once();
    return outcome;
}

CoreNote about_note(std::string_view system, std::time_t now, std::string_view cause) {
    const std::tm local = local_time(now);
    std::array<char, 32> time{};
    const std::size_t length = std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%S%z", &local);
    const std::string text = fmt::format("system={}\ntime={}\ncause={}\n", system.empty() ? "qvm-guest" : system,
                                         std::string_view{time.data(), length}, cause);
    const auto bytes = std::as_bytes(std::span{text});
    return {"QVM", static_cast<std::uint32_t>(QvmNote::About), {bytes.begin(), bytes.end()}};
}

}  // namespace qvm
