// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/posted_interrupts.hpp"

#include <catch2/catch.hpp>

#include "support/fake_root.hpp"

using namespace qvm;

TEST_CASE("a host without anything that posts interrupts says so") {
    const test::FakeRoot root;
    CHECK(posted_interrupts(root.path()).empty());
    root.write("proc/interrupts", "           CPU0\n 11:  4  GICv3  27 Level  kvm guest vtimer\n");
    CHECK(posted_interrupts(root.path()).empty());
}

TEST_CASE("Intel's interrupts are posted if KVM and all IOMMUs can do it") {
    const test::FakeRoot root;
    root.write("sys/class/iommu/dmar0/intel-iommu/cap", "8d2078c106f0466\n");
    CHECK(posted_interrupts(root.path()).empty());
    root.write("sys/module/kvm_intel/parameters/enable_apicv", "Y\n");
    CHECK(posted_interrupts(root.path()) == "Intel's posted interrupts");
    root.write("sys/class/iommu/dmar1/intel-iommu/cap", "d2078c106f0466\n");
    CHECK(posted_interrupts(root.path()).empty());
}

TEST_CASE("AMD's interrupts are posted if KVM uses the AVIC and the IOMMU knows guests' APICs") {
    const test::FakeRoot root;
    root.write("sys/module/kvm_amd/parameters/avic", "N\n");
    root.write("sys/class/iommu/ivhd0/amd-iommu/features", "80000246577efa2254afa\n");
    CHECK(posted_interrupts(root.path()).empty());
    root.write("sys/class/iommu/ivhd0/amd-iommu/features", "246577efa2254afa\n");
    CHECK(posted_interrupts(root.path()).empty());
    root.write("sys/module/kvm_amd/parameters/avic", "Y\n");
    CHECK(posted_interrupts(root.path()) == "AMD's AVIC");
    root.write("sys/class/iommu/ivhd0/amd-iommu/features", "246577efa2254afa:10\n");  // Linux from 6.7 on
    CHECK(posted_interrupts(root.path()) == "AMD's AVIC");
}

TEST_CASE("a GICv4 shows by the doorbells of the vCPUs") {
    const test::FakeRoot root;
    root.write("proc/interrupts", "           CPU0\n 55:  0  GICv4-vpe  0 Edge  vcpu\n");
    CHECK(posted_interrupts(root.path()) == "GICv4");
}
