// SPDX-License-Identifier: Apache-2.0
#include "ops/pass_binding.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "support/fake_chip.hpp"
#include "support/fake_root.hpp"
#include "support/temp_dir.hpp"
#include "vmm/error.hpp"

using namespace qvm;

namespace {

namespace fs = std::filesystem;
const std::string kDevice = "sys/bus/pci/devices/0000:02:00.0/";

/// sysfs does what is written at once; here the test does it.
class Host {
public:
    Host() {
        fs::create_directories(root.path() / "sys/bus/pci/drivers/vfio-pci");
        root.write("sys/bus/pci/drivers/nvme/unbind", "");
        root.write("sys/bus/pci/drivers_probe", "");
        root.write(kDevice + "driver_override", "(null)\n");
        give_to("nvme");
    }
    void give_to(const std::string& driver) const {
        fs::remove(root.path() / (kDevice + "driver"));
        fs::create_directories(root.path() / "sys/bus/pci/drivers" / driver);
        fs::create_directory_symlink(root.path() / "sys/bus/pci/drivers" / driver, root.path() / (kDevice + "driver"));
    }
    [[nodiscard]] HostPciFunction function() const { return host_pci_functions(root.path()).at(0); }
    [[nodiscard]] std::string written(const std::string& file) const {
        return test::read_file((root.path() / file).string());
    }

    test::FakeRoot root;
};

}  // namespace

TEST_CASE("binding names vfio-pci as the only driver before the old one lets go") {
    const Host host;
    const PassBinding binding{host.root.path()};
    CHECK(binding.bind_steps(host.function()) ==
          std::vector<SysfsWrite>{{kDevice + "driver_override", "vfio-pci"},
                                  {kDevice + "driver/unbind", "0000:02:00.0"},
                                  {"sys/bus/pci/drivers_probe", "0000:02:00.0"}});
}

TEST_CASE("a driver that does not change is an error that says who has the function") {
    const Host host;
    const PassBinding binding{host.root.path()};
    CHECK_THROWS_WITH(binding.bind(host.function()), Catch::Contains("nvme has it"));
    CHECK(host.written("sys/bus/pci/drivers/nvme/unbind") == "0000:02:00.0");
    CHECK(host.written(kDevice + "driver_override").starts_with("vfio-pci"));
}

TEST_CASE("without the driver vfio-pci nothing is touched") {
    const Host host;
    fs::remove(host.root.path() / "sys/bus/pci/drivers/vfio-pci");
    CHECK_THROWS_WITH(PassBinding{host.root.path()}.bind(host.function()), Catch::Contains("modprobe vfio-pci"));
    CHECK(host.written("sys/bus/pci/drivers_probe").empty());
}

TEST_CASE("what was bound goes back to the driver and the override that it had") {
    const Host host;
    host.root.write(kDevice + "driver_override", "nvme\n");
    const PassBinding binding{host.root.path()};
    CHECK_THROWS_AS(binding.bind(host.function()), HostError);  // remembers, though nobody moves here
    host.root.write("sys/bus/pci/drivers/vfio-pci/unbind", "");
    host.give_to("vfio-pci");
    CHECK(binding.restore_steps(host.function()) ==
          std::vector<SysfsWrite>{{kDevice + "driver_override", "nvme"},
                                  {kDevice + "driver/unbind", "0000:02:00.0"},
                                  {"sys/bus/pci/drivers_probe", "0000:02:00.0"}});
    binding.restore(host.function());
    CHECK_FALSE(fs::exists(host.root.path() / "run/qvm-pass/0000:02:00.0"));
}

TEST_CASE("a second bind does not forget what the host had") {
    const Host host;
    const PassBinding binding{host.root.path()};
    CHECK_THROWS_AS(binding.bind(host.function()), HostError);
    host.give_to("vfio-pci");
    binding.bind(host.function());
    CHECK(host.written("run/qvm-pass/0000:02:00.0").starts_with("nvme\n"));
}

TEST_CASE("without a memory of it a function goes to whatever driver the kernel finds") {
    const Host host;
    host.give_to("vfio-pci");
    const auto steps = PassBinding{host.root.path()}.restore_steps(host.function());
    CHECK(steps.front() == SysfsWrite{kDevice + "driver_override", "\n"});
    CHECK(steps.back() == SysfsWrite{"sys/bus/pci/drivers_probe", "0000:02:00.0"});
}

TEST_CASE("a platform device goes to vfio-platform by the files of its own bus, and back") {
    const test::FakeRoot root;
    const test::FakeChips chips{root};
    chips.add_timer("sp804");
    const PassBinding binding{root.path()};
    const auto timer = [&] { return host_chips(root.path()).at(0); };
    const std::string bus = "sys/bus/platform/";
    const std::string device = bus + "devices/a000000.timer/";
    CHECK_THROWS_WITH(binding.bind(timer()), Catch::Contains("no driver vfio-platform") && Catch::Contains("modprobe"));
    fs::create_directories(root.path() / (bus + "drivers/vfio-platform"));
    root.write(bus + "drivers/sp804/unbind", "");
    root.write(bus + "drivers_probe", "");
    CHECK(binding.bind_steps(timer()) == std::vector<SysfsWrite>{{device + "driver_override", "vfio-platform"},
                                                                 {device + "driver/unbind", "a000000.timer"},
                                                                 {bus + "drivers_probe", "a000000.timer"}});
    // The double's kernel moves nothing: it is as if the driver refused what it cannot reset.
    CHECK_THROWS_WITH(binding.bind(timer()), Catch::Contains("vfio-platform did not take a000000.timer") &&
                                                 Catch::Contains("vfio-platform.reset_required=0"));
    chips.give("a000000.timer", "vfio-platform");
    CHECK(binding.restore_steps(timer()) == std::vector<SysfsWrite>{{device + "driver_override", "\n"},
                                                                    {device + "driver/unbind", "a000000.timer"},
                                                                    {bus + "drivers_probe", "a000000.timer"}});
}
