// SPDX-License-Identifier: Apache-2.0
// The program under test with one of the bare guests of tests/guest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kvm/process.hpp"

namespace qvm::test {

/// The path of a file of tests/guest as built.
[[nodiscard]] std::string guest_file(std::string_view name);

/// The smallest configuration for a bare guest, and what a case changes in it.
struct GuestConfig {
    std::string kernel;  ///< a path
    std::string cmdline = "x";
    unsigned cpus = 1;
    std::string ram = "ram 64M\n";
    std::string more{};  ///< further lines
};
[[nodiscard]] std::string config_text(const GuestConfig& config);

/// `qvm -f FILE`, where the file has that content.
[[nodiscard]] std::vector<std::string> qvm_command(const TempDir& dir, std::string_view text);
[[nodiscard]] std::vector<std::string> qvm_command(std::vector<std::string> words);

/// A guest from its start to its end.
struct Outcome {
    Ending ending;
    std::string out;
    std::string err;

    /// Standard output has this line.
    [[nodiscard]] bool says(std::string_view line) const;
    [[nodiscard]] bool complains(std::string_view text) const { return err.find(text) != std::string::npos; }
    /// The value that the guest printed as "name=XXXXXXXX". Throws if it did not.
    [[nodiscard]] unsigned long value(std::string_view name) const;
};
[[nodiscard]] Outcome run(const std::vector<std::string>& command, ChildOptions options = {});
[[nodiscard]] Outcome run_text(std::string_view text, ChildOptions options = {});
[[nodiscard]] Outcome run_guest(std::string_view name);
/// Of a child that has ended.
[[nodiscard]] Outcome outcome(Child& child);

}  // namespace qvm::test
