// SPDX-License-Identifier: Apache-2.0
// The vdevs of a text on a board that boots nothing.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "config/reader.hpp"
#include "launcher/assembly.hpp"
#include "launcher/end_latch.hpp"
#include "launcher/launcher.hpp"
#include "support/fake_machine.hpp"

namespace qvm::test {

struct AssemblyOptions {
    bool controller = true;         ///< there is one, named "pic"
    std::optional<Range> window{};  ///< of PCI, which is there if it is
    Catalog catalog = make_catalog();
    DeviceMemory* device_memory = nullptr;
    std::filesystem::path host_root{"/"};
    DmaSpaceOpener open_space = open_dma_space;
};

class Assembly {
public:
    explicit Assembly(const std::string& vdevs, bool with_controller = true)
        : Assembly{vdevs, AssemblyOptions{.controller = with_controller}} {}

    Assembly(const std::string& vdevs, AssemblyOptions options) : catalog{std::move(options.catalog)} {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("test", "ram 1M\nload kernel\n" + vdevs);
        config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        if (options.controller) irqs.add("pic", controller, {});
        if (options.window) machine.add_pci(log, options.window);
        machine.memory = options.device_memory;
        result = assemble({.config = *config,
                           .catalog = catalog,
                           .machine = machine,
                           .memory = memory,
                           .buses = buses,
                           .irqs = irqs,
                           .char_host = host,
                           .control = control,
                           .clock = clock,
                           .vdevs = VdevIndex{*config},
                           .host_root = options.host_root,
                           .open_space = options.open_space},
                          diagnostics);
    }

    [[nodiscard]] std::string text() const { return diagnostics.render(sources); }
    [[nodiscard]] bool says(const std::string& part) const { return text().find(part) != std::string::npos; }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog;
    std::optional<VmConfig> config;
    EndLatch control;
    HostClock clock;
    Log log{"", {{{Severity::Error}, LogDestination::None}}};
    EventLoop loop{"io/test"};
    CharHost host{loop, log};
    FakeMachine machine;
    GuestMemory memory;
    FakeController controller;
    Buses buses;
    IrqTable irqs;
    AssembledVdevs result;
};

}  // namespace qvm::test
