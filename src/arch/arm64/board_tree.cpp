// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/board_tree.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "arch/arm64/layout.hpp"

namespace qvm::arm64 {
namespace {

// Cells of an interrupt (arm,gic.yaml, arm,gic-v3.yaml).
constexpr std::uint32_t kSpi = 0, kPpi = 1, kEdgeRising = 1, kLevelHigh = 4;
constexpr std::uint32_t kFirstPpi = 16;
constexpr std::uint32_t kClockRate = 24'000'000;
constexpr std::uint32_t kKeyPower = 116;  // Linux's input-event-codes.h
constexpr std::uint32_t kActiveHigh = 0;

// PCI's addresses (IEEE Std 1275, PCI Bus Binding, 2.2.1.1): what space, and which device.
constexpr std::uint32_t kMemory32 = 0x0200'0000;
constexpr std::uint32_t kDeviceShift = 11, kDeviceMask = 0xf800, kPinMask = 7;
constexpr std::uint32_t kRequesters = 0x1'0000;

/// Those that other nodes point to.
struct Phandles {
    std::uint32_t gic, messages, clock, power_key;
    std::uint32_t others;  ///< the first that is free
};

class Writer {
public:
    Writer(const BoardTree& board, const Phandles& phandles) : board_{board}, phandles_{phandles} {}

    DeviceTree write() {
        root_.cells("#address-cells", {2});
        root_.cells("#size-cells", {2});
        root_.text("compatible", "linux,dummy-virt");
        root_.text("model", "qvm");
        root_.cells("interrupt-parent", {phandles_.gic});
        chosen();
        for (const Range& range : board_.ram) memory(range);
        cpus();
        psci();
        gic();
        timer();
        if (board_.pmu) pmu();
        if (has_clock()) clock();
        if (board_.power_key) power_key();
        if (board_.pci) pci(*board_.pci);
        passed_clocks();
        vdevs();
        return {.root = std::move(root_), .reserved = board_.reserved};
    }

private:
    void chosen() {
        TreeNode& node = root_.add("chosen");
        if (board_.cmdline) node.text("bootargs", *board_.cmdline);
        node.set("kaslr-seed", {board_.kaslr_seed.begin(), board_.kaslr_seed.end()});
        node.set("rng-seed", {board_.rng_seed.begin(), board_.rng_seed.end()});
        if (board_.initrd) {
            node.wide("linux,initrd-start", {board_.initrd->start()});
            node.wide("linux,initrd-end", {board_.initrd->last() + 1});
        }
        const auto uart = std::ranges::find(board_.vdevs, "uart", &TreeVdev::kind);
        if (uart != board_.vdevs.end()) node.text("stdout-path", "/vdevs/" + unit_name(*uart));
    }

    void memory(const Range& range) {
        TreeNode& node = root_.add(fmt::format("memory@{:x}", range.start()));
        node.text("device_type", "memory");
        node.wide("reg", {range.start(), range.size()});
    }

    void cpus() {
        TreeNode& node = root_.add("cpus");
        node.cells("#address-cells", {1});
        node.cells("#size-cells", {0});
        for (unsigned i = 0; i < board_.cpus; ++i) {
            TreeNode& cpu = node.add(fmt::format("cpu@{:x}", mpidr_of(i)));
            cpu.text("device_type", "cpu");
            cpu.text("compatible", "arm,armv8");
            cpu.cells("reg", {mpidr_of(i)});
            cpu.text("enable-method", "psci");
        }
    }

    void psci() {
        constexpr std::array<std::string_view, 2> kCompatible{"arm,psci-1.0", "arm,psci-0.2"};
        TreeNode& node = root_.add("psci");
        node.texts("compatible", kCompatible);
        node.text("method", "hvc");
    }

    void gic() {
        const GicPlan& gic = board_.gic;
        TreeNode& node = root_.add(fmt::format("interrupt-controller@{:x}", gic.distributor.start()));
        node.text("compatible", gic.version == 3 ? "arm,gic-v3" : "arm,gic-400");
        node.cells("#interrupt-cells", {3});
        node.cells("#address-cells", {2});
        node.cells("#size-cells", {2});
        node.flag("interrupt-controller");
        node.flag("ranges");
        node.wide("reg", {gic.distributor.start(), gic.distributor.size(), gic.cpus.start(), gic.cpus.size()});
        node.cells("phandle", {phandles_.gic});
        if (gic.frame) msi_frame(node, *gic.frame);
        if (!gic.its) return;
        TreeNode& its = node.add(fmt::format("msi-controller@{:x}", gic.its->start()));
        its.text("compatible", "arm,gic-v3-its");
        its.flag("msi-controller");
        its.cells("#msi-cells", {1});
        its.wide("reg", {gic.its->start(), gic.its->size()});
        its.cells("phandle", {phandles_.messages});
    }

