// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_pci.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "support/fake_root.hpp"
#include "vmm/error.hpp"

using namespace qvm;
using Kind = PassVerdict::Kind;

namespace {

namespace fs = std::filesystem;

/// A host's sysfs with PCI functions.
class Host {
public:
    void add(const std::string& address, const std::string& driver, const std::string& group,
             const std::string& class_code = "0x020000") {
        const std::string device = "sys/bus/pci/devices/" + address + "/";
        root.write(device + "vendor", "0x8086\n");
        root.write(device + "device", "0x10d3\n");
        root.write(device + "class", class_code + "\n");
        root.write(device + "driver_override", "(null)\n");
        if (!driver.empty()) link(device + "driver", "sys/bus/pci/drivers/" + driver);
        if (!group.empty()) link(device + "iommu_group", "sys/kernel/iommu_groups/" + group);
    }
    void link(const std::string& from, const std::string& to) const {
        fs::create_directories(root.path() / to);
        fs::create_directories((root.path() / from).parent_path());
        fs::create_directory_symlink(root.path() / to, root.path() / from);
    }
    [[nodiscard]] std::vector<HostPciFunction> functions() const { return host_pci_functions(root.path()); }
    [[nodiscard]] PassVerdict verdict(std::size_t which) const {
        const auto all = functions();
        return judge_pass(all.at(which), all);
    }

    /// What is said when that is to be passed; the address of what is found if nothing is.
    [[nodiscard]] std::string choose(const GuestLocation& wanted, const std::vector<HostPciAddress>& taken = {}) const {
        PassLocation location;
        location.host = wanted;
        const auto all = functions();
        try {
            return choose_passed(location, all, taken).address.text();
        } catch (const HostError& error) {
            return error.what();
        } catch (const ConfigError& error) {
            return error.what();
        }
    }

    test::FakeRoot root;
};

GuestLocation at(std::uint64_t bus, std::uint64_t device, std::uint64_t function = 0) {
    return {.space = GuestLocation::Space::Pci, .address = bus << 8 | device << 3 | function};
}
GuestLocation kind(std::uint16_t vendor, std::uint16_t device) {
    return {.space = GuestLocation::Space::Pci, .pci_id = PciId{vendor, device}};
}

}  // namespace

TEST_CASE("PCI addresses are read with and without their domain") {
    CHECK(HostPciAddress::parse("0000:02:1f.7")->text() == "0000:02:1f.7");
    CHECK(HostPciAddress::parse("2:0.0")->text() == "0000:02:00.0");
    CHECK(HostPciAddress::parse("10000:e1:00.0")->text() == "10000:e1:00.0");
    for (const char* wrong : {"", "02", "02:00", "0000:02:20.0", "02:00.8", "02:00.", "x:00.0", "0:0:0:0.0", "02.0:0"})
        CHECK_FALSE(HostPciAddress::parse(wrong));
}

TEST_CASE("functions are read from sysfs in the order of their addresses") {
    Host host;
    host.add("0000:02:00.0", "nvme", "7", "0x010802");
    host.add("0000:00:03.0", "", "");
    const auto all = host.functions();
    REQUIRE(all.size() == 2);
    CHECK(all[0].address.text() == "0000:00:03.0");
    CHECK(all[0].driver.empty());
    CHECK_FALSE(all[0].group);
    CHECK(all[1].id == PciId{0x8086, 0x10d3});
    CHECK(all[1].class_code == 0x010802);
    CHECK(all[1].driver == "nvme");
    CHECK(all[1].group == 7U);
    CHECK(all[1].driver_override.empty());
}

TEST_CASE("a function's own file is found where the kernel has such") {
    Host host;
    host.add("0000:00:03.0", "vfio-pci", "1");
    host.add("0000:00:04.0", "vfio-pci", "2");
    fs::create_directories(host.root.path() / "sys/bus/pci/devices/0000:00:04.0/vfio-dev/vfio12");
    CHECK(host.functions()[0].cdev.empty());
    CHECK(host.functions()[1].cdev == "vfio12");
}

TEST_CASE("what the host does with a function is told") {
    Host host;
    host.add("0000:01:00.0", "e1000e", "1");
    host.root.write("sys/bus/pci/devices/0000:01:00.0/net/eth0/flags", "0x1003\n");
    host.root.write("sys/bus/pci/devices/0000:01:00.0/net/eth1/flags", "0x1002\n");
    host.add("0000:02:00.0", "nvme", "2", "0x010802");
    host.root.write("sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1/nvme0n1p1/dev", "259:1\n");
    host.root.write("sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1/dev", "259:0\n");
    host.root.write("proc/self/mountinfo", "25 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n");
    const auto all = host.functions();
    CHECK(all[0].in_use == std::vector<std::string>{"network interface eth0 is up"});
    CHECK(all[1].in_use == std::vector<std::string>{"nvme0n1p1 is mounted"});
}

