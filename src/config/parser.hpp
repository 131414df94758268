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

/// Everything that is wrong goes to `diagnostics`; nothing is returned if that holds an error, also an earlier one.
/// `complete` is false if words may be missing at the end: what is missing is then not complained about.
/// `map` names the clusters of host CPUs. The result points into the grammar's tables, which must outlive it.
[[nodiscard]] std::optional<VmConfig> parse_words(std::span<const Word> words, bool complete,
                                                  const VdevGrammar& grammar, const HostMap& map,
                                                  Diagnostics& diagnostics);

}  // namespace qvm
