// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/vm_config.hpp"

namespace qvm {

/// Puts the calling thread where a `cpu` line says: `runmask` is its CPU affinity; `sched` its policy and priority
/// (f: SCHED_FIFO, r and o: SCHED_RR; QNX priorities above 99 become 99). Without either word the thread keeps what it
/// inherited. Both are read back. Throws ConfigError that names the word, the limit and what to change.
void place_this_thread(const CpuSpec& cpu);

}  // namespace qvm
