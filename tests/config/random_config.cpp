// SPDX-License-Identifier: Apache-2.0
#include "config/random_config.hpp"

#include <algorithm>
#include <array>

#include "config/values.hpp"

namespace qvm::test {

namespace {

/// Everything that the lexer, the substitution or a value could take for something else.
constexpr std::array<std::string_view, 40> kPieces{" ",
                                                   "\"",
                                                   "\\",
                                                   "\\\\",
                                                   "#",
                                                   "$env{X}",
                                                   "\\$env{X}",
                                                   "$env{IMAGES}",
                                                   "$asinfo_start{a}",
                                                   "$asinfo_length{",
                                                   "$env{",
                                                   "$",
                                                   "}",
                                                   "\r",
                                                   "\n",
                                                   "\r\n",
                                                   "\\\n",
                                                   "\\\r\n",
                                                   "\t",
                                                   "\v",
                                                   "\f",
                                                   "\xc3\xa4",
                                                   "\xe2\x82\xac",
                                                   "\xf0\x9f\x98\x80",
                                                   "\xef\xbb\xbf",
                                                   "@file",
                                                   "?",
                                                   "'",
                                                   ",",
                                                   ":",
                                                   "=",
                                                   "vdev",
                                                   "ram",
                                                   "0x10",
                                                   "-",
                                                   "|",
                                                   "<",
                                                   ">",
                                                   "plain",
                                                   "/a/b"};

}  // namespace

std::uint64_t RandomConfig::number() {
    switch (below(5)) {
        case 0:
            return below(3);
        case 1:
            return below(10000);
        case 2:
            return std::uint64_t{1 + below(5)} << below(61);
        case 3:
            return UINT64_MAX - below(2);
        default:
            return random_() >> below(64);
    }
}

std::string RandomConfig::text() {
    std::string out;
    for (std::uint64_t left = below(6); left != 0; --left) out += kPieces[below(kPieces.size())];
    return out;
}

std::string RandomConfig::text_without(std::string_view bytes) {
    std::string out = text();
    std::erase_if(out, [bytes](char byte) { return bytes.find(byte) != std::string_view::npos; });
    return out;
}

/// Neither a number before a comma, nor one of the signs that `hostdev` and `dump` begin with, nor blank.
std::string RandomConfig::path() {
    constexpr std::array<std::string_view, 6> kStarts{"/", "@", "?", "$env{", "\"", "x"};
    return std::string{kStarts[below(kStarts.size())]} + text();
}

std::string RandomConfig::command() { return text() + "c" + text(); }

GuestLocation RandomConfig::pci() {
    GuestLocation out{.space = GuestLocation::Space::Pci};
    if (coin()) {
        out.address = below(0x10000);
    } else {
        out.pci_id = PciId{static_cast<std::uint16_t>(below(0x10000)), static_cast<std::uint16_t>(below(0x10000))};
    }
    return out;
}

GuestLocation RandomConfig::location() {
    using Space = GuestLocation::Space;
    const auto space = static_cast<Space>(below(4));
    if (space == Space::Pci) return pci();
    const std::uint64_t last = space == Space::Io ? 0xffff : UINT64_MAX;
    GuestLocation out{.space = space, .address = std::min(number(), last)};
    const std::uint64_t room = last - out.address;
    if (coin()) out.length = room == 0 ? 1 : 1 + std::min(number(), room - 1);
    return out;
}

/// With a controller, as vdevs and `pass` need it. A number alone would be a line without a controller.
IntrSpec RandomConfig::intr(std::string_view without) {
    IntrSpec out{(coin() ? "c" : "4") + text_without(without), static_cast<std::uint32_t>(number())};
    if (below(4) != 0) return out;
    out.controller.insert(0, "c");
    out.line.reset();
    return out;
}

IntrSpec RandomConfig::any_intr(std::string_view without) {
    if (coin()) return intr(without);
    return {{}, static_cast<std::uint32_t>(number())};
}

HostDev RandomConfig::hostdev() {
    HostDev out{.direction = static_cast<HostDev::Direction>(below(3)),
                .kind = static_cast<HostDev::Kind>(below(3)),
                .target = {}};
    if (out.kind == HostDev::Kind::Path) out.target = path();
    if (out.kind == HostDev::Kind::Command) out.target = command();
    return out;
}

SchedSpec RandomConfig::sched() {
    SchedSpec out{static_cast<std::uint32_t>(1 + below(255)), static_cast<SchedSpec::Policy>(below(4))};
    if (out.policy != SchedSpec::Policy::Sporadic) return out;
    const std::uint64_t period = std::max<std::uint64_t>(number(), 1);
    out.sporadic = Sporadic{static_cast<std::uint32_t>(1 + below(out.priority)), std::max<std::uint64_t>(number(), 1),
                            period, 1 + below(period)};
    return out;
}

LogRule RandomConfig::log_rule() {
    LogRule out{{}, static_cast<LogDestination>(below(4))};
    for (std::uint8_t each = 0; each < kSeverityCount; ++each) {
        if (coin()) out.severities.push_back(static_cast<Severity>(each));
    }
    if (out.severities.empty()) out.severities.push_back(Severity::Error);
    shuffle(out.severities);
    return out;
}

std::string RandomConfig::mac() {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out = "02:00:00:00:00:00";
    for (std::size_t at = 0; at < out.size(); ++at) {
        if (at % 3 != 2) out[at] = kHex[at == 1 ? 2 * below(8) : below(16)];
    }
    return out;
}

PassLocation RandomConfig::pass_location() {
    PassLocation out{.guest = location()};
    if (out.guest.space == GuestLocation::Space::Pci) out.guest.address &= 0xff;  // the guest has bus 0 only
    for (std::uint64_t left = below(4); left != 0; --left)
        out.attributes += kPassAttributes[below(kPassAttributes.size())];
    if (coin()) return out;
    const std::uint64_t last_start = UINT64_MAX - (out.guest.length.value_or(1) - 1);
    const bool is_pci = out.guest.space == GuestLocation::Space::Pci;
    out.host = is_pci ? pci() : GuestLocation{.address = std::min(number(), last_start)};
    return out;
}

PassIntr RandomConfig::pass_intr() {
    PassIntr out{.guest = intr(":,="), .delivery = static_cast<PassIntr::Delivery>(below(3))};
    if (coin()) out.host = number();
    return out;
}

ArgValue RandomConfig::argument(const OptionSpec& spec) {
    switch (spec.type) {
        case ArgType::Flag:
            return std::monostate{};
        case ArgType::Number:
        case ArgType::Size:
            return number();
        case ArgType::String:
            // A vdev's name is unique and not empty.
            return text() + (spec.name == "name" ? std::to_string(++names_) : "");
        case ArgType::Choice:
            return std::string{spec.choices[below(spec.choices.size())]};
        case ArgType::Location:
            return location();
        case ArgType::Intr:
            return intr(":");
        case ArgType::HostDev:
            return hostdev();
        case ArgType::Sched:
            return sched();
        case ArgType::Delay:
            return coin() ? Delay{} : Delay{number()};
        case ArgType::Pair:
            return NumberPair{number(), number()};
        case ArgType::Numbers:
            return coin() ? std::vector{number()} : std::vector{number(), number(), number()};
        case ArgType::Intrs:
            return coin() ? std::vector{any_intr(":,")} : std::vector{any_intr(":,"), any_intr(":,")};
        case ArgType::NamedSize:
            return NamedSize{command(), std::max<std::uint64_t>(number(), 1)};
        case ArgType::Mac:
            return mac();
        case ArgType::PassLocation:
            return pass_location();
        case ArgType::PassIntr:
            return pass_intr();
        case ArgType::Octal:
            return below(010000);
        case ArgType::LogRule:
            return log_rule();
    }
    return {};
}

}  // namespace qvm::test
