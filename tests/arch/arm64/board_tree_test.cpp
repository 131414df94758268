// SPDX-License-Identifier: Apache-2.0
// Devicetree Specification 0.3; bindings of Linux 6.1; qvmconf specification 5.6.
#include "arch/arm64/board_tree.hpp"

#include <catch2/catch.hpp>

#include "arch/arm64/layout.hpp"
#include "arch/arm64/support.hpp"
#include "arch/arm64/vdevs.hpp"

using namespace qvm;
using namespace qvm::arm64;
using namespace qvm::arm64::test;
using Catch::Matchers::Contains;

namespace {

BoardTree board(unsigned cpus = 2) {
    VmConfig config;
    config.cpus.resize(cpus);
    Diagnostics none;
    BoardTree tree{.ram = {Range::make(kRam, 64 * kMiB).value()}, .cpus = cpus, .gic = plan_gic(config, none)};
    tree.vdevs.push_back({.kind = "uart",
                          .compatible = {"arm,pl011", "arm,primecell"},
                          .window = Range::make(kUart, kDeviceWindow).value(),
                          .interrupts = {37},
                          .clocks = {"uartclk", "apb_pclk"}});
    tree.power_key = power_key_node();
    return tree;
}

std::vector<std::byte> cells(std::initializer_list<std::uint32_t> values) {
    TreeNode node;
    node.cells("x", values);
    return node.properties.front().value;
}

const TreeNode& at(const DeviceTree& tree, std::initializer_list<std::string_view> path) {
    const TreeNode* node = &tree.root;
    for (const std::string_view name : path) {
        INFO(name);
        node = node->child(name);
        REQUIRE(node != nullptr);
    }
    return *node;
}

std::string text(const TreeNode& node, std::string_view property) {
    const TreeProperty* found = node.find(property);
    REQUIRE(found != nullptr);
    return {reinterpret_cast<const char*>(found->value.data()), found->value.size() - 1};
}

TreeNode user_root() {
    TreeNode node;
    node.cells("#address-cells", {2});
    node.cells("#size-cells", {2});
    return node;
}

}  // namespace

TEST_CASE("a tree survives being flattened and read") {
    const DeviceTree tree = make_board_tree(board(), nullptr);
    const auto bytes = flatten(tree);
    REQUIRE(why_no_tree(bytes).empty());
    CHECK(parse_tree(bytes) == tree);
}

TEST_CASE("interrupt ID 37 is SPI 5, level-triggered") {
    const DeviceTree tree = make_board_tree(board(), nullptr);
    CHECK(at(tree, {"vdevs", "uart@1c090000"}).find("interrupts")->value == cells({0, 5, 4}));
    CHECK(text(at(tree, {"chosen"}), "stdout-path") == "/vdevs/uart@1c090000");
}

TEST_CASE("the timer's interrupts are in the order of its binding") {
    const DeviceTree tree = make_board_tree(board(), nullptr);
    CHECK(at(tree, {"timer"}).find("interrupts")->value == cells({1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4}));
}

TEST_CASE("a GIC of version 2 names the CPUs in its cells") {
    BoardTree two = board(3);
    two.gic.version = 2;
    two.gic.its.reset();
    const DeviceTree tree = make_board_tree(two, nullptr);
    CHECK(at(tree, {"timer"}).find("interrupts")->value ==
          cells({1, 13, 0x704, 1, 14, 0x704, 1, 11, 0x704, 1, 10, 0x704}));
    CHECK(text(at(tree, {"interrupt-controller@2f000000"}), "compatible") == "arm,gic-400");
}

TEST_CASE("CPUs have KVM's affinities: sixteen to the first level") {
    const DeviceTree tree = make_board_tree(board(18), nullptr);
    const TreeNode& cpus = at(tree, {"cpus"});
    REQUIRE(cpus.children.size() == 18);
    CHECK(cpus.children[15].number("reg") == 15U);
    CHECK(cpus.children[16].name == "cpu@100");
    CHECK(cpus.children[17].number("reg") == 0x101U);
    CHECK(text(cpus.children[1], "enable-method") == "psci");
}

