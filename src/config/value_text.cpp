// SPDX-License-Identifier: Apache-2.0
#include "config/value_text.hpp"

#include <fmt/format.h>

#include <array>

namespace qvm {

namespace {

template <std::size_t N, typename Enum>
constexpr std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) noexcept {
    const auto at = static_cast<std::size_t>(value);
    return at < N ? names[at] : std::string_view{};
}

// In the order of the enumerations.
constexpr std::array<std::string_view, kSeverityCount> kSeverities{"fatal", "internal", "error",  "warn",
                                                                   "info",  "debug",    "verbose"};
constexpr std::array<std::string_view, 4> kDestinations{"stdout", "stderr", "slog", "none"};
constexpr std::array<std::string_view, 3> kSafeties{"none", "warn", "required"};
constexpr std::array<std::string_view, 3> kUnsupportedTypes{"instruction", "reference", "register"};
constexpr std::array<std::string_view, 3> kUnsupportedActions{"abort", "fail", "ignore"};
constexpr std::array<std::string_view, 6> kBlobs{"", "guest", "initrd", "fdt", "data", "acpi"};
constexpr std::array<std::string_view, 4> kSpaces{"", "mem:", "io:", "pci:"};
constexpr std::array<std::string_view, 3> kDirections{"", "<", ">"};
constexpr std::array<std::string_view, 3> kPolicies{"", "f", "o"};
constexpr std::array<std::string_view, 3> kDeliveries{"", ",t", ",u"};

/// `text(each)` with commas between.
template <typename List, typename Text>
std::string joined(const List& list, Text text) {
    std::string out;
    for (const auto& each : list) out += (out.empty() ? "" : ",") + std::string{text(each)};
    return out;
}

std::string pci_text(const GuestLocation& where) {
    if (where.pci_id) return fmt::format("pci:{:#06x}/{:#06x}", where.pci_id->vendor, where.pci_id->device);
    return fmt::format("pci:{}:{}.{}", where.address >> 8, where.address >> 3 & 31, where.address & 7);
}

std::string number_text(ArgType type, std::uint64_t value) {
    if (type == ArgType::Size) return address_text(value);
    return type == ArgType::Octal ? fmt::format("0{:o}", value) : fmt::format("{}", value);
}

/// One for each alternative of ArgValue; log rules, which are two words, are seen to by the caller.
struct Wording {
    ArgType type;

    std::string operator()(std::monostate /*flag*/) const { return {}; }
    std::string operator()(std::uint64_t value) const { return number_text(type, value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const GuestLocation& value) const { return location_text(value); }
    std::string operator()(const IntrSpec& value) const { return intr_text(value); }
    std::string operator()(const HostDev& value) const { return hostdev_text(value); }
    std::string operator()(const SchedSpec& value) const { return sched_text(value); }
    std::string operator()(const Delay& value) const {
        return value.seconds ? std::to_string(*value.seconds) : "forever";
    }
    std::string operator()(const NumberPair& value) const { return fmt::format("{},{}", value.first, value.second); }
    std::string operator()(const LogRule& value) const { return severities_text(value.severities); }
    std::string operator()(const NamedSize& value) const { return value.name + ',' + length_text(value.size); }
    std::string operator()(const std::vector<IntrSpec>& value) const { return joined(value, intr_text); }
    std::string operator()(const std::vector<std::uint64_t>& value) const { return joined(value, address_text); }
    std::string operator()(const PassLocation& value) const { return pass_location_text(value); }
    std::string operator()(const PassIntr& value) const { return pass_intr_text(value); }
};

}  // namespace

std::string_view severity_name(Severity severity) noexcept { return name_in(kSeverities, severity); }
std::string_view destination_name(LogDestination destination) noexcept { return name_in(kDestinations, destination); }
std::string_view safety_name(Safety safety) noexcept { return name_in(kSafeties, safety); }
std::string_view unsupported_type_name(UnsupportedSpec::Type type) noexcept { return name_in(kUnsupportedTypes, type); }
std::string_view unsupported_action_name(UnsupportedSpec::Action action) noexcept {
    return name_in(kUnsupportedActions, action);
}
std::string_view blob_name(Blob blob) noexcept { return name_in(kBlobs, blob); }

std::string address_text(std::uint64_t address) { return fmt::format("{:#x}", address); }

std::string length_text(std::uint64_t bytes) {
    constexpr std::string_view kSuffixes = "TGMK";
    for (std::size_t at = 0; at < kSuffixes.size() && bytes != 0; ++at) {
        const std::uint64_t unit = kKiB << 10 * (kSuffixes.size() - 1 - at);
        if (bytes % unit == 0) return fmt::format("{}{}", bytes / unit, kSuffixes[at]);
    }
    return address_text(bytes);
}

std::string location_text(const GuestLocation& location) {
    if (location.space == GuestLocation::Space::Pci) return pci_text(location);
    std::string out{name_in(kSpaces, location.space)};
    out += address_text(location.address);
    if (location.length) out += ',' + length_text(*location.length);
    return out;
}

std::string intr_text(const IntrSpec& intr) {
    if (!intr.line) return intr.controller;
    return intr.controller.empty() ? std::to_string(*intr.line) : fmt::format("{}:{}", intr.controller, *intr.line);
}

std::string hostdev_text(const HostDev& host) {
    std::string out{name_in(kDirections, host.direction)};
    if (host.kind == HostDev::Kind::Stdio) return out + '-';
    return out + (host.kind == HostDev::Kind::Command ? "|" : "") + host.target;
}

std::string sched_text(const SchedSpec& sched) {
    if (!sched.sporadic) return fmt::format("{}{}", sched.priority, name_in(kPolicies, sched.policy));
    const Sporadic& more = *sched.sporadic;
    return fmt::format("{},{},{},{},{}s", sched.priority, more.low, more.max_replenishments, more.period, more.budget);
}

std::string runmask_text(const std::vector<std::uint32_t>& cpus) {
    return joined(cpus, [](std::uint32_t cpu) { return std::to_string(cpu); });
}

std::string severities_text(const std::vector<Severity>& severities) { return joined(severities, severity_name); }

std::string pass_location_text(const PassLocation& location) {
    std::string out = location_text(location.guest);
    if (!location.attributes.empty()) out += ',' + location.attributes;
    if (location.host) out += '=' + location_text(*location.host);
    return out;
}

std::string pass_intr_text(const PassIntr& intr) {
    std::string out = intr_text(intr.guest);
    out += name_in(kDeliveries, intr.delivery);
    if (intr.host) out += '=' + std::to_string(*intr.host);
    return out;
}

std::string dump_text(const DumpSpec& dump) { return (dump.command ? "|" : "") + dump.target; }

std::string user_text(const UserSpec& user) {
    if (user.groups.empty()) return user.user;
    return user.user + ':' + joined(user.groups, [](const std::string& group) { return group; });
}

std::vector<std::string> argument_words(const OptionSpec& spec, const ArgValue& value) {
    if (spec.type == ArgType::Flag) return {};
    std::vector<std::string> out{std::visit(Wording{spec.type}, value)};
    if (const auto* rule = std::get_if<LogRule>(&value)) out.emplace_back(destination_name(rule->destination));
    return out;
}

}  // namespace qvm
