// SPDX-License-Identifier: Apache-2.0
// What a host with a device tree shows of devices that are not on PCI, without any: files, and VFIO's address space.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "devices/vfio/dma_space.hpp"
#include "support/fake_root.hpp"
#include "support/fake_vfio.hpp"
#include "vmm/error.hpp"

namespace qvm::test {

/// The bytes of a property that is made of numbers.
inline std::string cells(std::initializer_list<std::uint32_t> values) {
    std::string bytes;
    for (const std::uint32_t value : values)
        for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
}

/// /sys/firmware/devicetree with a GIC, to which devices are added.
class FakeChips {
public:
    static constexpr std::uint32_t kGic = 0x8001;

    explicit FakeChips(const FakeRoot& root) : root_{root} {
        property("", "#address-cells", cells({2}));
        property("", "#size-cells", cells({2}));
        property("", "interrupt-parent", cells({kGic}));
        property("intc@8000000", "compatible", std::string{"arm,gic-v3\0", 11});
        property("intc@8000000", "phandle", cells({kGic}));
        property("intc@8000000", "#interrupt-cells", cells({3}));
    }
    void property(const std::string& node, const std::string& name, const std::string& value) const {
        root_.write("sys/firmware/devicetree/base/" + node + "/" + name, value);
    }
    /// Behind IOMMU group 5, with the driver `driver` (empty: none).
    void add(const std::string& name, const std::string& node, const std::string& driver,
             const std::string& bus = "platform") const {
        namespace fs = std::filesystem;
        const fs::path device = root_.path() / "sys/bus" / bus / "devices" / name;
        fs::create_directories(device);
        fs::create_directories(root_.path() / "sys/kernel/iommu_groups/5");
        fs::create_directory_symlink(root_.path() / "sys/kernel/iommu_groups/5", device / "iommu_group");
        fs::create_directory_symlink(root_.path() / "sys/firmware/devicetree/base" / node, device / "of_node");
        root_.write("sys/bus/" + bus + "/devices/" + name + "/driver_override", "(null)\n");
        give(name, driver, bus);
    }
    void give(const std::string& name, const std::string& driver, const std::string& bus = "platform") const {
        namespace fs = std::filesystem;
        const fs::path at = root_.path() / "sys/bus" / bus;
        fs::remove(at / "devices" / name / "driver");
        if (driver.empty()) return;
        fs::create_directories(at / "drivers" / driver);
        fs::create_directory_symlink(at / "drivers" / driver, at / "devices" / name / "driver");
    }
    void remove_group(const std::string& name) const {
        std::filesystem::remove(root_.path() / "sys/bus/platform/devices" / name / "iommu_group");
    }
    /// A timer of VFIO's at 0xa000000 (two pages) and 0xa010000 (0x80 bytes) with the interrupts 42 and 43.
    void add_timer(const std::string& driver = "vfio-platform") const {
        property("timer@a000000", "reg", cells({0, 0xa00'0000, 0, 0x2000, 0, 0xa01'0000, 0, 0x80}));
        property("timer@a000000", "interrupts", cells({0, 10, 4, 0, 11, 1}));
        add("a000000.timer", "timer@a000000", driver);
    }

private:
    const FakeRoot& root_;
};

/// Gives devices that the test makes.
class FakeDmaSpace final : public DmaSpace {
public:
    /// Outlives it.
    struct Script {
        std::function<std::unique_ptr<FakeVfio>(const std::string& name)> make{};
        std::map<std::string, FakeVfio*> open{};
        std::vector<VfioIdentity> asked{};
        std::string refusal{};  ///< what it throws instead
        unsigned maps = 0;

        [[nodiscard]] DmaSpaceOpener opener() {
            return [this](const VfioIdentity&) { return std::make_unique<FakeDmaSpace>(*this); };
        }
    };
    explicit FakeDmaSpace(Script& script) : script_{script} {}

    std::unique_ptr<VfioDevice> open(const VfioIdentity& device) override {
        script_.asked.push_back(device);
        if (!script_.refusal.empty()) throw HostError{script_.refusal};
        auto made = script_.make(device.name);
        script_.open[device.name] = made.get();
        return made;
    }
    void map(const GuestMemory&) override { ++script_.maps; }
    void for_each_file(const std::function<void(int)>& visit) const override {
        if (!script_.open.empty()) visit(-1);
    }

private:
    Script& script_;
};

/// The timer of FakeChips as VFIO gives it: of its second registers, which are no whole page, no mapping.
inline std::unique_ptr<FakeVfio> fake_timer() {
    auto timer = std::make_unique<FakeVfio>();
    timer->what = VfioDevice::Kind::Platform;
    timer->add_bar(0, 0x2000);
    timer->add_bar(1, 0x80);
    timer->add_interrupts(0, 1);
    timer->add_interrupts(1, 1);
    return timer;
}

}  // namespace qvm::test
