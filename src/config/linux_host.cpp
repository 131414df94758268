// SPDX-License-Identifier: Apache-2.0
#include "config/linux_host.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/text_file.hpp"

namespace qvm {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kReserved = "/proc/device-tree/reserved-memory";
constexpr std::string_view kIomem = "/proc/iomem";
constexpr std::string_view kUseMap = "a host map can name the range";

/// What one source has under a name.
struct Found {
    std::string_view source;
    bool named = false;  ///< the name is there, with whatever ranges
    std::vector<Range> ranges{};
    bool hidden = false;  ///< the kernel shows zeros to this user
};

fs::path below(const fs::path& root, std::string_view path) { return root / path.substr(1); }

/// A big-endian number of `cells` 32-bit cells, from byte `at` on.
std::uint64_t cells_at(std::string_view bytes, std::size_t at, std::size_t cells) noexcept {
    std::uint64_t value = 0;
    for (const char byte : bytes.substr(at, 4 * cells)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

std::size_t cell_count(const fs::path& file, std::size_t fallback) {
    const FileText cells = read_text_file(file.string());
    return cells.error.empty() && cells.text.size() == 4 ? cells_at(cells.text, 0, 1) : fallback;
}

/// The ranges of a node's `reg`; none if its form is not understood.
std::vector<Range> ranges_of(const fs::path& node) {
    constexpr std::size_t kAddressCells = 2;  // what the device tree's specification says for a missing property
    constexpr std::size_t kSizeCells = 1;
    const std::size_t address = cell_count(node.parent_path() / "#address-cells", kAddressCells);
    const std::size_t size = cell_count(node.parent_path() / "#size-cells", kSizeCells);
    const std::string reg = read_text_file((node / "reg").string()).text;
    if (address < 1 || address > 2 || size < 1 || size > 2) return {};
    const std::size_t entry = 4 * (address + size);
    std::vector<Range> out;
    for (std::size_t at = 0; at + entry <= reg.size(); at += entry) {
        const auto range = Range::make(cells_at(reg, at, address), cells_at(reg, at + 4 * address, size));
        if (range) out.push_back(*range);
    }
    return out;
}

Found search_device_tree(const fs::path& root, std::string_view name) {
    std::array<std::vector<fs::path>, 3> matches;  // by name, by label, by name before the '@'
    std::error_code error;
    for (fs::directory_iterator each{below(root, kReserved), error}, end; !error && each != end;
         each.increment(error)) {
        const fs::path& node = each->path();
        const std::string own = node.filename().string();
        std::string label = read_text_file((node / "label").string()).text;
        label.resize(std::min(label.find('\0'), label.size()));
        if (!fs::is_directory(node)) continue;
        if (own == name) matches[0].push_back(node);
        if (label == name) matches[1].push_back(node);
        if (own.substr(0, own.find('@')) == name) matches[2].push_back(node);
    }
    Found found{.source = kReserved};
    for (const auto& nodes : matches) {
        if (nodes.empty()) continue;
        found.named = true;
        for (const fs::path& node : nodes) {
            for (const Range& range : ranges_of(node)) found.ranges.push_back(range);
        }
        break;
    }
    return found;
}

bool take_hex(std::string_view& text, std::uint64_t& value) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{};
}

bool take_text(std::string_view& text, std::string_view expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

/// `  80000000-8fffffff : name`, both addresses inclusive.
void search_line(std::string_view line, std::string_view name, Found& found) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!take_hex(line, first) || !take_text(line, "-") || !take_hex(line, last) || !take_text(line, " : ")) return;
    if (line != name) return;
    found.named = true;
    found.hidden = found.hidden || (first == 0 && last == 0);
    const auto range = last < first ? std::nullopt : Range::make(first, last - first + 1);
    if (range) found.ranges.push_back(*range);
}

Found search_iomem(const fs::path& root, std::string_view name) {
    const std::string text = read_text_file(below(root, kIomem).string()).text;
    Found found{.source = kIomem};
    for (const Field& line : split(text, '\n')) search_line(line.text, name, found);
    return found;
}

ValueError unusable(const Found& found, std::string_view name) {
    const std::string hint{kUseMap};
    if (found.hidden) {
        return {fmt::format("{} hides the address of {} from this user", found.source, quoted(name)), hint};
    }
    if (found.ranges.empty()) {
        return {fmt::format("{} of {} has no fixed range", quoted(name), found.source), hint};
    }
    return {fmt::format("{} names {} ranges in {}", quoted(name), found.ranges.size(), found.source), hint};
}

}  // namespace

LinuxHost::LinuxHost(fs::path root) : root_{std::move(root)} {}

std::optional<std::string> LinuxHost::environment(std::string_view name) const {
    const char* value = std::getenv(std::string{name}.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
}

Parsed<Range> LinuxHost::region(std::string_view name) const {
    Found found = search_device_tree(root_, name);
    if (!found.named) found = search_iomem(root_, name);
    if (!found.named) {
        return ValueError{fmt::format("this host has no region named {}", quoted(name)),
                          fmt::format("searched: {}, {}; {}", kReserved, kIomem, kUseMap)};
    }
    if (found.hidden || found.ranges.size() != 1) return unusable(found, name);
    return found.ranges.front();
}

const HostInfo& this_host() {
    static const LinuxHost host;
    return host;
}

}  // namespace qvm
