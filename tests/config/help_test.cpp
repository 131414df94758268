// SPDX-License-Identifier: Apache-2.0
#include "config/help.hpp"

#include <catch2/catch.hpp>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

TEST_CASE("the help on vdevs is a type per line with its summary") {
    CHECK(help_on_vdevs(kGrammar.types()) ==
          "ser8250   a serial port\n"
          "ioapic    an interrupt controller\n"
          "mc146818  a clock\n"
          "dog       a watchdog\n");
}

TEST_CASE("the help on a vdev has each option's argument, meaning and default, and what every vdev has") {
    static constexpr std::array kOptions{
        OptionSpec{.name = "loc", .type = ArgType::Location, .help = "its place", .required = true},
        OptionSpec{.name = "action", .type = ArgType::Choice, .help = "what to do", .choices = kActions},
        OptionSpec{.name = "reg", .type = ArgType::Pair, .help = "presets", .repeatable = true, .fallback = "zero"},
        OptionSpec{.name = "legacy", .type = ArgType::Flag, .help = "as of old", .no_effect = "nobody knows how"},
        OptionSpec{.name = "log", .type = ArgType::LogRule, .help = "its own log"},
    };
    CHECK(help_on_vdev({"thing", "does things", kOptions}) ==
          "vdev thing: does things\n"
          "\n  loc [mem:|io:]address[,length] | pci:bus:device[.function]\n      its place\n      required\n"
          "\n  action terminate|dump\n      what to do\n"
          "\n  reg number,number\n      presets\n      may be repeated\n      default: zero\n"
          "\n  legacy\n      as of old\n      no effect: nobody knows how\n"
          "\n  log severity[,severity...] destination\n      its own log\n"
          "\n  name text\n      name of this vdev, unique in the VM\n");
}

TEST_CASE("the help on variables is one per line with type, context and why it has no effect") {
    static constexpr std::array kSome{
        VariableSpec{.name = "a-long-name", .type = VariableType::Tristate, .help = "works", .fallback = "auto"},
        VariableSpec{"short", VariableType::Number, "does not", "as yet", VariableContext::Vdev},
    };
    CHECK(help_on_variables(kSome) ==
          "a-long-name  (tristate, global)  works; default: auto\n"
          "short        (number, vdev)      does not; no effect: as yet\n");
}

TEST_CASE("every variable that has an effect says its default, and those of the language say theirs") {
    const auto text = help_on_variables(variables());
    for (const VariableSpec& variable : variables())
        if (variable.no_effect.empty()) CHECK_FALSE(variable.fallback.empty());
    for (const char* row : {"a halted vCPU gives up its host CPU; default: on", "; default: 0xffffffffffffffff",
                            "size of the slog buffer; default: 4K; no effect: "})
        CHECK(text.find(row) != std::string::npos);
}

TEST_CASE("the help on variables names every variable") {
    const auto text = help_on_variables(variables());
    for (const VariableSpec& variable : variables()) CHECK(text.find(variable.name) != std::string::npos);
    CHECK(text.find("slog-buffer                 (address, global)") != std::string::npos);
}
