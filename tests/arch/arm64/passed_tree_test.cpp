// SPDX-License-Identifier: Apache-2.0
// Nodes of the host's tree that become the guest's (Devicetree Specification 0.3, 2.3; bindings of Linux 6.1).
#include "arch/arm64/passed_tree.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "arch/arm64/board_tree.hpp"
#include "arch/arm64/host_tree.hpp"
#include "config/diagnostics.hpp"
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

/// What the guest is told, by one host after another.
struct Copies {
    std::vector<TreePassed> of(const DeviceTree& host, const PassedChip& chip) {
        PassedNodes nodes{&host, kFirst};
        auto all = nodes.copy(chip);
        untold.insert(untold.end(), nodes.untold().begin(), nodes.untold().end());
        cut = nodes.cut();
        return all;
    }
    static constexpr std::uint32_t kFirst = 0x500;
    std::vector<std::uint64_t> untold{};
    std::vector<std::string> cut{};
};

}  // namespace

TEST_CASE("a node of the host's becomes the guest's, with its addresses and interrupts") {
    const DeviceTree host = make_host();
    Copies copies;
    const PassedChip chip{{region(0x1d00'0000, 0x1000, kRtc)}, {{44, 34U}}, {}};
    const auto nodes = copies.of(host, chip);
    CHECK(copies.untold.empty());
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
    Copies copies;
    const auto part = copies.of(host, {{region(0xa000'0000, 0x1000, kTimer)}, {{50, 73U}}, {}});
    REQUIRE(part.size() == 1);
    CHECK(part.front().node.name == "timer@a0000000");
    CHECK(texts(part.front().node, "compatible") == Texts{"vendor,timer"});
    CHECK(part.front().node.find("reg")->value == cells({0, 0xa000'0000, 0, 0x100}));
    CHECK(part.front().node.find("reg-names") == nullptr);
    CHECK(part.front().node.find("interrupts")->value == cells({0, 18, 4}));
    CHECK(part.front().node.find("interrupt-names") == nullptr);
    CHECK(part.front().clocks == std::vector<std::uint32_t>{24'000'000, 48'000'000});
    const auto both =
        copies.of(host, {{region(0xa000'0000, 0x100, kTimer), region(0xa000'1000, 0x80, kTimer + 0x1000)}, {}, {}});
    REQUIRE(both.size() == 1);
    CHECK(both.front().node.find("reg")->value == cells({0, 0xa000'0000, 0, 0x100, 0, 0xa000'1000, 0, 0x80}));
    CHECK(texts(both.front().node, "reg-names") == Texts{"core", "wrap"});
    CHECK(both.front().node.find("interrupts") == nullptr);
    CHECK(copies.untold.empty());
}

TEST_CASE("what the host's tree has no node for is told to the user") {
    Copies copies;
    CHECK(copies.of(make_host(), {{region(0x1000, 0x1000, 0x10)}, {}, {}}).empty());
    CHECK(copies.untold == std::vector<std::uint64_t>{0x1000});
}

namespace {

PassedChip named(std::string node, std::vector<PassedChip::Region> regions,
                 std::vector<PassedChip::Interrupt> interrupts = {}) {
    return {std::move(regions), std::move(interrupts), PassNode{std::move(node), {}}};
}

/// With labels, an alias, and devices that have nodes below them.
DeviceTree make_rich_host() {
    DeviceTree tree = make_host();
    tree.root.add("aliases").text("clock0", "/pl031@9010000");
    TreeNode& symbols = tree.root.add("__symbols__");
    symbols.text("wdt", "/soc/bus/timer@1000");
    symbols.text("odd", "no path");
    TreeNode& eth = tree.root.child("soc")->add("ethernet@7e300000");
    eth.text("compatible", "vendor,eth");
    eth.cells("reg", {0x7e30'0000, 0x1000});
    eth.cells("interrupts", {0, 50, 4});
    eth.cells("phy-handle", {0x91});
    eth.cells("resets", {0x78, 1});
    eth.text("reset-names", "mac");
    TreeNode& mdio = eth.add("mdio");
    mdio.cells("#address-cells", {1});
    mdio.cells("#size-cells", {0});
    TreeNode& phy = mdio.add("phy@1");
    phy.cells("reg", {1});
    phy.cells("phandle", {0x91});
    phy.cells("interrupt-parent", {0x92});
    phy.cells("interrupts", {7, 8});
    phy.cells("reset-gpios", {0x92, 3, 1});
    phy.cells("vdd-supply", {0x7a});
    TreeNode& gpio = mdio.add("gpio@2");
    gpio.cells("reg", {2});
    gpio.cells("phandle", {0x92});
    gpio.cells("#gpio-cells", {2});
    gpio.cells("#interrupt-cells", {2});
    gpio.flag("interrupt-controller");
    mdio.add("phy@3").text("status", "disabled");
    return tree;
}

PassedChip::Region eth_region() { return region(0xa100'0000, 0x1000, 0xfe30'0000); }

}  // namespace

TEST_CASE("a node is chosen by path, label, alias or address") {
    const DeviceTree host = make_rich_host();
    Copies copies;
    const auto name = [&](const char* node, PassedChip::Region where) {
        return copies.of(host, named(node, {where})).at(0).node.name;
    };
    const auto timer = region(0xa000'0000, 0x100, kTimer);
    CHECK(name("/soc/bus/timer@1000", timer) == "timer@a0000000");
    CHECK(name("/soc/bus/timer", timer) == "timer@a0000000");
    CHECK(name("wdt", timer) == "timer@a0000000");
    CHECK(name("0xfe201000", timer) == "timer@a0000000");
    CHECK(name("clock0", region(0x1d00'0000, 0x1000, kRtc)) == "pl031@1d000000");
    // What has no registers keeps its name.
    CHECK(copies.of(host, named("/soc/bus/odd-clock", {})).at(0).node.name == "odd-clock");
    CHECK(copies.untold.empty());
}

TEST_CASE("a node that is not there, or another device's, is told with the way out") {
    const DeviceTree host = make_rich_host();
    Copies copies;
    const auto copy = [&](const char* node) { (void)copies.of(host, named(node, {eth_region()})); };
    const auto said = [&](const char* node) -> std::string {
        try {
            copy(node);
        } catch (const ConfigError& error) {
            return error.what() + (" | " + error.hint());
        }
        return "";
    };
    using Catch::Contains;
    CHECK_THAT(said("/soc/none"), Contains("has no node '/soc/none' | its nodes are the directories"));
    CHECK_THAT(said("/"), Contains("has no node '/'"));
    CHECK_THAT(said("none"), Contains("has no node 'none' | labels are known") && Contains("dtc -@"));
    CHECK_THAT(said("odd"), Contains("has no node 'odd'"));
    CHECK_THAT(said("0x7"), Contains("has no node '0x7'"));
    CHECK_THAT(said("wdt"),
               Contains("/soc/bus/timer@1000 is another device: none of its registers is passed | they are "
                        "at 0xfe201000 of the host"));
    CHECK_THAT(said("/i2c/chip"), Contains("the processor does not reach them"));
    PassedNodes none{nullptr, 1};
    CHECK_THROWS_WITH(none.copy(named("wdt", {})), Contains("the host shows no device tree"));
}

TEST_CASE("nodes below are copied, and what they point to among themselves stays right") {
    const DeviceTree host = make_rich_host();
    Copies copies;
    const auto all = copies.of(host, named("/soc/ethernet", {eth_region()}, {{60, 82U}}));
    const TreePassed& eth = all.at(0);
    CHECK(eth.node.name == "ethernet@a1000000");
    CHECK(eth.node.find("interrupts")->value == cells({0, 28, 4}));
    CHECK(eth.node.find("resets") == nullptr);
    CHECK(eth.node.find("reset-names") == nullptr);
    const TreePassed& mdio = eth.below.at(0);
    CHECK(mdio.node.number("#address-cells") == 1U);
    REQUIRE(mdio.below.size() == 2);  // what is disabled is left out
    const TreeNode& phy = mdio.below[0].node;
    const TreeNode& gpio = mdio.below[1].node;
    CHECK(phy.name == "phy@1");
    CHECK(phy.number("reg") == 1U);
    REQUIRE(phy.number("phandle").value_or(0) >= Copies::kFirst);
    REQUIRE(gpio.number("phandle").value_or(0) >= Copies::kFirst);
    CHECK(phy.number("phandle") != gpio.number("phandle"));
    CHECK(eth.node.number("phy-handle") == phy.number("phandle"));
    CHECK(phy.number("interrupt-parent") == gpio.number("phandle"));
    CHECK(phy.find("interrupts")->value == cells({7, 8}));
    CHECK(phy.find("reset-gpios")->value == cells({*gpio.number("phandle"), 3, 1}));
    CHECK(phy.find("vdd-supply") == nullptr);

    BoardTree board{.ram = {Range::make(0x8000'0000, 64 * kMiB).value()}};
    board.passed = all;
    const DeviceTree tree = make_board_tree(board, nullptr);
    CHECK(why_no_tree(flatten(tree)).empty());
    const TreeNode* copied = tree.root.child("vdevs")->child("ethernet@a1000000");
    REQUIRE(copied != nullptr);
    CHECK(copied->child("mdio")->child("phy@1")->number("reg") == 1U);
}

TEST_CASE("below a bus are the devices on it that are passed, at the guest's addresses") {
    const DeviceTree host = make_rich_host();
    Copies copies;
    const auto all = copies.of(host, named("/soc", {eth_region(), region(0xa000'0000, 0x100, kTimer)}, {{60, 82U}}));
    const TreePassed& soc = all.at(0);
    CHECK(soc.node.name == "soc");
    CHECK(soc.node.find("ranges")->value.empty());
    CHECK(soc.node.number("#address-cells") == 2U);
    REQUIRE(soc.below.size() == 2);
    const TreePassed& bus = soc.below[0];
    REQUIRE(bus.below.size() == 2);  // the odd clock has no registers
    CHECK(bus.below[0].node.name == "odd-clock");
    const TreePassed& timer = bus.below[1];
    CHECK(timer.node.name == "timer@a0000000");
    CHECK(timer.node.find("reg")->value == cells({0, 0xa000'0000, 0, 0x100}));
    // One of its clocks is not copied: all are fixed ones then.
    CHECK(timer.clocks == std::vector<std::uint32_t>{24'000'000, 48'000'000});
    CHECK(soc.below[1].node.find("reg")->value == cells({0, 0xa100'0000, 0, 0x1000}));
    CHECK(soc.below[1].node.find("interrupts")->value == cells({0, 28, 4}));
    BoardTree board{.ram = {Range::make(0x8000'0000, 64 * kMiB).value()}};
    board.passed = all;
    const DeviceTree tree = make_board_tree(board, nullptr);
    CHECK(tree.root.child("clock-48000000") != nullptr);
    CHECK(tree.root.child("vdevs")->child("soc")->child("bus")->child("timer@a0000000")->find("clocks") != nullptr);
}

TEST_CASE("nodes that are too many, too large or too deep are left out, and that is told") {
    DeviceTree host = make_rich_host();
    Copies copies;
    TreeNode& eth = *host.root.child("soc")->child("ethernet@7e300000");
    const auto copy = [&] { return copies.of(host, named("/soc/ethernet", {eth_region()})); };
    SECTION("many") {
        for (unsigned i = 0; i < 2000; ++i) eth.add("port@" + std::to_string(i));
        CHECK(copy().at(0).below.size() < 1000);
    }
    SECTION("large") {
        eth.add("firmware").set("data", std::vector<std::byte>(kMostPassedTree));
        CHECK(copy().at(0).below.size() == 1);
    }
    SECTION("deep") {
        TreeNode* at = &eth;
        for (unsigned i = 0; i < 20; ++i) at = &at->add("port");
        unsigned depth = 0;
        const auto all = copy();
        for (const TreePassed* each = &all.at(0); !each->below.empty(); each = &each->below.back()) ++depth;
        CHECK(depth == 8);
    }
    CHECK(copies.cut == std::vector<std::string>{"/soc/ethernet@7e300000"});
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
    Copies copies;
    const auto nodes = copies.of(tree, {{region(0x1000, 0x1000, kRtc)}, {{44, 34U}}, {}});
    REQUIRE(nodes.size() == 1);
    CHECK(nodes.front().clocks.empty());
    CHECK(nodes.front().node.find("interrupts") == nullptr);
}

TEST_CASE("passed devices stand with the vdevs, and have the clocks that they need") {
    BoardTree board{.ram = {Range::make(0x8000'0000, 64 * kMiB).value()}};
    Copies copies;
    const DeviceTree host = make_host();
    board.passed = copies.of(host, {{region(0x1d00'0000, 0x1000, kRtc)}, {{44, 34U}}, {}});
    auto timer = copies.of(host, {{region(0xa000'0000, 0x1000, kTimer)}, {}, {}});
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
