// SPDX-License-Identifier: Apache-2.0
// A small catalogue of vdevs and a short way from text to configuration, for the tests of this room.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"

namespace qvm::test {

inline constexpr std::array<std::string_view, 2> kActions{"terminate", "dump"};

inline constexpr std::array kSerialOptions{
    OptionSpec{.name = "loc", .type = ArgType::Location},
    OptionSpec{.name = "intr", .type = ArgType::Intr},
    OptionSpec{.name = "hostdev", .type = ArgType::HostDev, .repeatable = true},
    OptionSpec{.name = "delayed", .type = ArgType::Delay},
    OptionSpec{.name = "batch", .type = ArgType::Number, .no_effect = "output is never held back"},
    OptionSpec{.name = "sched", .type = ArgType::Sched},
};
inline constexpr std::array kIoapicOptions{
    OptionSpec{.name = "loc", .type = ArgType::Location, .required = true},
    OptionSpec{.name = "intr", .type = ArgType::Intr},
    OptionSpec{.name = "hostvector", .type = ArgType::Number},
};
inline constexpr std::array kRtcOptions{
    OptionSpec{.name = "reg", .type = ArgType::Pair, .repeatable = true},
};
inline constexpr std::array kWatchdogOptions{
    OptionSpec{.name = "action", .type = ArgType::Choice, .choices = kActions},
    OptionSpec{.name = "legacy", .type = ArgType::Flag},
    OptionSpec{.name = "window", .type = ArgType::Size},
    OptionSpec{.name = "data", .type = ArgType::String},
};

inline constexpr VdevSyntax kSerial{"ser8250", "a serial port", kSerialOptions};
inline constexpr VdevSyntax kIoapic{"ioapic", "an interrupt controller", kIoapicOptions};
inline constexpr VdevSyntax kRtc{"mc146818", "a clock", kRtcOptions};
inline constexpr VdevSyntax kWatchdog{"dog", "a watchdog", kWatchdogOptions};

class Grammar : public VdevGrammar {
public:
    [[nodiscard]] std::span<const VdevSyntax* const> types() const noexcept override { return kTypes; }

private:
    static constexpr std::array<const VdevSyntax*, 4> kTypes{&kSerial, &kIoapic, &kRtc, &kWatchdog};
};

inline const Grammar kGrammar;

/// A host that is the same wherever the tests run.
class Host : public HostInfo {
public:
    [[nodiscard]] std::optional<std::string> environment(std::string_view name) const override {
        if (name == "IMAGES") return "/vm/images";
        if (name == "EMPTY") return "";
        if (name == "DOLLAR") return "$env{IMAGES}";
        if (name == "WORDS") return "a b#c";
        if (name == "BYTES") return "\x01";
        return std::nullopt;
    }
    [[nodiscard]] Parsed<Range> region(std::string_view name) const override {
        if (name == "sysram") return *Range::make(0x80000000, 64 * kMiB);
        return ValueError{"this host has no region named " + quoted(name), "searched: nowhere"};
    }
};

inline const Host kHost;

/// What came of a configuration.
struct Outcome {
    Sources sources;
    Diagnostics diagnostics;
    std::optional<VmConfig> config;

    /// "3:5 error: message" for each, in order; the line and column as printed.
    [[nodiscard]] std::vector<std::string> messages() const {
        std::vector<std::string> out;
        for (const Diagnostic& each : diagnostics.all()) {
            const char* kind = each.kind == DiagnosticKind::Error     ? "error"
                               : each.kind == DiagnosticKind::Warning ? "warning"
                                                                      : "note";
            out.push_back(std::to_string(each.where.line) + ":" + std::to_string(each.where.column) + " " + kind +
                          ": " + each.message);
        }
        return out;
    }
    [[nodiscard]] std::string rendered() const { return diagnostics.render(sources); }
};

inline Outcome parse(std::string_view text, std::string_view host_map = {}) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("vm.qvmconf", std::string{text});
    if (!host_map.empty()) reader.add_host_map_text("host.map", std::string{host_map});
    out.config = reader.finish(kGrammar);
    return out;
}

inline Outcome parse_argv(const std::vector<std::string>& elements) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_argv(elements);
    out.config = reader.finish(kGrammar);
    return out;
}

using Messages = std::vector<std::string>;

}  // namespace qvm::test