TEST_CASE("chosen has command line, initrd and seeds; without a command line it has none") {
    BoardTree with = board();
    with.cmdline = "quiet";
    with.initrd = Range::make(kRam + kMiB, 0x1234).value();
    with.kaslr_seed.fill(std::byte{1});
    const DeviceTree tree = make_board_tree(with, nullptr);
    const TreeNode& chosen = at(tree, {"chosen"});
    CHECK(text(chosen, "bootargs") == "quiet");
    CHECK(chosen.find("linux,initrd-start")->value == cells({0, 0x8010'0000}));
    CHECK(chosen.find("linux,initrd-end")->value == cells({0, 0x8010'1234}));
    CHECK(chosen.find("kaslr-seed")->value == std::vector<std::byte>(8, std::byte{1}));
    CHECK(chosen.find("rng-seed")->value.size() == 32);
    const DeviceTree bare = make_board_tree(board(), nullptr);
    CHECK(at(bare, {"chosen"}).find("bootargs") == nullptr);
}

TEST_CASE("the power key is a gpio-keys child that points to the GPIO's input 3") {
    const DeviceTree tree = make_board_tree(board(), nullptr);
    const std::uint32_t phandle = at(tree, {"vdevs", "gpio@1c1d0000"}).number("phandle").value();
    CHECK(at(tree, {"gpio-keys", "power"}).find("gpios")->value == cells({phandle, 3, 0}));
    CHECK(at(tree, {"gpio-keys", "power"}).number("linux,code") == 116U);
}

TEST_CASE("PCI's pins lead to shared interrupts, and its messages to the translation service") {
    BoardTree with = board();
    with.pci = TreePci{.ecam = Range::make(0x7ff0'0000, kMiB).value(),
                       .window = Range::make(0x6000'0000, 256 * kMiB).value(),
                       .devices = {{.number = 2, .pins = {202, 203, 200, 201}}}};
    const DeviceTree tree = make_board_tree(with, nullptr);
    const TreeNode& pci = at(tree, {"pcie@7ff00000"});
    CHECK(text(pci, "compatible") == "pci-host-ecam-generic");
    CHECK(pci.find("reg")->value == cells({0, 0x7ff0'0000, 0, 0x10'0000}));
    CHECK(pci.find("bus-range")->value == cells({0, 0}));
    CHECK(pci.find("ranges")->value == cells({0x0200'0000, 0, 0x6000'0000, 0, 0x6000'0000, 0, 0x1000'0000}));
    const std::uint32_t its =
        at(tree, {"interrupt-controller@2f000000", "msi-controller@2f020000"}).number("phandle").value();
    CHECK(pci.find("msi-map")->value == cells({0, its, 0, 0x1'0000}));
    const std::uint32_t gic = tree.root.number("interrupt-parent").value();
    CHECK(pci.find("interrupt-map")->value == cells({0x1000, 0, 0, 1, gic, 0, 0, 0, 170, 4,  //
                                                     0x1000, 0, 0, 2, gic, 0, 0, 0, 171, 4,  //
                                                     0x1000, 0, 0, 3, gic, 0, 0, 0, 168, 4,  //
                                                     0x1000, 0, 0, 4, gic, 0, 0, 0, 169, 4}));
    with.gic.its.reset();
    const DeviceTree without = make_board_tree(with, nullptr);
    CHECK(at(without, {"pcie@7ff00000"}).find("msi-map") == nullptr);
    CHECK(at(without, {"pcie@7ff00000"}).find("msi-parent") == nullptr);
}

TEST_CASE("with an MSI frame, PCI's messages go there") {
    BoardTree with = board();
    with.gic.its.reset();
    with.gic.frame = GicMsiFrame{Range::make(0x3000'0000, 0x1000).value(), 80, 64};
    with.pci =
        TreePci{.ecam = Range::make(0x7ff0'0000, kMiB).value(), .window = Range::make(0x6000'0000, 256 * kMiB).value()};
    const DeviceTree tree = make_board_tree(with, nullptr);
    const TreeNode& frame = at(tree, {"interrupt-controller@2f000000", "v2m@30000000"});
    CHECK(text(frame, "compatible") == "arm,gic-v2m-frame");
    CHECK(frame.find("msi-controller") != nullptr);
    CHECK(frame.find("reg")->value == cells({0, 0x3000'0000, 0, 0x1000}));
    CHECK(at(tree, {"pcie@7ff00000"}).number("msi-parent") == frame.number("phandle"));
}

TEST_CASE("user nodes win, memory and chosen are ours") {
    DeviceTree user{.root = user_root()};
    user.root.text("model", "a board");
    user.root.add("memory@0").text("device_type", "memory");
    user.root.child("memory@0")->wide("reg", {0, 0x1000});
    user.root.add("chosen").text("bootargs", "theirs");
    user.root.child("chosen")->text("other", "stays");
    user.root.add("timer").text("compatible", "their,timer");
    user.root.add("dev@1d000000").cells("phandle", {7});
    BoardTree with = board();
    with.cmdline = "ours";
    const DeviceTree tree = join_trees(user, make_board_tree(with, &user));
    CHECK(text(tree.root, "model") == "a board");
    CHECK(tree.root.child("memory@0") == nullptr);
    CHECK(tree.root.child("memory@80000000") != nullptr);
    CHECK(text(at(tree, {"chosen"}), "bootargs") == "ours");
    CHECK(text(at(tree, {"chosen"}), "other") == "stays");
    CHECK(text(at(tree, {"timer"}), "compatible") == "their,timer");
    CHECK(at(tree, {"dev@1d000000"}).number("phandle") == 7U);
    CHECK(tree.root.number("interrupt-parent") == 8U);  // ours begin behind theirs
    CHECK(why_no_tree(flatten(tree)).empty());
}

TEST_CASE("user vdevs join ours, and the user's GIC takes the place of ours") {
    DeviceTree user{.root = user_root()};
    TreeNode& gic = user.root.add("intc@2f000000");
    gic.text("compatible", "arm,gic-v3");
    gic.flag("interrupt-controller");
    gic.wide("reg", {kGicd3, kGicd3Size});
    gic.cells("phandle", {5});
    user.root.add("vdevs").add("extra@1d000000");
    const DeviceTree tree = join_trees(user, make_board_tree(board(), &user));
    CHECK(tree.root.child("interrupt-controller@2f000000") == nullptr);
    CHECK(tree.root.number("interrupt-parent") == 5U);
    CHECK(at(tree, {"vdevs"}).children.size() == 3);
    CHECK(text(at(tree, {"vdevs"}), "compatible") == "simple-bus");
}

TEST_CASE("what cannot be joined is told") {
    const GicPlan gic = board().gic;
    DeviceTree user{.root = user_root()};
    Diagnostics good;
    check_user_tree(user, gic, 2, {}, good);
    CHECK_FALSE(good.has_errors());

    user.root.cells("#address-cells", {1});
    TreeNode& intc = user.root.add("intc");
    intc.text("compatible", "arm,gic-v3");
    intc.flag("interrupt-controller");
    intc.wide("reg", {0x800'0000, 0x1'0000});
    user.root.add("cpus").add("cpu@0");
    Diagnostics bad;
    check_user_tree(user, gic, 2, {}, bad);
    REQUIRE(bad.all().size() == 4);
    CHECK_THAT(bad.all()[0].message, Contains("#address-cells of 1"));
    CHECK_THAT(bad.all()[1].message, Contains("at 0x8000000, the VM at 0x2f000000"));
    CHECK_THAT(bad.all()[2].message, Contains("no phandle"));
    CHECK_THAT(bad.all()[3].message, Contains("1 CPUs, the VM 2"));
}

TEST_CASE("a tree too deep to be read is refused") {
    TreeNode node = user_root();
    TreeNode* deepest = &node;
    for (int i = 0; i < 40; ++i) deepest = &deepest->add("n");
    CHECK_THAT(why_no_tree(flatten({.root = node})), Contains("more than 32 levels"));
}

TEST_CASE("virtio by registers is one compatible under a name of its own kind") {
    static constexpr VdevType kDisk{
        .syntax = {.type = "virtio-blk", .summary = "disk"}, .acpi_hid = "LNRO0005", .make = nullptr, .level = true};
    PlacedVdev placed{.type = &kDisk};
    placed.windows.push_back({false, Range::make(0x1c0d'0000, 0x200).value()});
    placed.interrupts.push_back({nullptr, 41});
    const auto node = tree_vdev(placed);
    REQUIRE(node);
    CHECK(node->kind == "disk");
    CHECK(node->compatible == std::vector<std::string_view>{"virtio,mmio"});
    CHECK(node->interrupts == std::vector{41U});
    CHECK_FALSE(node->edge);
    CHECK(node->masters);
    const PlacedVdev nowhere{.type = &kDisk};
    CHECK_FALSE(tree_vdev(nowhere));
}
