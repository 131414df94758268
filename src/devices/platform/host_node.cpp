// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/host_node.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "devices/platform/tree_bus.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

// arm,gic-v3.yaml: the kind of an interrupt, and the ID of the first of each.
constexpr std::uint32_t kShared = 0, kPrivate = 1;
constexpr unsigned kFirstShared = 32, kFirstPrivate = 16;
constexpr std::uint32_t kGicCells = 3;  // at least

std::string bytes_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

std::vector<std::uint32_t> cells_of(const fs::path& file) {
    const std::string bytes = bytes_of(file);
    return tree_cells(std::as_bytes(std::span{bytes}));
}

std::optional<std::uint32_t> cell_of(const fs::path& file) {
    const std::vector<std::uint32_t> cells = cells_of(file);
    return cells.size() == 1 ? std::optional{cells.front()} : std::nullopt;
}

TreeBus bus_of(const fs::path& node) {
    TreeBus bus;
    bus.address_cells = cell_of(node / "#address-cells").value_or(bus.address_cells);
    bus.size_cells = cell_of(node / "#size-cells").value_or(bus.size_cells);
    std::error_code none;
    if (fs::exists(node / "ranges", none)) bus.ranges = cells_of(node / "ranges");
    return bus;
}

bool is_gic(const fs::path& node) {
    const std::string compatible = bytes_of(node / "compatible");
    for (std::string_view rest{compatible}; !rest.empty();) {
        if (rest.starts_with("arm,gic") || rest.starts_with("arm,cortex-a15-gic")) return true;
        rest.remove_prefix(std::min(rest.find('\0'), rest.size() - 1) + 1);
    }
    return false;
}

std::optional<unsigned> gic_id(std::span<const std::uint32_t> cells) {
    if (cells[0] == kShared) return cells[1] + kFirstShared;
    if (cells[0] == kPrivate) return cells[1] + kFirstPrivate;
    return std::nullopt;
}

}  // namespace

std::optional<HostNode> HostNode::behind(const fs::path& link, const fs::path& root) {
    std::error_code error;
    const fs::path top = fs::canonical(root / "sys/firmware/devicetree/base", error);
    if (error) return std::nullopt;
    const fs::path node = fs::canonical(link, error);
    const bool inside = !error && std::ranges::mismatch(top, node).in1 == top.end() && node != top;
    return inside ? std::optional{HostNode{node, top}} : std::nullopt;
}

bool HostNode::has(std::string_view property) const {
    std::error_code none;
    return fs::exists(node_ / property, none);
}

std::vector<Range> HostNode::registers() const {
    std::vector<TreeBus> buses;
    for (fs::path at = node_; at != top_;) buses.insert(buses.begin(), bus_of(at = at.parent_path()));
    std::vector<Range> all;
    for (const auto& each : registers_behind(buses, cells_of(node_ / "reg"))) {
        if (!each) break;
        all.push_back(*each);
    }
    return all;
}

std::optional<fs::path> HostNode::by_phandle(std::uint32_t phandle) const {
    std::error_code error;
    for (fs::recursive_directory_iterator each{top_, error}, end; !error && each != end; each.increment(error))
        if (each->path().filename() == "phandle" && cell_of(each->path()) == phandle) return each->path().parent_path();
    return std::nullopt;
}

/// As Linux 6.1 does, of_irq_find_parent(): a node above that is a controller is one as well.
std::optional<fs::path> HostNode::interrupt_parent() const {
    for (fs::path at = node_;;) {
        if (const auto phandle = cell_of(at / "interrupt-parent")) return by_phandle(*phandle);
        if (at == top_) return std::nullopt;
        at = at.parent_path();
        if (cell_of(at / "#interrupt-cells")) return at;
    }
}

std::vector<std::optional<unsigned>> HostNode::interrupts() const {
    const std::vector<std::uint32_t> extended = cells_of(node_ / "interrupts-extended");
    const std::vector<std::uint32_t> plain = extended.empty() ? cells_of(node_ / "interrupts") : extended;
    const std::size_t skip = extended.empty() ? 0 : 1;  // the phandle
    std::vector<std::optional<unsigned>> all;
    std::optional<fs::path> parent = extended.empty() ? interrupt_parent() : std::nullopt;
    for (std::span<const std::uint32_t> rest{plain}; !rest.empty();) {
        if (skip != 0) parent = by_phandle(rest.front());
        const auto cells = parent ? cell_of(*parent / "#interrupt-cells") : std::nullopt;
        if (!cells || *cells == 0 || rest.size() < skip + *cells) break;
        const bool gic = *cells >= kGicCells && is_gic(*parent);
        all.push_back(gic ? gic_id(rest.subspan(skip, *cells)) : std::nullopt);
        rest = rest.subspan(skip + *cells);
    }
    return all;
}

}  // namespace qvm
