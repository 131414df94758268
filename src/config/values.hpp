// SPDX-License-Identifier: Apache-2.0
// One argument -> one typed value. Every function takes the word without quotes and knows nothing of its place; an
// error says which part of the word is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/numbers.hpp"
#include "config/option_spec.hpp"
#include "config/vm_config.hpp"

namespace qvm {

[[nodiscard]] Parsed<GuestLocation> parse_location(std::string_view text);
/// `controller:line`, `controller`, or a bare line number, which leaves the controller empty.
[[nodiscard]] Parsed<IntrSpec> parse_intr(std::string_view text);
[[nodiscard]] Parsed<HostDev> parse_hostdev(std::string_view text);
/// `priority[r|f|o]`, or the sporadic `high,low,replenishments,period,budget[s]`.
[[nodiscard]] Parsed<SchedSpec> parse_sched(std::string_view text);
[[nodiscard]] Parsed<Delay> parse_delay(std::string_view text);
[[nodiscard]] Parsed<NumberPair> parse_pair(std::string_view text);
/// Far above any kernel's limit; which CPUs exist is for whoever places the threads to know.
inline constexpr std::uint64_t kLastCpu = 0xffff;
/// `0,1,5`: host CPUs in the order given, each once.
[[nodiscard]] Parsed<std::vector<std::uint32_t>> parse_runmask(std::string_view text);
/// `error,warn,...`: the first argument of `logger` and `log`.
[[nodiscard]] Parsed<std::vector<Severity>> parse_severities(std::string_view text);
/// The second argument of `logger` and `log`.
[[nodiscard]] Parsed<LogDestination> parse_destination(std::string_view text);
[[nodiscard]] Parsed<Safety> parse_safety(std::string_view text);
[[nodiscard]] Parsed<UnsupportedSpec::Type> parse_unsupported_type(std::string_view text);
[[nodiscard]] Parsed<UnsupportedSpec::Action> parse_unsupported_action(std::string_view text);
/// `directory` or `|command`.
[[nodiscard]] Parsed<DumpSpec> parse_dump(std::string_view text);
/// `uid[:gid[,gid...]]`; whether they exist is for the host to say.
[[nodiscard]] Parsed<UserSpec> parse_user(std::string_view text);
/// `location[,length][,attributes][[,]=host]` of `pass`.
[[nodiscard]] Parsed<PassLocation> parse_pass_location(std::string_view text);
/// `line[,t|u][=vector]` of `pass`.
[[nodiscard]] Parsed<PassIntr> parse_pass_intr(std::string_view text);
/// Six bytes in hexadecimal, with colons or without; becomes lower case with colons.
[[nodiscard]] Parsed<std::string> parse_mac(std::string_view text);
/// The letters that `pass loc` knows.
inline constexpr std::string_view kPassAttributes = "+-rwxcemdnstb";
/// `[A-Za-z0-9._-]{1,63}`, but neither `.` nor `..`: it names a directory.
[[nodiscard]] Parsed<std::string> parse_system_name(std::string_view text);

/// `[start,]length` of `ram` and `rom`, as written; the range is judged by MemoryPlan.
struct MemoryArgument {
    std::optional<std::uint64_t> start;
    std::uint64_t length = 0;
};
[[nodiscard]] Parsed<MemoryArgument> parse_memory(std::string_view text);

/// `[address,]path`. A path may have commas: what stands before the first is an address only if it is a number.
struct LoadArgument {
    std::optional<std::uint64_t> address;
    std::string path;
};
[[nodiscard]] Parsed<LoadArgument> parse_load(std::string_view text);

/// The argument of an option from a table, for every type that takes exactly one word.
[[nodiscard]] Parsed<ArgValue> parse_argument(const OptionSpec& spec, std::string_view text);

/// What an option takes, in words for messages and help: "a size such as 512M"; empty for ArgType::Flag.
[[nodiscard]] std::string describe_argument(const OptionSpec& spec);
/// How many words follow the option.
[[nodiscard]] unsigned argument_count(ArgType type) noexcept;

}  // namespace qvm
