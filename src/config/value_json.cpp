// SPDX-License-Identifier: Apache-2.0
#include "config/value_json.hpp"

#include <fmt/format.h>

#include <array>

#include "config/value_text.hpp"

namespace qvm {

namespace {

// In the order of the enumerations; an empty one is null.
constexpr std::array<std::string_view, 3> kSpaces{"", "mem", "io"};
constexpr std::array<std::string_view, 3> kDirections{"", "input", "output"};
constexpr std::array<std::string_view, 3> kKinds{"stdio", "path", "command"};
constexpr std::array<std::string_view, 4> kPolicies{"r", "f", "o", "s"};
constexpr std::array<std::string_view, 3> kDeliveries{"", "thread", "unmask"};

template <std::size_t N, typename Enum>
std::string name_json(const std::array<std::string_view, N>& names, Enum value) {
    const auto at = static_cast<std::size_t>(value);
    return at < N && !names[at].empty() ? json_string(names[at]) : "null";
}

std::string number_json(std::uint64_t value) { return std::to_string(value); }

std::string pci_json(const GuestLocation& where) {
    JsonObject out;
    out.text("space", "pci");
    if (where.pci_id) {
        out.text("vendor_id", fmt::format("{:#06x}", where.pci_id->vendor));
        return out.text("device_id", fmt::format("{:#06x}", where.pci_id->device)).done();
    }
    out.number("bus", where.address >> 8).number("device", where.address >> 3 & 31);
    return out.number("function", where.address & 7).done();
}

/// One for each alternative of ArgValue.
struct ToJson {
    ArgType type;

    std::string operator()(std::monostate /*flag*/) const { return "true"; }
    std::string operator()(std::uint64_t value) const {
        return type == ArgType::Size ? address_json(value) : number_json(value);
    }
    std::string operator()(const std::string& value) const { return json_string(value); }
    std::string operator()(const GuestLocation& value) const { return value_json(value); }
    std::string operator()(const IntrSpec& value) const { return value_json(value); }
    std::string operator()(const HostDev& value) const {
        const bool stdio = value.kind == HostDev::Kind::Stdio;
        return JsonObject{}
            .raw("direction", name_json(kDirections, value.direction))
            .raw("kind", name_json(kKinds, value.kind))
            .raw("target", stdio ? "null" : json_string(value.target))
            .done();
    }
    std::string operator()(const SchedSpec& value) const { return value_json(value); }
    std::string operator()(const Delay& value) const {
        return value.seconds ? number_json(*value.seconds) : json_string("forever");
    }
    std::string operator()(const NumberPair& value) const { return fmt::format("[{},{}]", value.first, value.second); }
    std::string operator()(const LogRule& value) const { return log_rule_json(value); }
    std::string operator()(const NamedSize& value) const {
        return JsonObject{}.text("name", value.name).text("size", address_text(value.size)).done();
    }
    std::string operator()(const std::vector<IntrSpec>& value) const {
        return json_array(value, [](const IntrSpec& each) { return value_json(each); });
    }
    std::string operator()(const std::vector<std::uint64_t>& value) const {
        return json_array(value, [](std::uint64_t each) { return address_json(each); });
    }
    std::string operator()(const PassLocation& value) const { return pass_location_json(value).done(); }
    std::string operator()(const PassIntr& value) const { return pass_intr_json(value).done(); }
};

}  // namespace

std::string blob_json(Blob blob) { return blob == Blob::Sniff ? "null" : json_string(blob_name(blob)); }

std::string address_json(const std::optional<std::uint64_t>& address) {
    return address ? json_string(address_text(*address)) : "null";
}

std::string value_json(const GuestLocation& location) {
    if (location.space == GuestLocation::Space::Pci) return pci_json(location);
    return JsonObject{}
        .raw("space", name_json(kSpaces, location.space))
        .raw("address", address_json(location.address))
        .raw("length", address_json(location.length))
        .done();
}

std::string value_json(const IntrSpec& intr) {
    return JsonObject{}
        .raw("controller", intr.controller.empty() ? "null" : json_string(intr.controller))
        .raw("line", intr.line ? number_json(*intr.line) : "null")
        .done();
}

std::string value_json(const SchedSpec& sched) {
    JsonObject out;
    out.number("priority", sched.priority).raw("policy", name_json(kPolicies, sched.policy));
    if (!sched.sporadic) return out.done();
    return out.number("low", sched.sporadic->low)
        .number("max_replenishments", sched.sporadic->max_replenishments)
        .number("period", sched.sporadic->period)
        .number("budget", sched.sporadic->budget)
        .done();
}

std::string log_rule_json(const LogRule& rule) {
    const auto name = [](Severity each) { return json_string(severity_name(each)); };
    return JsonObject{}
        .raw("severities", json_array(rule.severities, name))
        .text("destination", destination_name(rule.destination))
        .done();
}

JsonObject pass_location_json(const PassLocation& location) {
    return JsonObject{}
        .raw("guest", value_json(location.guest))
        .text("attributes", location.attributes)
        .raw("host", location.host ? value_json(*location.host) : "null");
}

JsonObject pass_intr_json(const PassIntr& intr) {
    return JsonObject{}
        .raw("guest", value_json(intr.guest))
        .raw("delivery", name_json(kDeliveries, intr.delivery))
        .raw("host", intr.host ? number_json(*intr.host) : "null");
}

std::string argument_json(const OptionSpec& spec, const ArgValue& value) {
    return std::visit(ToJson{spec.type}, value);
}

}  // namespace qvm
