// SPDX-License-Identifier: Apache-2.0
// vdev pci-dummy, and where it gets the identity of a host's function from.
#include <catch2/catch.hpp>

#include "devices/catalog.hpp"
#include "devices/pci/host_identity.hpp"
#include "support/fake_context.hpp"
#include "support/temp_tree.hpp"

namespace qvm::test {
namespace {

/// A header as sysfs shows it.
std::string header(std::uint8_t type) {
    std::string bytes(64, '\0');
    const auto put = [&](std::size_t at, std::initializer_list<unsigned char> values) {
        for (const unsigned char value : values) bytes[at++] = static_cast<char>(value);
    };
    put(0x00, {0x86, 0x80, 0x81, 0x7a, 0x07, 0x04, 0x10, 0x02, 0x11, 0x02, 0x01, 0x06});
    put(0x0e, {type});
    put(0x2c, {0x28, 0x10, 0x4d, 0x0b});
    return bytes;
}

GuestLocation slot(std::uint64_t address) { return {.space = GuestLocation::Space::Pci, .address = address}; }

const VdevType& dummy() {
    static const Catalog catalog{common_vdev_types()};
    return *catalog.find("pci-dummy");
}

}  // namespace

TEST_CASE("a host's function says who it is") {
    TempTree tree;
    tree.write("sys/bus/pci/devices/0000:00:1f.0/config", header(0x80));
    const auto identity = read_host_identity(slot(0x1f << 3), {}, tree.path());
    REQUIRE(identity);
    CHECK(identity->vendor == 0x8086);
    CHECK(identity->device == 0x7a81);
    CHECK(identity->revision == 0x11);
    CHECK(identity->class_code == 0x06'01'02);
    CHECK(identity->subsystem_vendor == 0x1028);
    CHECK(identity->subsystem == 0x0b4d);
}

TEST_CASE("a bridge's header has no subsystem") {
    TempTree tree;
    tree.write("sys/bus/pci/devices/0000:02:03.4/config", header(0x01));
    const auto identity = read_host_identity(slot(2 << 8 | 3 << 3 | 4), {}, tree.path());
    REQUIRE(identity);
    CHECK(identity->vendor == 0x8086);
    CHECK(identity->subsystem_vendor == 0);
}

TEST_CASE("what the host does not have, or does not show, is nobody") {
    TempTree tree;
    tree.write("sys/bus/pci/devices/0000:00:1f.0/config", header(0).substr(0, 63));
    CHECK_FALSE(read_host_identity(slot(0x1f << 3), {}, tree.path()));
    CHECK_FALSE(read_host_identity(slot(0), {}, tree.path()));
    CHECK_THROWS_AS(read_host_identity({.space = GuestLocation::Space::Memory, .address = 8}, {}, tree.path()),
                    ConfigError);
    CHECK_THROWS_AS(
        read_host_identity({.space = GuestLocation::Space::Pci, .pci_id = PciId{0x8086, 1}}, {}, tree.path()),
        ConfigError);
}

TEST_CASE("pci-dummy is a function without registers") {
    FakeContext context;
    const FakeSpec spec{dummy().syntax};
    const auto vdev = dummy().make(spec.get(), context);
    const PciDriver driver = context.pci_driver();
    CHECK(driver.config(0x00, 2) == 0x1c05);
    CHECK(driver.config(0x34, 1) == 0);
    CHECK(driver.config(0x3d, 1) == 0);
}

TEST_CASE("pci-dummy clones a function that is there; a check does not ask") {
    FakeContext context;
    FakeSpec spec{dummy().syntax};
    spec.with("clone", slot(0xff << 8 | 0xff), {1, 2, 3, 4});
    CHECK_THROWS_WITH(dummy().make(spec.get(), context), "this host has no such PCI function");
    context.identity.check = true;
    CHECK_NOTHROW(dummy().make(spec.get(), context));
    spec.with("clone", GuestLocation{.address = 5}, {1, 2, 3, 4});
    CHECK_THROWS_WITH(dummy().make(spec.get(), context), "a PCI function of the host is named by its place");
}

}  // namespace qvm::test
