// SPDX-License-Identifier: Apache-2.0
// A bare guest in memory of a host that is made of files: all of its RAM, and the image that it comes from.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

#include "kvm/bare_vm.hpp"
#include "kvm/guest.hpp"
#include "support/fake_devmem.hpp"

namespace qvm::test {

TEST_CASE("a guest runs in RAM that is passed, from an image that is passed") {
    constexpr std::uint64_t kImage = 24 * kMiB;
    constexpr unsigned kWrites = 100;
    const FakeDevmem host{32 * kMiB};
    // What is left of an earlier guest.
    host.put(4 * kMiB, std::vector<std::byte>(8 * kMiB, std::byte{0xcc}));
    const std::string elf = read_file(guest_file("port_storm.elf"));
    host.put(kImage, std::as_bytes(std::span{elf}));
    BareVm vm{fmt::format("set host-devmem on\npass loc 0,640K,rwcxm=4M\n loc 1M,15M,rwcxm=5M\n"
                          "guest pass loc 0xb0000000,{},r={:#x}\ncmdline \"{}\"\nvdev ser8250\n  hostdev -\n",
                          elf.size(), kImage, kWrites),
              make_catalog(), host.root()};
    CHECK(vm.board->memory.blocks().size() == 2);
    CHECK(vm.board->memory.blocks().front().is_passed());
    CHECK(vm.run() == EndCause::TripleFault);
    CHECK(vm.board->buses.pio.unclaimed() == kWrites);
    CHECK(host.at(12 * kMiB - 1) == '\0');
}

}  // namespace qvm::test
