// SPDX-License-Identifier: Apache-2.0
// Half of the damage is libFuzzer's own, to bytes, which hardly ever leaves a configuration without an error. The other
// half moves whole words and lines about, or begins anew from a random configuration that is right.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "config/print_config.hpp"
#include "config/random_config.hpp"
#include "config/whole_grammar.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using Random = std::minstd_rand;

/// A word or a line with what separates it from the next.
using Pieces = std::vector<std::string>;

Pieces cut(std::string_view text, std::string_view separators) {
    Pieces out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(separators), text.size() - 1) + 1;
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

void rearrange(Pieces& pieces, Random& random) {
    const auto any = [&]() { return static_cast<std::ptrdiff_t>(random() % pieces.size()); };
    const auto at = pieces.begin() + any();
    const std::string other = pieces[static_cast<std::size_t>(any())];
    switch (random() % 5) {
        case 0:
            pieces.erase(at);
            return;
        case 1:
            pieces.insert(at, other);
            return;
        case 2:
            *at = other;
            return;
        case 3:
            at->insert(random() % at->size(), other);
            return;
        default:
            std::iter_swap(at, pieces.begin() + any());
            return;
    }
}

std::string rearranged(std::string_view text, Random& random) {
    Pieces pieces = cut(text, random() % 2 == 0 ? "\n" : " \n,:=");
    for (auto left = 1 + random() % 3; left != 0 && !pieces.empty(); --left) rearrange(pieces, random);
    std::string out;
    for (const std::string& each : pieces) out += each;
    return out;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    static const qvm::test::WholeGrammar grammar;
    Random random{seed};
    if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const bool anew = size == 0 || random() % 32 == 0;
    std::string out = anew ? print_config(qvm::test::RandomConfig{seed, grammar}.make()) : rearranged(text, random);
    out.resize(std::min(out.size(), max_size));
    std::copy(out.begin(), out.end(), data);
    return out.size();
}