    /// arm,gic.yaml. Which interrupts are its own the frame says itself.
    void msi_frame(TreeNode& gic, const GicMsiFrame& frame) const {
        TreeNode& node = gic.add(fmt::format("v2m@{:x}", frame.at.start()));
        node.text("compatible", "arm,gic-v2m-frame");
        node.flag("msi-controller");
        node.wide("reg", {frame.at.start(), frame.at.size()});
        node.cells("phandle", {phandles_.messages});
    }

    /// With version 2 the cells name the CPUs, too.
    [[nodiscard]] std::uint32_t ppi_flags() const {
        return board_.gic.version == 3 ? kLevelHigh : kLevelHigh | ((1U << board_.cpus) - 1) << 8;
    }

    /// In the order of the binding (arm,arch_timer.yaml).
    void timer() {
        TreeNode& node = root_.add("timer");
        node.text("compatible", "arm,armv8-timer");
        std::vector<std::uint32_t> cells;
        for (const Ppi each : {Ppi::SecureTimer, Ppi::Timer, Ppi::VirtualTimer, Ppi::HypervisorTimer})
            cells.insert(cells.end(), {kPpi, static_cast<unsigned>(each) - kFirstPpi, ppi_flags()});
        node.cells("interrupts", cells);
        node.flag("always-on");
    }

    void pmu() {
        TreeNode& node = root_.add("pmu");
        node.text("compatible", "arm,armv8-pmuv3");
        node.cells("interrupts", {kPpi, static_cast<unsigned>(Ppi::Pmu) - kFirstPpi, ppi_flags()});
    }

    [[nodiscard]] bool has_clock() const {
        return board_.power_key ||
               std::ranges::any_of(board_.vdevs, [](const TreeVdev& v) { return !v.clocks.empty(); });
    }

    void clock() {
        TreeNode& node = root_.add("apb-pclk");
        node.text("compatible", "fixed-clock");
        node.cells("#clock-cells", {0});
        node.cells("clock-frequency", {kClockRate});
        node.cells("phandle", {phandles_.clock});
    }

    void power_key() {
        TreeNode& keys = root_.add("gpio-keys");
        keys.text("compatible", "gpio-keys");
        TreeNode& key = keys.add("power");
        key.text("label", "power");
        key.cells("linux,code", {kKeyPower});
        key.flag("wakeup-source");
        key.cells("gpios", {phandles_.power_key, kPowerKeyInput, kActiveHigh});
    }

    void pci(const TreePci& pci) {
        TreeNode& node = root_.add(fmt::format("pcie@{:x}", pci.ecam.start()));
        node.text("compatible", "pci-host-ecam-generic");
        node.text("device_type", "pci");
        node.cells("#address-cells", {3});
        node.cells("#size-cells", {2});
        node.cells("bus-range", {0, 0});
        node.cells("linux,pci-domain", {0});
        node.flag("dma-coherent");
        node.wide("reg", {pci.ecam.start(), pci.ecam.size()});
        const auto window = static_cast<std::uint32_t>(pci.window.start());
        node.cells("ranges", {kMemory32, 0, window, 0, window, 0, static_cast<std::uint32_t>(pci.window.size())});
        if (board_.gic.its) node.cells("msi-map", {0, phandles_.messages, 0, kRequesters});
        if (board_.gic.frame) node.cells("msi-parent", {phandles_.messages});
        node.cells("#interrupt-cells", {1});
        node.cells("interrupt-map-mask", {kDeviceMask, 0, 0, kPinMask});
        node.cells("interrupt-map", interrupt_map(pci));
    }

