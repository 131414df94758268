// SPDX-License-Identifier: Apache-2.0
// The variables of `set`, declared in a table as the options are.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "config/values.hpp"

namespace qvm {

enum class VariableType : std::uint8_t {
    Address,   ///< as for memory: 0x1000, 4K
    Boolean,   ///< on/off, 1/0, yes/no, true/false
    Tristate,  ///< boolean or `auto`
    Number,    ///< decimal or 0x, 64 bits
    String,    ///< the word as it stands
    Choice,    ///< one of VariableSpec::choices
    Cpus,      ///< host CPUs: 0,1
    Sched,     ///< as for `cpu`: 50f
};

/// What a variable belongs to.
enum class VariableContext : std::uint8_t { Global, Vdev };

struct VariableSpec {
    std::string_view name;
    VariableType type;
    std::string_view help;
    std::string_view no_effect{};  ///< why setting it does nothing here; empty if it works
    VariableContext context = VariableContext::Global;
    std::span<const std::string_view> choices{};  ///< for VariableType::Choice
    std::string_view fallback{};                  ///< the default in words; empty if there is none
};

[[nodiscard]] std::span<const VariableSpec> variables() noexcept;
/// Null if there is no such variable.
[[nodiscard]] const VariableSpec* find_variable(std::string_view name) noexcept;
/// Of a boolean or tristate value that was checked.
[[nodiscard]] bool is_true(std::string_view value) noexcept;
/// The value as text if it is one of the variable's type.
[[nodiscard]] Parsed<std::string> check_variable(const VariableSpec& variable, std::string_view value);

}  // namespace qvm
