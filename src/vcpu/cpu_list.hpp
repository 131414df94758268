// SPDX-License-Identifier: Apache-2.0
// Sets of host CPUs in the form that the kernel prints them: "0-2,5".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qvm {

using CpuList = std::vector<std::uint32_t>;

/// Ascending and without repetition; what is not a list of that form ends it.
[[nodiscard]] CpuList parse_cpu_list(std::string_view text);
/// `cpus` in any order.
[[nodiscard]] std::string cpu_list_text(CpuList cpus);
/// With "CPU " or "CPUs " before it.
[[nodiscard]] std::string cpus_text(const CpuList& cpus);

/// Ascending, without repetition.
[[nodiscard]] CpuList sorted_cpus(CpuList cpus);
/// What is in `cpus` and not in `others`, or in both; both ascending.
[[nodiscard]] CpuList without_cpus(const CpuList& cpus, const CpuList& others);
[[nodiscard]] CpuList common_cpus(const CpuList& cpus, const CpuList& others);

}  // namespace qvm
