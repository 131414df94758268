// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_messages.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <fstream>

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
    const std::array<std::uint32_t, 3> cpus{1, 2, 7};
    CHECK(place_host_messages("0000:01:00.0", cpus, root.path()) == 0);
    root.write("sys/bus/pci/devices/0000:01:00.0/msi_irqs/30", "msix\n");
    root.write("sys/bus/pci/devices/0000:01:00.0/msi_irqs/31", "msix\n");
    root.write("proc/irq/30/smp_affinity_list", "");
    CHECK(place_host_messages("0000:01:00.0", cpus, root.path()) == 1);
    std::string written;
    std::getline(std::ifstream{root.path() / "proc/irq/30/smp_affinity_list"}, written);
    CHECK(written == "1,2,7");
}
