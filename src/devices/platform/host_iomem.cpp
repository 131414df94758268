// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/host_iomem.hpp"

#include <algorithm>
#include <fstream>
#include <regex>
#include <string_view>

#include "vmm/host_text.hpp"

namespace qvm {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::string_view kSeparator = " : ";

/// "  09010000-09010fff : rtc-pl031"
std::optional<HostResource> parse(std::string_view line) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t separator = line.find(kSeparator);
    if (separator == std::string_view::npos || separator < indent) return std::nullopt;
    const std::string_view addresses = line.substr(indent, separator - indent);
    const std::size_t dash = addresses.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = number_of<std::uint64_t>(addresses.substr(0, dash), 16);
    const auto last = number_of<std::uint64_t>(addresses.substr(dash + 1), 16);
    if (!first || !last || *last < *first || *last - *first == UINT64_MAX) return std::nullopt;
    const auto range = Range::make(*first, *last - *first + 1);
    if (!range || *last == 0) return std::nullopt;
    return HostResource{*range, static_cast<unsigned>(indent / kIndent),
                        std::string{line.substr(separator + kSeparator.size())}};
}

std::vector<HostResource> read(const std::filesystem::path& file) {
    std::vector<HostResource> all;
    std::ifstream stream{file};
    for (std::string line; std::getline(stream, line);)
        if (auto found = parse(line)) all.push_back(std::move(*found));
    for (std::size_t i = 0; i < all.size(); ++i) all[i].inner = i + 1 == all.size() || all[i + 1].depth <= all[i].depth;
    return all;
}

/// "PCI Bus 0000:00", "pnp 00:04", "0000:00:1f.3", "QEMU0002:00", "Reserved": places, not drivers.
bool is_place(const std::string& name) {
    static const std::regex kPlaces{
        R"(PCI Bus .*|pnp .*|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[A-Z0-9]{7,8}:[0-9a-f]{2}|Reserved|reserved)"};
    return std::regex_match(name, kPlaces);
}

}  // namespace

std::vector<HostResource> host_memory_map(const std::filesystem::path& root) { return read(root / "proc/iomem"); }

std::vector<HostResource> host_port_map(const std::filesystem::path& root) { return read(root / "proc/ioports"); }

std::string resource_at(const std::vector<HostResource>& all, const Range& range) {
    const HostResource* deepest = nullptr;
    for (const HostResource& each : all)
        if (each.range.overlaps(range) && (deepest == nullptr || each.depth > deepest->depth)) deepest = &each;
    return deepest != nullptr ? deepest->name : "";
}

const HostResource* neighbour_in(const std::vector<HostResource>& all, const Range& range) {
    const HostResource* own = nullptr;
    for (const HostResource& each : all)
        if (each.range.contains(range.start()) && (own == nullptr || each.depth >= own->depth)) own = &each;
    const auto found = std::ranges::find_if(all, [&](const HostResource& each) {
        const bool inside = own != nullptr && own->range.contains(each.range.start(), each.range.size());
        return each.inner && each.range.overlaps(range) && !inside;
    });
    return found != all.end() ? &*found : nullptr;
}

std::optional<Range> host_ram_in(const std::vector<HostResource>& all, const Range& range) {
    const auto found = std::ranges::find_if(
        all, [&](const HostResource& each) { return each.name == "System RAM" && each.range.overlaps(range); });
    return found != all.end() ? std::optional{found->range} : std::nullopt;
}

std::string port_driver(const std::vector<HostResource>& all, const Range& range) {
    const auto found = std::ranges::find_if(all, [&](const HostResource& each) {
        return each.inner && each.range.overlaps(range) && !is_place(each.name);
    });
    return found != all.end() ? found->name : "";
}

}  // namespace qvm
