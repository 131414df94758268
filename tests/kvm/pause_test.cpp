// SPDX-License-Identifier: Apache-2.0
// Pauses of real vCPUs under load: nothing runs meanwhile, and no exit is lost.
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "kvm/bare_vm.hpp"
#include "kvm/guest.hpp"

namespace qvm::test {
TEST_CASE("a thousand pauses under load lose no exit") {
    constexpr unsigned kWrites = 20'000;
    constexpr unsigned kPauses = 1'000;
    BareVm vm{config_text({.kernel = guest_file("port_storm.elf"), .cmdline = std::to_string(kWrites)})};
    vm.vcpus.release();
    unsigned pauses = 0;
    for (; pauses < kPauses && !vm.latch.cause(); ++pauses) {
        const VcpuGroup::Pause pause = vm.vcpus.pause();
        const auto before = vm.board->buses.pio.unclaimed();
        std::this_thread::yield();
        REQUIRE(vm.board->buses.pio.unclaimed() == before);
    }
    CHECK(pauses == kPauses);
    while (!vm.latch.cause()) std::this_thread::yield();
    vm.vcpus.stop();
    CHECK(*vm.latch.cause() == EndCause::TripleFault);
    CHECK(vm.board->buses.pio.unclaimed() == kWrites);
}

}  // namespace qvm::test
