// SPDX-License-Identifier: Apache-2.0
// Typed values -> words: what values.hpp reads, the other way round. Each function gives, unquoted, the normal form of
// a value that its counterpart there can return; read again it is equal. Numbers are decimal, addresses 0x..., and
// lengths as people write them where that is exact (64K, 512M).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_spec.hpp"
#include "config/vm_config.hpp"

namespace qvm {

[[nodiscard]] std::string_view severity_name(Severity severity) noexcept;
[[nodiscard]] std::string_view destination_name(LogDestination destination) noexcept;
[[nodiscard]] std::string_view safety_name(Safety safety) noexcept;
[[nodiscard]] std::string_view unsupported_type_name(UnsupportedSpec::Type type) noexcept;
[[nodiscard]] std::string_view unsupported_action_name(UnsupportedSpec::Action action) noexcept;
/// The word before `load` or `pass`; empty for Blob::Sniff.
[[nodiscard]] std::string_view blob_name(Blob blob) noexcept;

[[nodiscard]] std::string address_text(std::uint64_t address);
[[nodiscard]] std::string length_text(std::uint64_t bytes);
[[nodiscard]] std::string location_text(const GuestLocation& location);
[[nodiscard]] std::string intr_text(const IntrSpec& intr);
[[nodiscard]] std::string hostdev_text(const HostDev& host);
[[nodiscard]] std::string sched_text(const SchedSpec& sched);
[[nodiscard]] std::string runmask_text(const std::vector<std::uint32_t>& cpus);
[[nodiscard]] std::string severities_text(const std::vector<Severity>& severities);
[[nodiscard]] std::string pass_location_text(const PassLocation& location);
[[nodiscard]] std::string pass_intr_text(const PassIntr& intr);
[[nodiscard]] std::string dump_text(const DumpSpec& dump);
[[nodiscard]] std::string user_text(const UserSpec& user);

/// The words behind an option, as many as argument_count() says.
[[nodiscard]] std::vector<std::string> argument_words(const OptionSpec& spec, const ArgValue& value);

}  // namespace qvm
