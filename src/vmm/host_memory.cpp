// SPDX-License-Identifier: Apache-2.0
#include "vmm/host_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "vmm/units.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return value;
}

/// 0 if the file is not there: older kernels lack some.
std::uint64_t count_in(const fs::path& file) {
    std::string text;
    std::ifstream{file} >> text;
    return number_in(text).value_or(0);
}

std::string pool_name(std::uint64_t page) { return fmt::format("hugepages-{}kB", page / kKiB); }

std::vector<HugePagePool::Node> nodes_with(const fs::path& root, std::uint64_t page) {
    constexpr std::string_view kPrefix = "node";
    std::vector<HugePagePool::Node> nodes;
    std::error_code error;
    for (fs::directory_iterator each{root / "sys/devices/system/node", error}, end; !error && each != end;
         each.increment(error)) {
        const std::string name = each->path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const auto number = number_in(std::string_view{name}.substr(kPrefix.size()));
        const fs::path pool = each->path() / "hugepages" / pool_name(page);
        if (!number || !fs::exists(pool)) continue;
        nodes.push_back(
            {static_cast<unsigned>(*number), count_in(pool / "nr_hugepages"), count_in(pool / "free_hugepages")});
    }
    std::ranges::sort(nodes, {}, &HugePagePool::Node::number);
    return nodes;
}

std::string describe(const std::vector<HugePagePool::Node>& nodes) {
    std::string text;
    for (const auto& node : nodes)
        text += fmt::format("{}node {}: {} free of {}", text.empty() ? "" : ", ", node.number, node.free, node.total);
    return text;
}

/// The least memory.max from this process's cgroup up to the root; the highest number if there is none.
std::uint64_t cgroup_limit(const fs::path& root) {
    constexpr std::string_view kUnified = "0::/";
    std::ifstream in{root / "proc/self/cgroup"};
    std::string line;
    while (std::getline(in, line) && !line.starts_with(kUnified)) line.clear();
    if (line.empty()) return UINT64_MAX;
    const fs::path top = root / "sys/fs/cgroup";
    std::uint64_t least = UINT64_MAX;
    // What other processes of the group use is not subtracted: much of it is cache that the kernel gives up.
    for (fs::path at = line.substr(kUnified.size());; at = at.parent_path()) {
        std::string limit;
        std::ifstream{top / at / "memory.max"} >> limit;
        least = std::min(least, number_in(limit).value_or(UINT64_MAX));
        if (at.empty()) return least;
    }
}

}  // namespace

std::uint64_t HugePagePool::available() const noexcept { return free - std::min(free, reserved) + on_demand; }

std::optional<HugePagePool> huge_page_pool(const fs::path& root, std::uint64_t page) {
    const fs::path from = root / "sys/kernel/mm/hugepages" / pool_name(page);
    if (!fs::exists(from)) return std::nullopt;
    HugePagePool pool{.total = count_in(from / "nr_hugepages"),
                      .free = count_in(from / "free_hugepages"),
                      .reserved = count_in(from / "resv_hugepages")};
    const std::uint64_t surplus = count_in(from / "surplus_hugepages");
    const std::uint64_t most = count_in(from / "nr_overcommit_hugepages");
    pool.on_demand = most - std::min(most, surplus);
    pool.nodes = nodes_with(root, page);
    pool.allowed_nodes = proc_field(root / "proc/self/status", "Mems_allowed_list").value_or("");
    return pool;
}

std::string too_few_huge_pages(const std::optional<HugePagePool>& pool, std::uint64_t page,
                               std::uint64_t wanted_bytes) {
    const std::uint64_t wanted = wanted_bytes / page;
    std::string text = fmt::format("host-hugepages: guest memory wants {} huge pages of {}", wanted, size_text(page));
    if (!pool) return text + "; this host does not know pages of that size";
    text += fmt::format(", available are {} ({} free, {} of them reserved, {} on demand)", pool->available(),
                        pool->free, pool->reserved, pool->on_demand);
    if (!pool->nodes.empty()) text += "\n  " + describe(pool->nodes);
    if (!pool->allowed_nodes.empty()) text += "\n  this process may have memory of node " + pool->allowed_nodes;
    const std::uint64_t missing = wanted - std::min(wanted, pool->available());
    return text + fmt::format(
                      "\n  make more: echo {} > /sys/kernel/mm/hugepages/{}/nr_hugepages, or at boot by "
                      "hugepagesz={}{} hugepages=NUMBER",
                      pool->total + missing, pool_name(page), page < kGiB ? page / kMiB : page / kGiB,
                      page < kGiB ? 'M' : 'G');
}

std::optional<std::string> proc_field(const fs::path& file, std::string_view key) {
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
        const std::size_t from = line.find_first_not_of(" \t", key.size() + 1);
        if (from == std::string::npos) return "";
        return line.substr(from, line.find_last_not_of(" \t") + 1 - from);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> proc_size(const fs::path& file, std::string_view key) {
    const auto text = proc_field(file, key);
    const auto value = text ? number_in(*text) : std::nullopt;
    if (!value) return std::nullopt;
    return *value * kKiB;
}

std::optional<std::uint64_t> memory_left(const fs::path& root) {
    const std::uint64_t host = proc_size(root / "proc/meminfo", "MemAvailable").value_or(UINT64_MAX);
    const std::uint64_t least = std::min(host, cgroup_limit(root));
    if (least == UINT64_MAX) return std::nullopt;
    return least;
}

std::optional<PageFaults> page_faults(const fs::path& root, int thread) {
    constexpr int kBetween = 7;  // between the name, field 2, and minflt, field 10 of proc(5)
    std::string line;
    std::getline(std::ifstream{root / fmt::format("proc/self/task/{}/stat", thread)}, line);
    // The name in parentheses may have blanks and parentheses of its own.
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields{line.substr(name_end + 1)};
    std::string skipped;
    PageFaults faults;
    for (int i = 0; i < kBetween; ++i) fields >> skipped;
    fields >> faults.minor >> skipped >> faults.major;
    if (!fields) return std::nullopt;
    return faults;
}

std::string size_text(std::uint64_t bytes) {
    if (bytes >= kGiB) return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
    if (bytes >= kMiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / static_cast<double>(kMiB));
    return fmt::format("{} KiB", bytes / kKiB);
}

}  // namespace qvm
