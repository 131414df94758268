// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/aml.hpp"

#include <algorithm>
#include <stdexcept>

namespace qvm::x86::aml {
namespace {

// Opcodes (ACPI 6.4, 20.2).
enum Op : std::uint8_t {
    kZero = 0x00,
    kOne = 0x01,
    kName = 0x08,
    kBytePrefix = 0x0a,
    kWordPrefix = 0x0b,
    kDWordPrefix = 0x0c,
    kStringPrefix = 0x0d,
    kQWordPrefix = 0x0e,
    kScope = 0x10,
    kBuffer = 0x11,
    kPackage = 0x12,
    kExtPrefix = 0x5b,
    kExtDevice = 0x82,
};

// Resource descriptors (ACPI 6.4, 6.4.2 and 6.4.3): small ones with their length, large ones without.
enum Descriptor : std::uint8_t {
    kIrqNoFlags = 0x22,
    kIoPort = 0x47,
    kEndTag = 0x79,
    kMemory32Fixed = 0x86,
    kDWordAddressSpace = 0x87,
    kWordAddressSpace = 0x88,
    kExtendedInterrupt = 0x89,
    kQWordAddressSpace = 0x8a,
};

constexpr std::uint8_t kConsumer = 1U << 0;
constexpr std::uint8_t kEdge = 1U << 1;         // extended interrupt
constexpr std::uint8_t kMinMaxFixed = 3U << 2;  // address space
constexpr std::uint8_t kDecode16 = 1U << 0;     // I/O port
constexpr std::uint8_t kReadWrite = 1U << 0;    // memory
constexpr std::uint8_t kEntireRange = 3U << 0;  // I/O address space
constexpr std::uint8_t kMemoryRange = 0;        // address space type
constexpr std::uint8_t kIoRange = 1;
constexpr std::uint8_t kBusNumberRange = 2;

void append(Bytes& out, std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes prefixed(std::uint8_t prefix, std::uint64_t value, unsigned size) {
    Bytes out{prefix};
    append(out, value, size);
    return out;
}

Bytes name_string(std::string_view path) {
    Bytes out;
    if (path.starts_with('\\')) {
        out.push_back('\\');
        path.remove_prefix(1);
    }
    if (path.empty() || path.size() > 4) throw std::logic_error{"AML: a name has one to four characters"};
    out.insert(out.end(), path.begin(), path.end());
    out.insert(out.end(), 4 - path.size(), '_');
    return out;
}

/// The term's length counts its own bytes (ACPI 6.4, 20.2.4).
Bytes package_length(std::size_t contents) {
    if (contents + 1 < 0x40) return {static_cast<std::uint8_t>(contents + 1)};
    for (unsigned extra = 1; extra <= 3; ++extra) {
        const std::size_t length = contents + 1 + extra;
        if (length >> (4 + 8 * extra) != 0) continue;
        Bytes out{static_cast<std::uint8_t>(extra << 6 | (length & 0xf))};
        append(out, length >> 4, extra);
        return out;
    }
    throw std::length_error{"AML: a term is too long"};
}

Bytes block(Bytes opcode, const Bytes& contents) {
    opcode += package_length(contents.size());
    opcode += contents;
    return opcode;
}

bool is_eisa_id(std::string_view hid) {
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
    return hid.size() == 7 && std::all_of(hid.begin(), hid.begin() + 3, upper) &&
           std::all_of(hid.begin() + 3, hid.end(), digit);
}

/// Three letters of five bits and four hexadecimal digits, most significant byte first (ACPI 6.4, 19.3.4).
std::uint32_t eisa_id(std::string_view hid) {
    std::uint32_t value = 0;
    for (const char c : hid.substr(0, 3)) value = value << 5 | (static_cast<std::uint32_t>(c) - 0x40);
    for (const char c : hid.substr(3))
        value = value << 4 | static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'A' + 10);
    return value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff'0000) | value << 24;
}

struct AddressSpace {
    std::uint8_t type;
    std::uint8_t specific_flags;
    bool consumer;  ///< else what a bridge passes on
};
constexpr AddressSpace kOwnPorts{kIoRange, kEntireRange, true};
constexpr AddressSpace kOwnMemory{kMemoryRange, kReadWrite, true};
constexpr AddressSpace kBridgeMemory{kMemoryRange, kReadWrite, false};
constexpr AddressSpace kBridgeBuses{kBusNumberRange, 0, false};

/// Word, DWord and QWord address space descriptors differ in the size of their fields alone.
Bytes address_space(unsigned width, const AddressSpace& space, std::uint64_t base, std::uint64_t size) {
    Bytes out{width == 2 ? kWordAddressSpace : width == 4 ? kDWordAddressSpace : kQWordAddressSpace};
    append(out, 3 + 5 * width, 2);
    out +=
        {space.type, static_cast<std::uint8_t>(kMinMaxFixed | (space.consumer ? kConsumer : 0)), space.specific_flags};
    append(out, 0, width);  // granularity
    append(out, base, width);
    append(out, base + (size - 1), width);
    append(out, 0, width);  // translation
    append(out, size, width);
    return out;
}

}  // namespace

Bytes& operator+=(Bytes& list, const Bytes& term) {
    list.insert(list.end(), term.begin(), term.end());
    return list;
}

Bytes integer(std::uint64_t value) {
    if (value == 0) return {kZero};
    if (value == 1) return {kOne};
    if (value <= UINT8_MAX) return prefixed(kBytePrefix, value, 1);
    if (value <= UINT16_MAX) return prefixed(kWordPrefix, value, 2);
    if (value <= UINT32_MAX) return prefixed(kDWordPrefix, value, 4);
    return prefixed(kQWordPrefix, value, 8);
}

Bytes string(std::string_view text) {
    Bytes out{kStringPrefix};
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(0);
    return out;
}

Bytes hardware_id(std::string_view hid) {
    return is_eisa_id(hid) ? prefixed(kDWordPrefix, eisa_id(hid), 4) : string(hid);
}

Bytes buffer(const Bytes& contents) {
    Bytes sized = integer(contents.size());
    sized += contents;
    return block({kBuffer}, sized);
}

Bytes package(const std::vector<Bytes>& elements) {
    if (elements.size() > UINT8_MAX) throw std::length_error{"AML: a package has at most 255 elements"};
    Bytes contents{static_cast<std::uint8_t>(elements.size())};
    for (const Bytes& element : elements) contents += element;
    return block({kPackage}, contents);
}

Bytes name(std::string_view path, const Bytes& value) {
    Bytes out{kName};
    out += name_string(path);
    out += value;
    return out;
}

Bytes scope(std::string_view path, const Bytes& terms) {
    Bytes contents = name_string(path);
    contents += terms;
    return block({kScope}, contents);
}

Bytes device(std::string_view path, const Bytes& terms) {
    Bytes contents = name_string(path);
    contents += terms;
    return block({kExtPrefix, kExtDevice}, contents);
}

Bytes resource_template(const Bytes& descriptors) {
    Bytes contents = descriptors;
    contents += {kEndTag, 0};  // a checksum of zero stands for "not computed"
    return buffer(contents);
}

Bytes io_ports(std::uint16_t base, std::uint32_t size) {
    if (size > UINT8_MAX) return address_space(2, kOwnPorts, base, size);
    Bytes out{kIoPort, kDecode16};
    append(out, base, 2);  // minimum
    append(out, base, 2);  // maximum
    out += {1, static_cast<std::uint8_t>(size)};
    return out;
}

Bytes memory(std::uint64_t base, std::uint64_t size) {
    if (base > UINT32_MAX || size > UINT32_MAX - base) return address_space(8, kOwnMemory, base, size);
    Bytes out{kMemory32Fixed, 9, 0, kReadWrite};
    append(out, base, 4);
    append(out, size, 4);
    return out;
}

Bytes bridge_buses(std::uint8_t first, std::uint8_t last) {
    return address_space(2, kBridgeBuses, first, last - first + 1U);
}

Bytes bridge_memory(std::uint64_t base, std::uint64_t size) {
    const bool below_4g = base <= UINT32_MAX && size <= UINT32_MAX - base;
    return address_space(below_4g ? 4 : 8, kBridgeMemory, base, size);
}

Bytes irq(unsigned number) {
    if (number >= 16) throw std::logic_error{"AML: no ISA interrupt"};
    return prefixed(kIrqNoFlags, 1U << number, 2);
}

Bytes extended_interrupt(std::uint32_t gsi, bool level) {
    Bytes out{kExtendedInterrupt, 6, 0, static_cast<std::uint8_t>(kConsumer | (level ? 0 : kEdge)), 1};
    append(out, gsi, 4);
    return out;
}

}  // namespace qvm::x86::aml
