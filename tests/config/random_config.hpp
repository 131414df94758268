// SPDX-License-Identifier: Apache-2.0
// Random configurations of which every one could have been read from a file without an error.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/vm_config.hpp"

namespace qvm::test {

/// The same seed makes the same configuration.
class RandomConfig {
public:
    RandomConfig(std::uint64_t seed, const VdevGrammar& grammar) : random_{seed}, grammar_{grammar} {}
    [[nodiscard]] VmConfig make();

private:
    // Values.
    [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    [[nodiscard]] bool coin() { return below(2) == 0; }
    template <typename T>
    void shuffle(std::vector<T>& list) {
        for (std::size_t left = list.size(); left > 1; --left) std::swap(list[left - 1], list[below(left)]);
    }
    [[nodiscard]] std::uint64_t number();
    [[nodiscard]] std::string text();
    [[nodiscard]] std::string text_without(std::string_view bytes);
    [[nodiscard]] std::string path();
    [[nodiscard]] std::string command();
    [[nodiscard]] GuestLocation pci();
    [[nodiscard]] GuestLocation location();
    [[nodiscard]] IntrSpec intr(std::string_view without);
    [[nodiscard]] IntrSpec any_intr(std::string_view without);
    [[nodiscard]] HostDev hostdev();
    [[nodiscard]] SchedSpec sched();
    [[nodiscard]] LogRule log_rule();
    [[nodiscard]] std::string mac();
    [[nodiscard]] PassLocation pass_location();
    [[nodiscard]] PassIntr pass_intr();
    [[nodiscard]] ArgValue argument(const OptionSpec& spec);

    // Options.
    void memory(VmConfig& config);
    [[nodiscard]] CpuSpec cpu();
    [[nodiscard]] LoadSpec load();
    [[nodiscard]] VdevSpec vdev();
    void add_option(VdevSpec& vdev, const OptionSpec& spec);
    [[nodiscard]] PassSpec pass(std::size_t after_vdevs);
    [[nodiscard]] ReserveSpec reserve(std::size_t after_vdevs);
    void variables(VmConfig& config);
    void rest(VmConfig& config);

    std::mt19937_64 random_;
    const VdevGrammar& grammar_;
    unsigned names_ = 0;  ///< what makes names unique
};

}  // namespace qvm::test
