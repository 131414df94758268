// SPDX-License-Identifier: Apache-2.0
// Typed values as JSON; config_json.hpp says what they look like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/json_text.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// null for Blob::Sniff.
[[nodiscard]] std::string blob_json(Blob blob);
[[nodiscard]] std::string address_json(const std::optional<std::uint64_t>& address);
[[nodiscard]] std::string value_json(const GuestLocation& location);
[[nodiscard]] std::string value_json(const IntrSpec& intr);
[[nodiscard]] std::string value_json(const SchedSpec& sched);
[[nodiscard]] std::string log_rule_json(const LogRule& rule);
/// Members without the place, which the caller adds.
[[nodiscard]] JsonObject pass_location_json(const PassLocation& location);
[[nodiscard]] JsonObject pass_intr_json(const PassIntr& intr);
/// The value of an option of that type.
[[nodiscard]] std::string argument_json(const OptionSpec& spec, const ArgValue& value);

}  // namespace qvm
