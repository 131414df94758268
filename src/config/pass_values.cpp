// SPDX-License-Identifier: Apache-2.0
// The arguments of pass, dump and user, and hardware addresses.
#include <fmt/format.h>

#include <algorithm>

#include "config/diagnostics.hpp"
#include "config/values.hpp"

namespace qvm {

namespace {

using Space = GuestLocation::Space;

constexpr const char* kPassForm = "pass loc [mem:|io:]address[,length][,attributes][=host], or pci:...[=pci:...]";

/// The same error, in a word where the value begins at `offset`.
ValueError moved(ValueError error, std::size_t offset, std::size_t length) {
    if (error.length == 0) error.length = length - error.offset;
    error.offset += offset;
    return error;
}

bool is_attributes(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of(kPassAttributes) == std::string_view::npos;
}

/// What stands behind the address: `length`, `attributes` or both, and an empty field before `=`.
struct Tail {
    std::string_view location;  ///< address and length, for parse_location()
    std::string attributes;
};

Parsed<Tail> split_tail(std::string_view text, bool before_host) {
    std::vector<Field> fields = split(text, ',');
    if (before_host && fields.size() > 1 && fields.back().text.empty()) fields.pop_back();
    Tail tail{text.substr(0, fields.back().offset + fields.back().text.size()), {}};
    if (fields.size() < 2) return tail;
    const Field& last = fields.back();
    const bool digit = !last.text.empty() && last.text[0] >= '0' && last.text[0] <= '9';
    if (!is_attributes(last.text)) {
        if (digit || last.text.empty()) return tail;
        const std::size_t bad = std::min(last.text.find_first_not_of(kPassAttributes), last.text.size() - 1);
        return ValueError{fmt::format("unknown attribute {}", quoted(last.text.substr(bad, 1))),
                          fmt::format("attributes are letters of {}", kPassAttributes), last.offset + bad, 1};
    }
    tail.attributes = last.text;
    tail.location = text.substr(0, last.offset - 1);
    return tail;
}

Parsed<GuestLocation> parse_host(std::string_view text, Space guest) {
    if (guest == Space::Pci) {
        auto host = parse_location(text);
        if (!host || host->space == Space::Pci) return host;
        return ValueError{"a PCI device of the host is pci:bus:device[.function] or pci:vendor/device"};
    }
    const auto address = parse_size(text.starts_with("mem:") ? text.substr(4) : text);
    if (!address) return address.error();
    return GuestLocation{.address = *address};
}

int hex_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_identifier(std::string_view text) noexcept {
    const auto bad = [](char byte) {
        return byte == ':' || byte == ',' || byte == ' ' || byte == '\t' || byte == '\n';
    };
    return !text.empty() && std::none_of(text.begin(), text.end(), bad);
}

}  // namespace

Parsed<PassLocation> parse_pass_location(std::string_view text) {
    const std::size_t equals = text.find('=');
    const bool has_host = equals != std::string_view::npos;
    const auto tail = split_tail(text.substr(0, equals), has_host);
    if (!tail) return tail.error();
    const auto guest = parse_location(tail->location);
    if (!guest) {
        ValueError error = moved(guest.error(), 0, tail->location.size());
        if (error.hint.empty()) error.hint = kPassForm;
        return error;
    }
    PassLocation out{.guest = *guest, .attributes = tail->attributes};
    if (guest->space == Space::Pci && guest->address >> 8 != 0)
        return ValueError{"a passed device is on bus 0 of the guest",
                          "before '=' stands the guest's slot, after it the host's: pci:0:3.0=pci:1:0.0", 0,
                          tail->location.size()};
    if (!has_host) return out;
    const std::string_view rest = text.substr(equals + 1);
    const auto host = parse_host(rest, guest->space);
    if (!host) return moved(host.error(), equals + 1, rest.size());
    out.host = *host;
    const std::uint64_t length = guest->length.value_or(1);
    if (host->space == Space::Default && !Range::make(host->address, length))
        return ValueError{"the end of the host's range does not fit in 64 bits", {}, equals + 1, rest.size()};
    return out;
}

Parsed<PassIntr> parse_pass_intr(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::vector<Field> fields = split(text.substr(0, equals), ',');
    const bool empty_last = fields.size() > 1 && equals != std::string_view::npos && fields.back().text.empty();
    const std::size_t count = fields.size() - (empty_last ? 1 : 0);
    const auto guest = parse_intr(fields[0].text);
    if (!guest) return moved(guest.error(), 0, fields[0].text.size());
    PassIntr out{.guest = *guest};
    if (count > 2 || (count == 2 && fields[1].text != "t" && fields[1].text != "u"))
        return ValueError{fmt::format("unknown attribute {}", quoted(fields[1].text)),
                          "an interrupt may have t (by a thread) or u (unmask at once)", fields[1].offset,
                          std::max<std::size_t>(fields[1].text.size(), 1)};
    if (count == 2) out.delivery = fields[1].text == "t" ? PassIntr::Delivery::Thread : PassIntr::Delivery::Unmask;
    if (equals == std::string_view::npos) return out;
    const auto host = number_in({text.substr(equals + 1), equals + 1});
    if (!host) return host.error();
    out.host = *host;
    return out;
}

Parsed<DumpSpec> parse_dump(std::string_view text) {
    DumpSpec out{.command = text.starts_with('|'), .target = {}, .where = {}};
    out.target = text.substr(out.command ? 1 : 0);
    if (out.target.find_first_not_of(" \t\n") != std::string::npos) return out;
    return ValueError{out.command ? "a command is missing after '|'" : "the name of a directory is missing",
                      "dump takes a directory or \"|command\""};
}

Parsed<UserSpec> parse_user(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view user = text.substr(0, colon);
    if (!is_identifier(user))
        return ValueError{fmt::format("{} is not a user", quoted(user)), "write uid[:gid[,gid...]], numbers or names",
                          0, std::max<std::size_t>(user.size(), 1)};
    UserSpec out{.user = std::string{user}};
    if (colon == std::string_view::npos) return out;
    for (const Field& field : split(text.substr(colon + 1), ',')) {
        if (!is_identifier(field.text))
            return ValueError{fmt::format("{} is not a group", quoted(field.text)),
                              "write uid[:gid[,gid...]], numbers or names", colon + 1 + field.offset,
                              std::max<std::size_t>(field.text.size(), 1)};
        out.groups.emplace_back(field.text);
    }
    return out;
}

Parsed<std::string> parse_mac(std::string_view text) {
    constexpr std::size_t kDigits = 12;
    const bool colons = text.size() == kDigits + 5;
    std::string digits;
    bool good = colons || text.size() == kDigits;
    for (std::size_t at = 0; good && at < text.size(); ++at) {
        if (colons && at % 3 == 2) {
            good = text[at] == ':' || text[at] == '-';
        } else {
            good = hex_digit(text[at]) >= 0;
            digits += static_cast<char>(text[at] >= 'A' && text[at] <= 'F' ? text[at] | 0x20 : text[at]);
        }
    }
    if (!good)
        return ValueError{fmt::format("{} is not a hardware address", quoted(text)),
                          "six bytes in hexadecimal, such as 02:00:00:12:34:56"};
    if ((hex_digit(digits[1]) & 1) != 0)
        return ValueError{fmt::format("{} is a group address, which no network card has", quoted(text)),
                          "the first byte must be even, such as 02"};
    std::string out;
    for (std::size_t at = 0; at < kDigits; at += 2) out += (at == 0 ? "" : ":") + digits.substr(at, 2);
    return out;
}

}  // namespace qvm