    /// Each entry: a device and a pin, then the controller, its unit address of two cells, and the interrupt there.
    [[nodiscard]] std::vector<std::uint32_t> interrupt_map(const TreePci& pci) const {
        std::vector<std::uint32_t> cells;
        for (const TreePci::Device& device : pci.devices)
            for (std::uint32_t pin = 0; pin < device.pins.size(); ++pin)
                cells.insert(cells.end(), {device.number << kDeviceShift, 0, 0, pin + 1, phandles_.gic, 0, 0, kSpi,
                                           device.pins[pin] - kFirstSpi, kLevelHigh});
        return cells;
    }

    void vdevs() {
        TreeNode& node = root_.add("vdevs");
        node.text("compatible", "simple-bus");
        node.cells("#address-cells", {2});
        node.cells("#size-cells", {2});
        node.flag("ranges");
        for (const TreeVdev& each : board_.vdevs) vdev(node, each);
        for (const TreePassed& each : board_.passed) passed(node, each);
        if (!board_.power_key) return;
        TreeNode& gpio = vdev(node, *board_.power_key);
        gpio.flag("gpio-controller");
        gpio.cells("#gpio-cells", {2});
        gpio.flag("interrupt-controller");
        gpio.cells("#interrupt-cells", {2});
        gpio.cells("#address-cells", {0});
        gpio.cells("phandle", {phandles_.power_key});
    }

    /// Each rate of the host's that a passed device needs.
    void passed_clocks() {
        for (const TreePassed& each : board_.passed) need_clocks(each);
        std::uint32_t phandle = phandles_.others;
        for (const std::uint32_t rate : rates_) {
            TreeNode& node = root_.add(fmt::format("clock-{}", rate));
            node.text("compatible", "fixed-clock");
            node.cells("#clock-cells", {0});
            node.cells("clock-frequency", {rate});
            node.cells("phandle", {phandle++});
        }
    }

    void need_clocks(const TreePassed& device) {  // NOLINT(misc-no-recursion): a few levels
        for (const std::uint32_t rate : device.clocks)
            if (std::ranges::find(rates_, rate) == rates_.end()) rates_.push_back(rate);
        for (const TreePassed& each : device.below) need_clocks(each);
    }

    [[nodiscard]] std::uint32_t passed_clock(std::uint32_t rate) const noexcept {
        return phandles_.others + static_cast<std::uint32_t>(std::ranges::find(rates_, rate) - rates_.begin());
    }

    void passed(TreeNode& parent, const TreePassed& device) const {  // NOLINT(misc-no-recursion): a few levels
        TreeNode& node = parent.children.emplace_back(device.node);
        std::vector<std::uint32_t> clocks;
        for (const std::uint32_t rate : device.clocks) clocks.push_back(passed_clock(rate));
        if (!clocks.empty()) node.cells("clocks", clocks);
        for (const TreePassed& each : device.below) passed(node, each);
    }

    static std::string unit_name(const TreeVdev& vdev) {
        return fmt::format("{}@{:x}", vdev.kind, vdev.window.start());
    }

    TreeNode& vdev(TreeNode& parent, const TreeVdev& vdev) const {
        TreeNode& node = parent.add(unit_name(vdev));
        node.texts("compatible", vdev.compatible);
        node.wide("reg", {vdev.window.start(), vdev.window.size()});
        std::vector<std::uint32_t> cells;
        for (const unsigned id : vdev.interrupts)
            cells.insert(cells.end(), {kSpi, id - kFirstSpi, vdev.edge ? kEdgeRising : kLevelHigh});
        if (!cells.empty()) node.cells("interrupts", cells);
        if (!vdev.clocks.empty()) {
            node.cells("clocks", std::vector<std::uint32_t>(vdev.clocks.size(), phandles_.clock));
            node.texts("clock-names", vdev.clocks);
        }
        if (vdev.masters) node.flag("dma-coherent");
        return node;
    }

    const BoardTree& board_;
    Phandles phandles_;
    TreeNode root_{};
    std::vector<std::uint32_t> rates_;
};

}  // namespace

DeviceTree make_board_tree(const BoardTree& board, const DeviceTree* user) {
    const std::uint32_t first = user != nullptr ? last_phandle(user->root) + 1 : 1;
    Phandles phandles{
        .gic = first, .messages = first + 1, .clock = first + 2, .power_key = first + 3, .others = first + 4};
    if (user != nullptr)
        if (const TreeNode* gic = user_gic(*user)) phandles.gic = gic->number("phandle").value_or(first);
    return Writer{board, phandles}.write();
}

}  // namespace qvm::arm64
