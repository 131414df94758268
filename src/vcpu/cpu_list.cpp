// SPDX-License-Identifier: Apache-2.0
#include "vcpu/cpu_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace qvm {
namespace {

constexpr std::uint32_t kNoHostHas = 1U << 16;  // a broken list must not fill the memory

bool take_number(std::string_view& text, std::uint32_t& value) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{} && value < kNoHostHas;
}

bool take(std::string_view& text, char expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

CpuList parse_cpu_list(std::string_view text) {
    CpuList out;
    std::uint32_t first = 0;
    do {
        if (!take_number(text, first)) break;
        std::uint32_t last = first;
        if (take(text, '-') && !take_number(text, last)) break;
        for (std::uint32_t cpu = first; cpu <= last; ++cpu) out.push_back(cpu);
    } while (take(text, ','));
    return sorted_cpus(std::move(out));
}

std::string cpu_list_text(CpuList cpus) {
    cpus = sorted_cpus(std::move(cpus));
    std::string out;
    for (std::size_t i = 0; i < cpus.size();) {
        std::size_t end = i + 1;
        while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
        out += fmt::format("{}{}", out.empty() ? "" : ",", cpus[i]);
        if (end - i > 1) out += fmt::format("-{}", cpus[end - 1]);
        i = end;
    }
    return out;
}

std::string cpus_text(const CpuList& cpus) { return (cpus.size() == 1 ? "CPU " : "CPUs ") + cpu_list_text(cpus); }

CpuList sorted_cpus(CpuList cpus) {
    std::ranges::sort(cpus);
    cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
    return cpus;
}

CpuList without_cpus(const CpuList& cpus, const CpuList& others) {
    CpuList out;
    std::ranges::set_difference(cpus, others, std::back_inserter(out));
    return out;
}

CpuList common_cpus(const CpuList& cpus, const CpuList& others) {
    CpuList out;
    std::ranges::set_intersection(cpus, others, std::back_inserter(out));
    return out;
}

}  // namespace qvm
