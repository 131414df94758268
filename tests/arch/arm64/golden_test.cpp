// SPDX-License-Identifier: Apache-2.0
// The trees of three examples, as text that dtc can read, against those that are kept in golden/. A difference that is
// meant is taken over by running the test with QVM_RENEW_GOLDEN=1.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "arch/arm64/board_tree.hpp"
#include "arch/arm64/layout.hpp"
#include "arch/arm64/vdevs.hpp"
#include "arch/stretches.hpp"
#include "config/reader.hpp"
#include "devices/catalog.hpp"

using namespace qvm;
using namespace qvm::arm64;

namespace {

bool is_text(const std::vector<std::byte>& value) {
    if (value.size() < 2 || value.back() != std::byte{0} || value.front() == std::byte{0}) return false;
    bool after_end = false;
    for (const std::byte byte : value) {
        const auto letter = std::to_integer<unsigned>(byte);
        if (letter == 0 && after_end) return false;
        if (letter != 0 && (letter < ' ' || letter > '~')) return false;
        after_end = letter == 0;
    }
    return true;
}

std::string text_of(const std::vector<std::byte>& value) {
    std::string text = "\"";
    for (std::size_t i = 0; i + 1 < value.size(); ++i)
        text += value[i] == std::byte{0} ? "\", \"" : std::string(1, static_cast<char>(value[i]));
    return text + "\"";
}

std::string cells_of(const std::vector<std::byte>& value) {
    std::string text = "<";
    for (std::size_t i = 0; i < value.size(); i += 4) {
        unsigned cell = 0;
        for (std::size_t j = 0; j < 4; ++j) cell = cell << 8 | std::to_integer<unsigned>(value[i + j]);
        text += fmt::format("{}{:#x}", i == 0 ? "" : " ", cell);
    }
    return text + ">";
}

void print(const TreeNode& node, const std::string& indent, std::string& out) {
    out += fmt::format("{}{} {{\n", indent, node.name.empty() ? "/" : node.name);
    const std::string inner = indent + "    ";
    for (const TreeProperty& each : node.properties) {
        out += inner + each.name;
        if (!each.value.empty()) out += " = " + (is_text(each.value) ? text_of(each.value) : cells_of(each.value));
        out += ";\n";
    }
    for (const TreeNode& child : node.children) print(child, inner, out);
    out += indent + "};\n";
}

/// As the launcher would place it, from what the file says.
std::optional<TreeVdev> node_of(const VdevSpec& spec, const Catalog& catalog) {
    const VdevType* row = catalog.find(spec.syntax);
    const bool virtio = spec.syntax->type.starts_with("virtio-");
    VdevType type{.syntax = *spec.syntax, .acpi_hid = virtio ? "LNRO0005" : "", .make = nullptr, .level = virtio};
    if (row != nullptr) {
        type.tree = row->tree;
        type.level = row->level || virtio;
    }
    PlacedVdev placed{.type = &type};
    const auto* loc = spec.get<GuestLocation>("loc");
    if (loc != nullptr)
        placed.windows.push_back({false, Range::make(loc->address, virtio ? 0x200 : kDeviceWindow).value()});
    if (const auto* intr = spec.get<IntrSpec>("intr"); intr != nullptr)
        placed.interrupts.push_back({nullptr, *intr->line});
    return tree_vdev(placed);
}

std::string tree_of(const std::string& example) {
    const Catalog catalog{Boards::Arm64, {common_vdev_types(), vdev_types()}};
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics};
    const std::vector<std::string> words{"@" QVM_SOURCE_DIR "/examples/" + example + ".qvmconf"};
    reader.add_argv(words);
    const auto config = reader.read(catalog, {});
    REQUIRE(config);
    BoardTree board{.ram = memory_of_kind(config->memory, false),
                    .cpus = static_cast<unsigned>(config->cpus.size()),
                    .gic = plan_gic(*config, diagnostics)};
    if (config->cmdline) board.cmdline = config->cmdline->text;
    for (const VdevSpec& spec : config->vdevs)
        if (auto node = node_of(spec, catalog)) board.vdevs.push_back(std::move(*node));
    board.power_key = power_key_node();
    REQUIRE_FALSE(diagnostics.has_errors());
    std::string text = "// SPDX-License-Identifier: Apache-2.0\n/dts-v1/;\n";
    print(make_board_tree(board, nullptr).root, "", text);
    return text;
}

std::string file(const std::string& path) {
    std::ifstream in{path};
    return (std::stringstream{} << in.rdbuf()).str();
}

}  // namespace

TEST_CASE("the trees of the examples are those that are kept") {
    const std::string example = GENERATE("linux-arm64", "rtos-arm64", "shmem-linux-arm64");
    const std::string kept = QVM_SOURCE_DIR "/tests/arch/arm64/golden/" + example + ".dts";
    const std::string now = tree_of(example);
    if (std::getenv("QVM_RENEW_GOLDEN") != nullptr) std::ofstream{kept} << now;
    INFO(example);
    CHECK(now == file(kept));
}