TEST_CASE("a function in a group of its own is ready once vfio-pci has it") {
    Host host;
    host.add("0000:01:00.0", "vfio-pci", "1");
    host.add("0000:02:00.0", "nvme", "2");
    CHECK(host.verdict(0).kind == Kind::Ready);
    CHECK(host.verdict(1).kind == Kind::NeedsBind);
}

TEST_CASE("without an IOMMU nothing can be passed, and bridges never") {
    Host host;
    host.add("0000:01:00.0", "nvme", "");
    host.add("0000:02:00.0", "pcieport", "2", "0x060400");
    CHECK(host.verdict(0).kind == Kind::Impossible);
    CHECK(host.verdict(0).why.find("IOMMU") != std::string::npos);
    CHECK(host.verdict(1).kind == Kind::Impossible);
}

TEST_CASE("on a host whose IOMMU is known by a device tree, the first driver brings a function into its group") {
    Host host;
    host.link("sys/class/iommu/smmu3.0x0000000009050000", "sys/devices/platform/9050000.smmuv3");
    host.add("0000:01:00.0", "", "");
    host.add("0000:02:00.0", "nvme", "");
    CHECK(host.verdict(0).kind == Kind::NeedsBind);
    CHECK(host.choose(at(1, 0)) ==
          "0000:01:00.0 cannot be passed: it is not bound to vfio-pci\n  qvmctl pass bind 0000:01:00.0");
    CHECK(host.verdict(1).kind == Kind::Impossible);
}

TEST_CASE("a shared group names who else must go, and ports may stay") {
    Host host;
    host.add("0000:00:1c.0", "pcieport", "4", "0x060400");
    host.add("0000:01:00.0", "vfio-pci", "4");
    host.add("0000:01:00.1", "snd_hda_intel", "4");
    host.add("0000:01:00.2", "", "4");
    const PassVerdict verdict = host.verdict(1);
    CHECK(verdict.kind == Kind::NeedsBind);
    CHECK(verdict.why.find("0000:01:00.1 (snd_hda_intel)") != std::string::npos);
    CHECK(verdict.why.find("pcieport") == std::string::npos);
    CHECK(verdict.why.find("0000:01:00.2") == std::string::npos);
}

TEST_CASE("a function is passed by its address, or by what it is, each once") {
    Host host;
    host.add("0000:01:00.0", "vfio-pci", "1");
    host.add("0000:02:1f.3", "vfio-pci", "2");
    CHECK(host.choose(at(2, 31, 3)) == "0000:02:1f.3");
    CHECK(host.choose(kind(0x8086, 0x10d3)) == "0000:01:00.0");
    const std::vector<HostPciAddress> first{{.bus = 1}};
    CHECK(host.choose(kind(0x8086, 0x10d3), first) == "0000:02:1f.3");
    CHECK(host.choose(at(1, 0), first) == "0000:01:00.0 is passed twice");
    CHECK(host.choose(at(9, 0)) == "this host has no PCI function 0000:09:00.0");
    CHECK(host.choose(kind(0x1234, 0x11e8)) == "this host has no PCI function 1234:11e8 that is not passed already");
}

TEST_CASE("what cannot be passed as things are is refused with the way out") {
    Host host;
    host.add("0000:01:00.0", "nvme", "1");
    host.add("0000:02:00.0", "", "2");
    host.add("0000:03:00.0", "vfio-pci", "3");
    host.add("0000:03:00.1", "snd_hda_intel", "3");
    host.add("0000:04:00.0", "vfio-pci", "");
    CHECK(host.choose(at(1, 0)) ==
          "0000:01:00.0 cannot be passed: it has the host's driver nvme\n  qvmctl pass bind 0000:01:00.0");
    CHECK(host.choose(at(2, 0)) ==
          "0000:02:00.0 cannot be passed: it is not bound to vfio-pci\n  qvmctl pass bind 0000:02:00.0");
    CHECK(host.choose(at(3, 0)) ==
          "0000:03:00.0 cannot be passed: it shares group 3 with 0000:03:00.1 (snd_hda_intel): bind these, too\n"
          "  qvmctl pass bind 0000:03:00.0 0000:03:00.1");
    CHECK(
        host.choose(at(4, 0)) ==
        "0000:04:00.0 cannot be passed: no IOMMU group: switch the IOMMU on in the firmware, and for Intel's boot with "
        "intel_iommu=on");
}
