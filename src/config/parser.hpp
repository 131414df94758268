// SPDX-License-Identifier: Apache-2.0
// Words -> VmConfig. Knows contexts and order, but no vdev: their options come from the grammar's tables.
#pragma once

#include <optional>
#include <span>

#include "config/diagnostics.hpp"
#include "config/host_map.hpp"
#include "config/lexer.hpp"
#include "config/option_spec.hpp"
#include "config/vm_config.hpp"

namespace qvm {

struct ParserOptions {
    bool skip_unknown_vdevs = false;  ///< a vdev of a type that nobody knows is a warning
};

/// What was read. With errors, it is what could be read nevertheless, for those who look for more of them.
struct Reading {
    VmConfig config{};
    bool memory_known = true;  ///< every `ram` and `rom` has its place
    bool vdev_lost = false;    ///< a vdev that nobody knows was left out
};

/// Everything that is wrong goes to `diagnostics`. `complete` is false if words may be missing at the end: what is
/// missing is then not complained about. `map` names the clusters of host CPUs. The result points into the grammar's
/// tables, which must outlive it.
[[nodiscard]] Reading parse_words(std::span<const Word> words, bool complete, const VdevGrammar& grammar,
                                  const HostMap& map, ParserOptions options, Diagnostics& diagnostics);

}  // namespace qvm
