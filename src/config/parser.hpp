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
    bool complete = true;             ///< else words may be missing at the end: what is missing is not complained about
};

/// Everything that is wrong goes to `diagnostics`; the result is then what could be read nevertheless. `map` names
/// the clusters of host CPUs. The result points into the grammar's tables, which must outlive it.
[[nodiscard]] VmConfig parse_words(std::span<const Word> words, const VdevGrammar& grammar, const HostMap& map,
                                   ParserOptions options, Diagnostics& diagnostics);

}  // namespace qvm
