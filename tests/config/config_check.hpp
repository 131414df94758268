// SPDX-License-Identifier: Apache-2.0
// What must hold whatever text is read, for random tests and for the fuzzer.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "config/config_json.hpp"
#include "config/diagnostics_json.hpp"
#include "config/json_check.hpp"
#include "config/passed_memory.hpp"
#include "config/print_config.hpp"
#include "config/reader.hpp"

namespace qvm::test {

/// The line exists and has the whole stretch; a stretch of one byte may stand right behind the line's end.
[[nodiscard]] inline bool lies_inside(const Location& where, const Sources& sources) {
    if (where.source == kNoSource) return where.line == 0;
    if (where.source >= sources.size()) return false;
    if (where.line == 0) return true;
    const std::string& text = sources.text(where.source);
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    if (where.line > lines || where.column == 0 || where.length == 0) return false;
    const std::size_t size = sources.line(where.source, where.line).size();
    const std::size_t first = where.column - 1;
    return first + where.length <= size || (first == size && where.length == 1);
}

/// What was wrong with how a text was read, or empty.
[[nodiscard]] inline std::string reading_fault(const Sources& sources, const Diagnostics& diagnostics) {
    for (const Diagnostic& each : diagnostics.all()) {
        if (!lies_inside(each.where, sources)) return "misplaced: " + each.message;
        if (each.message.empty()) return "a diagnostic without a message";
    }
    if (diagnostics.render(sources).empty() != diagnostics.all().empty()) return "nothing was printed";
    return is_json(to_json(diagnostics, sources)) ? "" : "the diagnostics are no JSON";
}

/// What came of reading `text` a second time that was not there at the first, or empty.
[[nodiscard]] inline std::string round_trip_fault(const VmConfig& config, const VdevGrammar& grammar,
                                                  const HostInfo& host) {
    const std::string text = print_config(config);
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics, host};
    reader.add_text("printed", text);
    const auto again = reader.finish(grammar);
    if (!again) return "what was printed cannot be read:\n" + diagnostics.render(sources) + text;
    const std::string fault = reading_fault(sources, diagnostics);
    if (!fault.empty()) return fault + '\n' + text;
    if (*again != config) return "what was printed is another configuration:\n" + text;
    if (print_config(*again) != text) return "printed again it is another text:\n" + text;
    if (!is_json(config_to_json(*again, sources))) return "not JSON: " + config_to_json(*again, sources);
    return {};
}

/// What is wrong with the RAM and the images that `config` passes, or empty.
[[nodiscard]] inline std::string passed_memory_fault(const VmConfig& config, const Sources& sources) {
    VmConfig taken = config;
    Diagnostics diagnostics;
    take_passed_memory(taken, diagnostics);
    const std::string fault = reading_fault(sources, diagnostics);
    if (!fault.empty()) return fault + '\n' + diagnostics.render(sources);
    const auto overlaps = [&taken](const MemorySpec& one) {
        return std::ranges::any_of(taken.memory, [&one](const MemorySpec& other) {
            return &one != &other && one.range.overlaps(other.range);
        });
    };
    if (std::ranges::any_of(taken.memory, overlaps)) return "RAM that overlaps";
    for (const PassedImage& image : passed_images(taken))
        if (image.host.size() > PassedImage::kMost) return "an image without a limit";
    return print_config(taken) == print_config(config) ? "" : "what is passed is printed as lines, too";
}

/// Reads `text`, and `host_map` if there is one, and looks for anything that must never be. Empty if all is well.
[[nodiscard]] inline std::string config_fault(std::string_view text, std::optional<std::string_view> host_map,
                                              const VdevGrammar& grammar, const HostInfo& host) {
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics, host};
    reader.add_text("vm.qvmconf", std::string{text});
    if (host_map) reader.add_host_map_text("host.map", std::string{*host_map});
    const auto reading = reader.read(grammar);
    const std::string fault = reading_fault(sources, diagnostics);
    if (!fault.empty()) return fault + '\n' + diagnostics.render(sources);
    if (!reading && !diagnostics.has_errors()) return "no result and no error";
    if (reading && !is_json(config_to_json(*reading, sources))) return "the configuration is no JSON";
    if (!reading || diagnostics.has_errors()) return {};
    const std::string passed = passed_memory_fault(*reading, sources);
    return passed.empty() ? round_trip_fault(*reading, grammar, host) : passed;
}

}  // namespace qvm::test
