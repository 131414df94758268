// SPDX-License-Identifier: Apache-2.0
// The argument of `sched`.
#include <fmt/format.h>

#include <algorithm>

#include "config/diagnostics.hpp"
#include "config/values.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kMaxPriority = 255;
constexpr const char* kSimpleHint = "a priority from 1 to 255 with an optional r, f or o, such as 50f";
constexpr const char* kSporadicHint = "the sporadic form is high,low,replenishments,period,budget and an s";

Parsed<SchedSpec::Policy> parse_policy(std::string_view letters, std::size_t offset) {
    if (letters.empty() || letters == "r") return SchedSpec::Policy::RoundRobin;
    if (letters == "f") return SchedSpec::Policy::Fifo;
    if (letters == "o") return SchedSpec::Policy::Other;
    return ValueError{fmt::format("unknown scheduling policy {}", quoted(letters)),
                      "a priority may end in r (round robin), f (first in, first out) or o (other)", offset, 0};
}

Parsed<std::uint32_t> priority_in(const Field& field, const char* hint) {
    const bool decimal = field.text.find_first_not_of("0123456789") == std::string_view::npos;
    const auto priority = number_in(field);
    if (decimal && priority && *priority >= 1 && *priority <= kMaxPriority) {
        return static_cast<std::uint32_t>(*priority);
    }
    return ValueError{fmt::format("{} is not a priority", quoted(field.text)), hint, field.offset, field.text.size()};
}

Parsed<std::uint64_t> amount_in(const Field& field) {
    auto amount = number_in(field);
    if (!amount || *amount != 0) return amount;
    return ValueError{"this must be at least 1", kSporadicHint, field.offset, field.text.size()};
}

Parsed<SchedSpec> parse_sporadic(std::string_view text) {
    if (text.ends_with('s')) text.remove_suffix(1);
    const std::vector<Field> fields = split(text, ',');
    if (fields.size() != 5) {
        return ValueError{fmt::format("{} numbers where the sporadic form has 5", fields.size()), kSporadicHint};
    }
    const auto high = priority_in(fields[0], kSporadicHint);
    if (!high) return high.error();
    const auto low = priority_in(fields[1], kSporadicHint);
    if (!low) return low.error();
    if (*low > *high) {
        return ValueError{"the low priority is above the high one", kSporadicHint, fields[1].offset,
                          fields[1].text.size()};
    }
    const auto replenishments = amount_in(fields[2]);
    if (!replenishments) return replenishments.error();
    const auto period = amount_in(fields[3]);
    if (!period) return period.error();
    const auto budget = amount_in(fields[4]);
    if (!budget) return budget.error();
    if (*budget > *period) {
        return ValueError{"the budget is longer than the period", kSporadicHint, fields[4].offset,
                          fields[4].text.size()};
    }
    return SchedSpec{*high, SchedSpec::Policy::Sporadic, Sporadic{*low, *replenishments, *period, *budget}};
}

}  // namespace

Parsed<SchedSpec> parse_sched(std::string_view text) {
    if (text.find(',') != std::string_view::npos) return parse_sporadic(text);
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto priority = priority_in({text.substr(0, digits), 0}, kSimpleHint);
    if (!priority) return ValueError{fmt::format("{} is not a priority", quoted(text)), kSimpleHint};
    const auto policy = parse_policy(text.substr(digits), digits);
    if (!policy) return policy.error();
    return SchedSpec{*priority, *policy};
}

}  // namespace qvm
