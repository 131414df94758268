// SPDX-License-Identifier: Apache-2.0
// The host map: a file in which the user names ranges of the host's memory and groups of its CPUs.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/lexer.hpp"
#include "config/numbers.hpp"
#include "vmm/units.hpp"

namespace qvm {

struct HostMap {
    struct Region {
        Range range;  ///< host-physical, in bytes
        Location where;
    };
    struct Cluster {
        std::vector<std::uint32_t> cpus;  ///< host CPUs, each once; never empty
        Location where;
    };
    std::map<std::string, Region, std::less<>> regions{};
    std::map<std::string, Cluster, std::less<>> clusters{};
    bool given = false;  ///< there was such a file, right or wrong
};

/// Adds what the words of a host map say: `region NAME start,length` and `cluster NAME cpus n[,n]...`, in any order.
/// What is wrong goes to `diagnostics`: unknown words, wrong values, names that are taken.
void parse_host_map(std::span<const Word> words, HostMap& map, Diagnostics& diagnostics);

/// The host CPUs of a cluster: `_cpu-N` is host CPU N; every other name is the map's.
[[nodiscard]] Parsed<std::vector<std::uint32_t>> resolve_cluster(std::string_view name, const HostMap& map);

}  // namespace qvm
