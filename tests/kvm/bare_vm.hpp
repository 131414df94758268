// SPDX-License-Identifier: Apache-2.0
// A VM in the test's own process, without what stands around it in a process of its own.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "config/passed_memory.hpp"
#include "config/reader.hpp"
#include "devices/platform/kept_memory.hpp"
#include "launcher/end_latch.hpp"
#include "launcher/launcher.hpp"
#include "launcher/memory_setup.hpp"
#include "launcher/placed_board.hpp"
#include "vcpu/vcpu_group.hpp"

namespace qvm::test {

class BareVm {
public:
    /// `host_root` stands in for `/` where the host's memory is passed.
    explicit BareVm(const std::string& text, Catalog types = make_catalog(),
                    const std::filesystem::path& host_root = "/")
        : catalog{std::move(types)} {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("test", text);
        config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        take_passed_memory(*config, diagnostics);
        KeptMemory kept{true, host_root};
        plan = plan_board(*config, diagnostics, &kept);
        board.emplace(*config, catalog, *plan, host, latch, diagnostics, host_root);
        INFO(diagnostics.render(sources));
        REQUIRE_FALSE(diagnostics.has_errors());
        make_memory(*config, board->memory, log, host_root);
        install_kick_handler();
        auto made = board->machine->boot(board->assembled.placed);
        for (unsigned i = 0; i < made.size(); ++i)
            vcpus.add(std::make_unique<VcpuThread>(i, std::move(made[i]), config->cpus[i],
                                                   VcpuWorld{board->buses, *board->machine, latch, log}));
        board->assembled.vdevs.start();
    }

    /// From the first instruction to the guest's own end; nothing if it does not come to that. `at_end` sees the vCPUs
    /// before they go.
    std::optional<EndCause> run(const std::function<void()>& at_end = [] {}) {
        constexpr std::chrono::seconds kLimit{60};
        const auto limit = std::chrono::steady_clock::now() + kLimit;
        vcpus.release();
        while (!latch.cause() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
        at_end();
        vcpus.stop();
        return latch.cause();
    }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog;
    std::optional<VmConfig> config;
    std::unique_ptr<BoardPlan> plan;
    EndLatch latch;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    EventLoop loop{"io/test"};
    CharHost host{loop, log};
    std::optional<PlacedBoard> board;
    VcpuGroup vcpus;
};

}  // namespace qvm::test
