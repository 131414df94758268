// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_messages.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <string>
#include <vector>

#include "support/fake_root.hpp"

using namespace qvm;

TEST_CASE("the messages of all vectors are counted on all CPUs") {
    const test::FakeRoot root;
    root.write("sys/bus/pci/devices/0000:01:00.0/msi_irqs/30", "msix\n");
    root.write("sys/bus/pci/devices/0000:01:00.0/msi_irqs/41", "msix\n");
    root.write("sys/kernel/irq/30/per_cpu_count", "12,0,7\n");
    root.write("sys/kernel/irq/41/per_cpu_count", "4294967296\n");
    root.write("sys/kernel/irq/42/per_cpu_count", "1000\n");
    CHECK(host_messages("0000:01:00.0", root.path()) == 4'294'967'315);
}

TEST_CASE("a host that does not count, or a function without messages, has none") {
    const test::FakeRoot root;
    CHECK(host_messages("0000:01:00.0", root.path()) == 0);
    root.write("sys/bus/pci/devices/0000:01:00.0/msi_irqs/30", "msi\n");
    CHECK(host_messages("0000:01:00.0", root.path()) == 0);
    root.write("sys/kernel/irq/30/per_cpu_count", "3,x,9\n");
    CHECK(host_messages("0000:01:00.0", root.path()) == 3);
}

TEST_CASE("messages come on the CPUs that they are given, and those that stay are counted") {
    const test::FakeRoot root;
    const std::string function = "0000:01:00.0";
    const std::vector<CpuList> cpus{{1, 2, 7}, {}, {4}, {5}};
    CHECK(place_host_messages(function, {}, root.path()) == 0);
    CHECK(place_host_messages(function, cpus, root.path()) == 3);
    const auto add = [&](const std::string& interrupt, const std::string& actions) {
        root.write("sys/bus/pci/devices/" + function + "/msi_irqs/" + interrupt, "msix\n");
        root.write("sys/kernel/irq/" + interrupt + "/actions", actions);
        root.write("proc/irq/" + interrupt + "/smp_affinity_list", "");
    };
    // The numbers need not come in the order of the vectors. One has no file, as if its CPUs were the kernel's.
    add("30", "vfio-msix[2](0000:01:00.0)\n");
    add("31", "vfio-msix[0](0000:01:00.0)\n");
    add("32", "vfio-msix[1](0000:01:00.0)\n");
    add("33", "\n");
    add("34", "vfio-msix[4](0000:01:00.0)\n");
    root.write("sys/bus/pci/devices/" + function + "/msi_irqs/35", "msix\n");
    root.write("sys/kernel/irq/35/actions", "vfio-msix[3](0000:01:00.0)\n");
    CHECK(place_host_messages(function, cpus, root.path()) == 1);
    const auto written = [&](const std::string& interrupt) {
        std::string text;
        std::getline(std::ifstream{root.path() / "proc/irq" / interrupt / "smp_affinity_list"}, text);
        return text;
    };
    CHECK(written("30") == "4");
    CHECK(written("31") == "1,2,7");
    for (const char* other : {"32", "33", "34"}) CHECK(written(other).empty());
}
