// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace qvm {

namespace {

constexpr std::uint64_t kLastPort = 0xffff;
constexpr std::size_t kMaxSystemName = 63;

/// `vendor/device`. The guides write both as hexadecimal with 0x.
Parsed<GuestLocation> parse_pci_id(const Field& field) {
    std::vector<Field> parts = split(field.text, '/');
    for (Field& each : parts) each.offset += field.offset;
    if (parts.size() > 2) return ValueError{"unexpected text after the device number", {}, parts[2].offset - 1, 0};
    const auto vendor = number_up_to(parts[0], 0xffff, "PCI vendor");
    if (!vendor) return vendor.error();
    const auto device = number_up_to(parts[1], 0xffff, "PCI device number");
    if (!device) return device.error();
    return GuestLocation{.space = GuestLocation::Space::Pci,
                         .pci_id = PciId{static_cast<std::uint16_t>(*vendor), static_cast<std::uint16_t>(*device)}};
}

/// `bus:device[.function]` or `vendor/device`, the word from `offset` on.
Parsed<GuestLocation> parse_pci(const Field& field) {
    if (field.text.find('/') != std::string_view::npos) return parse_pci_id(field);
    const std::vector<Field> parts = split(field.text, ':');
    if (parts.size() != 2) {
        return ValueError{"a PCI location is pci:bus:device[.function] or pci:vendor/device", {}, field.offset, 0};
    }
    std::vector<Field> slot = split(parts[1].text, '.');
    for (Field& each : slot) each.offset += parts[1].offset;
    for (Field& each : slot) each.offset += field.offset;
    if (slot.size() > 2) return ValueError{"unexpected text after the function number", {}, slot[2].offset - 1, 0};
    const auto bus = number_up_to({parts[0].text, field.offset}, 255, "PCI bus");
    if (!bus) return bus.error();
    const auto device = number_up_to(slot[0], 31, "PCI device");
    if (!device) return device.error();
    const auto function = slot.size() == 2 ? number_up_to(slot[1], 7, "PCI function") : Parsed<std::uint64_t>{0};
    if (!function) return function.error();
    return GuestLocation{.space = GuestLocation::Space::Pci, .address = *bus << 8 | *device << 3 | *function};
}

/// What is wrong with a location whose numbers are fine; nothing if it is possible.
std::optional<ValueError> impossible(const GuestLocation& where) {
    const auto range = Range::make(where.address, where.length.value_or(1));
    if (!range) {
        return ValueError{where.length == 0 ? "a length of zero" : "the end of this range does not fit in 64 bits"};
    }
    if (where.space == GuestLocation::Space::Io && range->last() > kLastPort) {
        return ValueError{"x86 I/O ports end at 0xffff"};
    }
    return std::nullopt;
}

/// `address[,length]`, the word from `offset` on.
Parsed<GuestLocation> parse_addressed(GuestLocation::Space space, std::string_view text, std::size_t offset) {
    std::vector<Field> fields = split(text, ',');
    for (Field& each : fields) each.offset += offset;
    if (fields.size() > 2) {
        return ValueError{"unexpected text after the length", "a location is [mem:|io:]address[,length]",
                          fields[2].offset, 0};
    }
    const auto address = size_in(fields[0]);
    if (!address) return address.error();
    GuestLocation out{.space = space, .address = *address};
    if (fields.size() == 2) {
        const auto length = size_in(fields[1]);
        if (!length) return length.error();
        out.length = *length;
    }
    if (auto error = impossible(out)) return *error;
    return out;
}

struct SeverityName {
    std::string_view name;
    Severity severity;
};
constexpr std::array kSeverities{
    SeverityName{"fatal", Severity::Fatal},  SeverityName{"internal", Severity::Internal},
    SeverityName{"error", Severity::Error},  SeverityName{"warn", Severity::Warn},
    SeverityName{"warning", Severity::Warn}, SeverityName{"info", Severity::Info},
    SeverityName{"debug", Severity::Debug},  SeverityName{"verbose", Severity::Verbose},
};

std::string suggest(std::string_view word, const std::vector<std::string_view>& allowed) {
    const std::string near = did_you_mean(word, allowed);
    return near.empty() ? fmt::format("one of: {}", fmt::join(allowed, ", ")) : near;
}

Parsed<ArgValue> parse_choice(const OptionSpec& spec, std::string_view text) {
    if (std::find(spec.choices.begin(), spec.choices.end(), text) != spec.choices.end()) {
        return ArgValue{std::string{text}};
    }
    return ValueError{fmt::format("{} is not a choice of '{}'", quoted(text), spec.name),
                      suggest(text, {spec.choices.begin(), spec.choices.end()})};
}

Parsed<std::vector<std::uint64_t>> parse_numbers(std::string_view text) {
    std::vector<std::uint64_t> out;
    for (const Field& field : split(text, ',')) {
        const auto number = size_in(field);
        if (!number) return number.error();
        out.push_back(*number);
    }
    return out;
}

Parsed<std::vector<IntrSpec>> parse_intrs(std::string_view text) {
    std::vector<IntrSpec> out;
    for (const Field& field : split(text, ',')) {
        const auto line = parse_intr(field.text);
        if (!line) {
            ValueError error = line.error();
            error.offset += field.offset;
            if (error.length == 0) error.length = field.offset + field.text.size() - error.offset;
            return error;
        }
        out.push_back(*line);
    }
    return out;
}

Parsed<NamedSize> parse_named_size(std::string_view text) {
    const std::size_t comma = text.rfind(',');
    if (comma == 0 || comma == std::string_view::npos)
        return ValueError{fmt::format("{} is not a name and a size", quoted(text)), "write name,size"};
    const auto size = size_in({text.substr(comma + 1), comma + 1});
    if (!size) return size.error();
    if (*size == 0) return ValueError{"a size of zero", {}, comma + 1, 0};
    return NamedSize{std::string{text.substr(0, comma)}, *size};
}

Parsed<std::uint64_t> parse_octal(std::string_view text) {
    std::uint64_t value = 0;
    const bool octal = !text.empty() && text.find_first_not_of("01234567") == std::string_view::npos;
    for (const char digit : text) value = value * 8 + static_cast<std::uint64_t>(digit - '0');
    if (octal && text.size() <= 20 && value <= 07777) return value;
    return ValueError{fmt::format("{} is not an access mode", quoted(text)), "up to 07777 in octal, such as 0600"};
}

template <typename T>
Parsed<ArgValue> as_argument(const Parsed<T>& value) {
    if (!value) return value.error();
    return ArgValue{*value};
}

bool is_name_byte(char byte) noexcept {
    const char lower = static_cast<char>(byte | 0x20);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

}  // namespace

Parsed<GuestLocation> parse_location(std::string_view text) {
    using Space = GuestLocation::Space;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return parse_addressed(Space::Default, text, 0);
    const std::string_view prefix = text.substr(0, colon);
    const std::string_view rest = text.substr(colon + 1);
    if (prefix == "mem") return parse_addressed(Space::Memory, rest, colon + 1);
    if (prefix == "io") return parse_addressed(Space::Io, rest, colon + 1);
    if (prefix == "pci") return parse_pci({rest, colon + 1});
    return ValueError{fmt::format("unknown address space {}", quoted(prefix)), suggest(prefix, {"mem", "io", "pci"}), 0,
                      colon};
}

Parsed<IntrSpec> parse_intr(std::string_view text) {
    constexpr std::uint64_t kLastLine = std::numeric_limits<std::uint32_t>::max();
    const std::size_t colon = text.find(':');
    const bool bare = colon == std::string_view::npos && scan_number(text).what != Scan::Malformed;
    if (colon == std::string_view::npos && !bare) {
        if (text.empty()) return ValueError{"an interrupt is controller:line, such as 'myioapic:4'"};
        return IntrSpec{std::string{text}, std::nullopt};
    }
    if (colon == 0) return ValueError{"the interrupt controller's name is missing before ':'"};
    const std::size_t start = bare ? 0 : colon + 1;
    const auto line = number_up_to({text.substr(start), start}, kLastLine, "interrupt line");
    if (!line) return line.error();
    return IntrSpec{std::string{text.substr(0, bare ? 0 : colon)}, static_cast<std::uint32_t>(*line)};
}

Parsed<HostDev> parse_hostdev(std::string_view text) {
    HostDev out;
    std::string_view target = text;
    if (target.starts_with('<')) out.direction = HostDev::Direction::Input;
    if (target.starts_with('>')) out.direction = HostDev::Direction::Output;
    if (out.direction != HostDev::Direction::Both) target.remove_prefix(1);
    if (target == "-") out.kind = HostDev::Kind::Stdio;
    if (target.starts_with('|')) out.kind = HostDev::Kind::Command;
    if (out.kind == HostDev::Kind::Command) target.remove_prefix(1);
    if (target.find_first_not_of(" \t\n") == std::string_view::npos) {
        return ValueError{out.kind == HostDev::Kind::Command ? "a command is missing after '|'" : "a path is missing",
                          "hostdev takes [<|>]path, - for the terminal, or \"|command\""};
    }
    if (out.kind != HostDev::Kind::Stdio) out.target = target;
    return out;
}

Parsed<Delay> parse_delay(std::string_view text) {
    if (text == "forever") return Delay{};
    const auto seconds = parse_number(text);
    if (seconds) return Delay{*seconds};
    return ValueError{fmt::format("{} is not a delay", quoted(text)), "a number of seconds, or 'forever'"};
}

Parsed<NumberPair> parse_pair(std::string_view text) {
    const std::vector<Field> fields = split(text, ',');
    if (fields.size() != 2) {
        return ValueError{fmt::format("{} is not a pair of numbers", quoted(text)), "two numbers such as 0x0b,0x02"};
    }
    const auto first = number_in(fields[0]);
    if (!first) return first.error();
    const auto second = number_in(fields[1]);
    if (!second) return second.error();
    return NumberPair{*first, *second};
}

Parsed<std::vector<std::uint32_t>> parse_runmask(std::string_view text) {
    std::vector<std::uint32_t> cpus;
    std::vector<bool> seen(kLastCpu + 1);
    for (const Field& field : split(text, ',')) {
        auto cpu = number_up_to(field, kLastCpu, "CPU number");
        if (!cpu && field.text.find('-') != std::string_view::npos) {
            return ValueError{fmt::format("{} is not a CPU number", quoted(field.text)),
                              "ranges are not part of the language; name each CPU: 0,1,2,3", field.offset,
                              field.text.size()};
        }
        if (!cpu) return cpu.error();
        if (!seen[*cpu]) cpus.push_back(static_cast<std::uint32_t>(*cpu));
        seen[*cpu] = true;
    }
    return cpus;
}

Parsed<std::vector<Severity>> parse_severities(std::string_view text) {
    std::vector<Severity> out;
    for (const Field& field : split(text, ',')) {
        const auto found = std::find_if(kSeverities.begin(), kSeverities.end(),
                                        [&field](const SeverityName& each) { return each.name == field.text; });
        if (found == kSeverities.end()) {
            std::vector<std::string_view> names;
            names.reserve(kSeverities.size());
            for (const SeverityName& each : kSeverities) names.push_back(each.name);
            return ValueError{fmt::format("unknown severity {}", quoted(field.text)), suggest(field.text, names),
                              field.offset, field.text.size()};
        }
        if (std::find(out.begin(), out.end(), found->severity) == out.end()) out.push_back(found->severity);
    }
    return out;
}

Parsed<LogDestination> parse_destination(std::string_view text) {
    if (text == "stdout") return LogDestination::Stdout;
    if (text == "stderr") return LogDestination::Stderr;
    if (text == "slog") return LogDestination::Slog;
    if (text == "none") return LogDestination::None;
    return ValueError{fmt::format("unknown log destination {}", quoted(text)),
                      suggest(text, {"stdout", "stderr", "slog", "none"})};
}

Parsed<UnsupportedSpec::Type> parse_unsupported_type(std::string_view text) {
    using Type = UnsupportedSpec::Type;
    if (text == "instruction") return Type::Instruction;
    if (text == "reference") return Type::Reference;
    if (text == "register") return Type::Register;
    return ValueError{fmt::format("unknown type {} of what is unsupported", quoted(text)),
                      suggest(text, {"instruction", "reference", "register"})};
}

Parsed<UnsupportedSpec::Action> parse_unsupported_action(std::string_view text) {
    using Action = UnsupportedSpec::Action;
    if (text == "abort") return Action::Abort;
    if (text == "fail") return Action::Fail;
    if (text == "ignore") return Action::Ignore;
    return ValueError{fmt::format("unknown action {}", quoted(text)), suggest(text, {"abort", "fail", "ignore"})};
}

Parsed<Safety> parse_safety(std::string_view text) {
    if (text == "none") return Safety::None;
    if (text == "warn") return Safety::Warn;
    if (text == "required") return Safety::Required;
    return ValueError{fmt::format("{} is not a choice of 'safety'", quoted(text)),
                      suggest(text, {"none", "warn", "required"})};
}

Parsed<std::string> parse_system_name(std::string_view text) {
    const std::string hint = "1 to 63 letters, digits, '.', '_' or '-'";
    if (text.empty() || text == "." || text == ".." || text.size() > kMaxSystemName) {
        return ValueError{fmt::format("{} cannot be the name of a VM", quoted(text)), hint};
    }
    const auto bad = std::find_if_not(text.begin(), text.end(), is_name_byte);
    if (bad == text.end()) return std::string{text};
    return ValueError{fmt::format("{} cannot be the name of a VM", quoted(text)), hint,
                      static_cast<std::size_t>(bad - text.begin()), 1};
}

Parsed<MemoryArgument> parse_memory(std::string_view text) {
    const std::vector<Field> fields = split(text, ',');
    if (fields.size() > 2) {
        return ValueError{"unexpected text after the length", "write [start,]length", fields[2].offset, 0};
    }
    MemoryArgument out;
    if (fields.size() == 2) {
        const auto start = size_in(fields[0]);
        if (!start) return start.error();
        out.start = *start;
    }
    const auto length = size_in(fields.back());
    if (!length) return length.error();
    out.length = *length;
    return out;
}

Parsed<LoadArgument> parse_load(std::string_view text) {
    LoadArgument out;
    const std::size_t comma = text.find(',');
    const Scanned address = comma == std::string_view::npos ? Scanned{} : scan_size(text.substr(0, comma));
    if (address.what == Scan::Overflow) {
        ValueError error = overflow_error(text.substr(0, comma));
        error.length = comma;
        return error;
    }
    const bool has_address = address.what == Scan::Number;
    if (has_address) out.address = address.value;
    out.path = has_address ? text.substr(comma + 1) : text;
    if (out.path.empty()) return ValueError{"the path of the file is missing", "write [address,]path"};
    return out;
}

Parsed<ArgValue> parse_argument(const OptionSpec& spec, std::string_view text) {
    switch (spec.type) {
        case ArgType::Number:
            return as_argument(parse_number(text));
        case ArgType::Size:
            return as_argument(parse_size(text));
        case ArgType::String:
            return ArgValue{std::string{text}};
        case ArgType::Choice:
            return parse_choice(spec, text);
        case ArgType::Location:
            return as_argument(parse_location(text));
        case ArgType::Intr:
            return as_argument(parse_intr(text));
        case ArgType::HostDev:
            return as_argument(parse_hostdev(text));
        case ArgType::Sched:
            return as_argument(parse_sched(text));
        case ArgType::Delay:
            return as_argument(parse_delay(text));
        case ArgType::Pair:
            return as_argument(parse_pair(text));
        case ArgType::Numbers:
            return as_argument(parse_numbers(text));
        case ArgType::Intrs:
            return as_argument(parse_intrs(text));
        case ArgType::NamedSize:
            return as_argument(parse_named_size(text));
        case ArgType::Mac:
            return as_argument(parse_mac(text));
        case ArgType::Octal:
            return as_argument(parse_octal(text));
        case ArgType::PassLocation:
            return as_argument(parse_pass_location(text));
        case ArgType::PassIntr:
            return as_argument(parse_pass_intr(text));
        case ArgType::Flag:
        case ArgType::LogRule:
            break;
    }
    return ValueError{"this option does not take one argument"};
}

std::string describe_argument(const OptionSpec& spec) {
    switch (spec.type) {
        case ArgType::Flag:
            return {};
        case ArgType::Number:
            return "a number such as 10 or 0x1f";
        case ArgType::Size:
            return "a size or an address such as 0x1000 or 512M";
        case ArgType::String:
            return "one word; quotes keep blanks together";
        case ArgType::Choice:
            return fmt::format("one of: {}", fmt::join(spec.choices, ", "));
        case ArgType::Location:
            return "a location, [mem:|io:]address[,length] or pci:bus:device[.function]";
        case ArgType::Intr:
            return "an interrupt line, controller:line, such as 'myioapic:4'";
        case ArgType::HostDev:
            return "[<|>]path, - for the terminal, or \"|command\"";
        case ArgType::Sched:
            return "a priority from 1 to 255 with an optional r, f or o, such as 50f";
        case ArgType::Delay:
            return "a number of seconds, or 'forever'";
        case ArgType::Pair:
            return "two numbers such as 0x0b,0x02";
        case ArgType::Numbers:
            return "numbers with commas between, such as 0x30000000,0x50,0x100";
        case ArgType::Intrs:
            return "interrupt lines, controller:line[,controller:line...]";
        case ArgType::NamedSize:
            return "a name and a size, such as frames,64K";
        case ArgType::Mac:
            return "a hardware address such as 02:00:00:12:34:56";
        case ArgType::Octal:
            return "access rights in octal, such as 0600";
        case ArgType::PassLocation:
            return "[mem:|io:]address[,length][,attributes][=host], or pci:device[=pci:device of the host]";
        case ArgType::PassIntr:
            return "an interrupt line, controller:line[,t|u][=host interrupt]";
        case ArgType::LogRule:
            return "severities and a destination, such as error,warn stderr";
    }
    return {};
}

unsigned argument_count(ArgType type) noexcept {
    if (type == ArgType::Flag) return 0;
    return type == ArgType::LogRule ? 2 : 1;
}

}  // namespace qvm
