// SPDX-License-Identifier: Apache-2.0
// Nodes of the host's tree that become the guest's (Devicetree Specification 0.3, 2.3; bindings of Linux 6.1).
#include "arch/arm64/passed_tree.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "arch/arm64/board_tree.hpp"
#include "arch/arm64/host_tree.hpp"
#include "support/fake_root.hpp"

using namespace qvm;
using namespace qvm::arm64;

namespace {

constexpr std::uint32_t kGic = 0x8001, kApb = 0x8000, kUartClock = 0x8003, kOddClock = 0x8004;
constexpr std::uint64_t kRtc = 0x901'0000, kTimer = 0xfe20'1000;

std::vector<std::byte> cells(std::initializer_list<std::uint32_t> values) {
    TreeNode node;
    node.cells("x", values);
    return node.properties.front().value;
}

void add_clock(TreeNode& root, const char* name, std::uint32_t phandle, std::uint32_t rate) {
    TreeNode& node = root.add(name);
    node.text("compatible", "fixed-clock");
    node.cells("clock-frequency", {rate});
    node.cells("phandle", {phandle});
    node.cells("#clock-cells", {0});
}

/// Of a clock at the top and a timer behind two buses that move its addresses.
DeviceTree make_host() {
    DeviceTree tree;
    tree.root.cells("#address-cells", {2});
    tree.root.cells("#size-cells", {2});
    tree.root.cells("interrupt-parent", {kGic});
    add_clock(tree.root, "apb-pclk", kApb, 24'000'000);
    add_clock(tree.root, "uart-clock", kUartClock, 48'000'000);
    TreeNode& memory = tree.root.add("memory@40000000");
    memory.text("device_type", "memory");
    memory.wide("reg", {0x4000'0000, 0x4000'0000});
    TreeNode& gic = tree.root.add("intc@8000000");
    gic.text("compatible", "arm,gic-v3");
    gic.cells("#interrupt-cells", {3});
    gic.cells("phandle", {kGic});
    TreeNode& rtc = tree.root.add("pl031@9010000");
    rtc.text("compatible", "arm,pl031");
    rtc.wide("reg", {kRtc, 0x1000});
    rtc.cells("interrupts", {0, 2, 4});
    rtc.cells("clocks", {kApb});
    rtc.text("clock-names", "apb_pclk");
    rtc.text("status", "okay");
    rtc.cells("phandle", {0x77});
    rtc.cells("resets", {0x78, 1});
    rtc.cells("pinctrl-0", {0x79});
    rtc.cells("vdd-supply", {0x7a});
    rtc.flag("wakeup-source");
    TreeNode& soc = tree.root.add("soc");
    soc.text("compatible", "simple-bus");
    soc.cells("#address-cells", {1});
    soc.cells("#size-cells", {1});
    soc.cells("ranges", {0x7e00'0000, 0, 0xfe00'0000, 0x0180'0000});
    TreeNode& bus = soc.add("bus");
    bus.cells("#address-cells", {1});
    bus.cells("#size-cells", {1});
    bus.cells("ranges", {0, 0x7e20'0000, 0x1'0000});
    TreeNode& odd = bus.add("odd-clock");
    odd.text("compatible", "vendor,pll");
    odd.cells("#clock-cells", {1});
    odd.cells("phandle", {kOddClock});
    TreeNode& timer = bus.add("timer@1000");
    constexpr std::array<std::string_view, 2> kCompatible{"generic-uio", "vendor,timer"};
    timer.texts("compatible", kCompatible);
    timer.cells("reg", {0x1000, 0x100, 0x2000, 0x80});
    constexpr std::array<std::string_view, 2> kRegNames{"core", "wrap"};
    timer.texts("reg-names", kRegNames);
    timer.cells("interrupts-extended", {kGic, 0, 40, 1, kGic, 1, 9, 4, kGic, 0, 41, 4});
    constexpr std::array<std::string_view, 3> kIrqNames{"a", "b", "c"};
    timer.texts("interrupt-names", kIrqNames);
    timer.cells("clocks", {kOddClock, 5, kUartClock});
    bus.add("hidden").cells("reg", {0x3000, 0x100});
    TreeNode& far = tree.root.add("i2c");
    far.cells("#address-cells", {1});
    far.cells("#size-cells", {0});
    TreeNode& chip = far.add("chip@50");
    chip.text("compatible", "vendor,chip");
    chip.cells("reg", {0x50});
    return tree;
}

PassedChip::Region region(std::uint64_t guest, std::uint64_t size, std::uint64_t host) {
    return {Range::make(guest, size).value(), host};
}

std::vector<std::string> texts(const TreeNode& node, std::string_view property) {
    std::vector<std::string> all;
    const TreeProperty* found = node.find(property);
    if (found == nullptr) return all;
    std::string one;
    for (const std::byte byte : found->value) {
        if (byte != std::byte{0})
            one += static_cast<char>(byte);
        else
            all.push_back(std::exchange(one, {}));
    }
    return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a node of the host's becomes the guest's, with its addresses and interrupts") {
    const DeviceTree host = make_host();
    std::vector<std::uint64_t> untold;
    const PassedChip chip{{region(0x1d00'0000, 0x1000, kRtc)}, {{44, 34U}}};
    const auto nodes = passed_nodes(host, chip, untold);
    CHECK(untold.empty());
    REQUIRE(nodes.size() == 1);
    const TreeNode& node = nodes.front().node;
    CHECK(node.name == "pl031@1d000000");
    CHECK(texts(node, "compatible") == Texts{"arm,pl031", "arm,primecell"});
    CHECK(node.find("reg")->value == cells({0, 0x1d00'0000, 0, 0x1000}));
    CHECK(node.find("interrupts")->value == cells({0, 12, 4}));
    CHECK(texts(node, "clock-names") == Texts{"apb_pclk"});
    CHECK(nodes.front().clocks == std::vector<std::uint32_t>{24'000'000});
    CHECK(node.find("wakeup-source") != nullptr);
    for (const char* gone : {"phandle", "status", "resets", "pinctrl-0", "vdd-supply", "clocks"})
        CHECK(node.find(gone) == nullptr);
}

TEST_CASE("addresses are those behind all buses, and what is not passed is left out with its names") {
    const DeviceTree host = make_host();
    CHECK(node_at(host, kTimer)->name == "timer@1000");
    CHECK(node_at(host, kTimer + 0x107f)->name == "timer@1000");
    CHECK(node_at(host, kTimer + 0x1080) == nullptr);
    CHECK(node_at(host, 0x4000'0000) == nullptr);  // RAM is no device
    CHECK(node_at(host, 0x50) == nullptr);         // nor is what no processor reaches
    std::vector<std::uint64_t> untold;
    const auto part = passed_nodes(host, {{region(0xa000'0000, 0x1000, kTimer)}, {{50, 73U}}}, untold);
    REQUIRE(part.size() == 1);
    CHECK(part.front().node.name == "timer@a0000000");
    CHECK(texts(part.front().node, "compatible") == Texts{"vendor,timer"});
    CHECK(part.front().node.find("reg")->value == cells({0, 0xa000'0000, 0, 0x100}));
    CHECK(part.front().node.find("reg-names") == nullptr);
    CHECK(part.front().node.find("interrupts")->value == cells({0, 18, 4}));
    CHECK(part.front().node.find("interrupt-names") == nullptr);
    CHECK(part.front().clocks == std::vector<std::uint32_t>{24'000'000, 48'000'000});
    const auto both = passed_nodes(
        host, {{region(0xa000'0000, 0x100, kTimer), region(0xa000'1000, 0x80, kTimer + 0x1000)}, {}}, untold);
    REQUIRE(both.size() == 1);
    CHECK(both.front().node.find("reg")->value == cells({0, 0xa000'0000, 0, 0x100, 0, 0xa000'1000, 0, 0x80}));
    CHECK(texts(both.front().node, "reg-names") == Texts{"core", "wrap"});
    CHECK(both.front().node.find("interrupts") == nullptr);
    CHECK(untold.empty());
}

TEST_CASE("what the host's tree has no node for is told to the user") {
    std::vector<std::uint64_t> untold;
    CHECK(passed_nodes(make_host(), {{region(0x1000, 0x1000, 0x10)}, {}}, untold).empty());
    CHECK(untold == std::vector<std::uint64_t>{0x1000});
}

TEST_CASE("trees that make no sense give nothing") {
    DeviceTree tree = make_host();
    tree.root.cells("#address-cells", {9});
    CHECK(node_at(tree, kRtc) == nullptr);
    tree = make_host();
    tree.root.child("pl031@9010000")->cells("clocks", {0x4711, 1});
    tree.root.child("pl031@9010000")->cells("interrupts", {0, 2});
    tree.root.child("soc")->cells("ranges", {1, 2});
    CHECK(node_at(tree, kTimer) == nullptr);
    std::vector<std::uint64_t> untold;
    const auto nodes = passed_nodes(tree, {{region(0x1000, 0x1000, kRtc)}, {{44, 34U}}}, untold);
    REQUIRE(nodes.size() == 1);
    CHECK(nodes.front().clocks.empty());
    CHECK(nodes.front().node.find("interrupts") == nullptr);
}

TEST_CASE("passed devices stand with the vdevs, and have the clocks that they need") {
    BoardTree board{.ram = {Range::make(0x8000'0000, 64 * kMiB).value()}};
    std::vector<std::uint64_t> untold;
    const DeviceTree host = make_host();
    board.passed = passed_nodes(host, {{region(0x1d00'0000, 0x1000, kRtc)}, {{44, 34U}}}, untold);
    auto timer = passed_nodes(host, {{region(0xa000'0000, 0x1000, kTimer)}, {}}, untold);
    board.passed.push_back(std::move(timer.front()));
    const DeviceTree tree = make_board_tree(board, nullptr);
    const TreeNode* fast = tree.root.child("clock-48000000");
    const TreeNode* slow = tree.root.child("clock-24000000");
    REQUIRE(fast != nullptr);
    REQUIRE(slow != nullptr);
    CHECK(fast->number("clock-frequency") == 48'000'000U);
    CHECK(fast->number("phandle") != slow->number("phandle"));
    const TreeNode* vdevs = tree.root.child("vdevs");
    REQUIRE(vdevs != nullptr);
    const TreeNode* rtc = vdevs->child("pl031@1d000000");
    REQUIRE(rtc != nullptr);
    CHECK(rtc->number("clocks") == slow->number("phandle"));
    CHECK(vdevs->child("timer@a0000000")->find("clocks")->value ==
          cells({slow->number("phandle").value_or(0), fast->number("phandle").value_or(0)}));
    CHECK(why_no_tree(flatten(tree)).empty());
}

TEST_CASE("the host's tree is read if there is one") {
    const qvm::test::FakeRoot root;
    CHECK_FALSE(host_tree(root.path()));
    root.write("sys/firmware/fdt", "no tree");
    CHECK_FALSE(host_tree(root.path()));
    const auto bytes = flatten(make_host());
    root.write("sys/firmware/fdt", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    CHECK(host_tree(root.path()) == make_host());
}
