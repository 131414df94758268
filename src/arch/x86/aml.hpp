// SPDX-License-Identifier: Apache-2.0
// As much ACPI Machine Language as a board without methods needs (ACPI 6.4, chapter 20), and resource descriptors
// (6.4). Every function gives the bytes of one term; terms nest by being passed on.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace qvm::x86::aml {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] Bytes integer(std::uint64_t value);
[[nodiscard]] Bytes string(std::string_view text);
/// A hardware id: as an EISA id if it has the form (three capitals, four hexadecimal digits), else as a string.
[[nodiscard]] Bytes hardware_id(std::string_view hid);
[[nodiscard]] Bytes buffer(const Bytes& contents);
[[nodiscard]] Bytes package(const std::vector<Bytes>& elements);

// Names have one segment of up to four characters, with `\` in front for the root.
[[nodiscard]] Bytes name(std::string_view path, const Bytes& value);
[[nodiscard]] Bytes scope(std::string_view path, const Bytes& terms);
[[nodiscard]] Bytes device(std::string_view path, const Bytes& terms);

/// A buffer for _CRS, with its end tag.
[[nodiscard]] Bytes resource_template(const Bytes& descriptors);
[[nodiscard]] Bytes io_ports(std::uint16_t base, std::uint32_t size);
[[nodiscard]] Bytes memory(std::uint64_t base, std::uint64_t size);
/// What a bridge passes on: bus numbers, and memory addresses.
[[nodiscard]] Bytes bridge_buses(std::uint8_t first, std::uint8_t last);
[[nodiscard]] Bytes bridge_memory(std::uint64_t base, std::uint64_t size);
/// An ISA interrupt, edge and active high; below 16.
[[nodiscard]] Bytes irq(unsigned number);
/// Any interrupt, active high.
[[nodiscard]] Bytes extended_interrupt(std::uint32_t gsi, bool level);

/// Appends one term to a list of terms.
Bytes& operator+=(Bytes& list, const Bytes& term);

}  // namespace qvm::x86::aml
