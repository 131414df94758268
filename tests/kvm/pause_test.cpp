// SPDX-License-Identifier: Apache-2.0
// Pauses of real vCPUs under load: nothing runs meanwhile, and no exit is lost.
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "config/reader.hpp"
#include "kvm/guest.hpp"
#include "launcher/end_latch.hpp"
#include "launcher/launcher.hpp"
#include "launcher/placed_board.hpp"
#include "vcpu/vcpu_group.hpp"

namespace qvm::test {
namespace {

/// A VM without what stands around it in a process of its own.
class BareVm {
public:
    explicit BareVm(const std::string& text) {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("test", text);
        config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        plan = plan_board(*config, diagnostics);
        board.emplace(*config, catalog, *plan, host, latch, diagnostics);
        REQUIRE_FALSE(diagnostics.has_errors());
        for (const MemorySpec& memory : config->memory) board->memory.add(memory.range, GuestMemory::Kind::Ram);
        install_kick_handler();
        auto made = board->machine->boot(board->assembled.placed);
        for (unsigned i = 0; i < made.size(); ++i)
            vcpus.add(std::make_unique<VcpuThread>(i, std::move(made[i]), config->cpus[i],
                                                   VcpuWorld{board->buses, *board->machine, latch, log}));
    }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog = make_catalog();
    std::optional<VmConfig> config;
    std::unique_ptr<BoardPlan> plan;
    EndLatch latch;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    EventLoop loop{"io/test"};
    CharHost host{loop, log};
    std::optional<PlacedBoard> board;
    VcpuGroup vcpus;
};

}  // namespace

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
