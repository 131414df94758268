// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration, with a host map behind a line `%%` if there is one. tools/fuzz runs it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "config/config_check.hpp"
#include "config/whole_grammar.hpp"

using namespace qvm::test;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const WholeGrammar grammar;
    constexpr std::string_view kDivider = "\n%%\n";
    std::string_view text{reinterpret_cast<const char*>(data), size};
    std::optional<std::string_view> host_map;
    if (const std::size_t at = text.find(kDivider); at != std::string_view::npos) {
        host_map = text.substr(at + kDivider.size());
        text = text.substr(0, at + 1);
    }
    const std::string fault = config_fault(text, host_map, grammar, kHost);
    if (fault.empty()) return 0;
    std::fprintf(stderr, "%s\n", fault.c_str());
    std::abort();
}
