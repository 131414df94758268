// SPDX-License-Identifier: Apache-2.0
// The two places for a dump. Both call `memory_done` when the last byte of guest memory is read, if they get so far,
// and throw HostError with the reason if there is no dump. The returned text says where it is. With WriteSignalsHeld.
#pragma once

#include "ops/core_dump.hpp"

namespace qvm {

/// Into the first of these names that is free. The file is complete as soon as it has its name, belongs to its user
/// alone (0600) and replaces nothing; until then the name ends in `.part`.
[[nodiscard]] std::string dump_to_directory(const std::string& directory, const std::vector<std::string>& names,
                                            const CoreImage& image, const std::function<void()>& memory_done);

/// Into the standard input of a shell command, whose end is waited for.
[[nodiscard]] std::string dump_to_command(const std::string& command, const CoreImage& image,
                                          const std::function<void()>& memory_done, const DumpPatience& patience);

}  // namespace qvm
