// SPDX-License-Identifier: Apache-2.0
// From `vdev` lines to devices on buses, in file order.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "arch/machine.hpp"
#include "devices/catalog.hpp"
#include "devices/host/open_char_port.hpp"
#include "devices/vfio/dma_space.hpp"
#include "launcher/vdev_index.hpp"

namespace qvm {

class PassedDevices;

/// What vdevs are put together from. All of it outlives the vdevs.
struct AssemblyServices {
    const VmConfig& config;
    const Catalog& catalog;
    Machine& machine;
    const GuestMemory& memory;
    Buses& buses;
    IrqTable& irqs;
    const CharHost& char_host;
    VmControl& control;
    const Clock& clock;
    VdevIndex vdevs{config};
    std::filesystem::path host_root{"/"};  ///< stands in for `/` where the host's platform devices are looked for
    DmaSpaceOpener open_space = open_dma_space;
};

/// Owner of vdevs. The last one made is destroyed first: it may hold wires into earlier ones.
class VdevStack {
public:
    VdevStack() = default;
    VdevStack(VdevStack&&) noexcept = default;
    VdevStack& operator=(VdevStack&&) noexcept = default;
    VdevStack(const VdevStack&) = delete;
    VdevStack& operator=(const VdevStack&) = delete;
    ~VdevStack() {
        while (!vdevs_.empty()) vdevs_.pop_back();
    }

    void push(std::unique_ptr<Vdev> vdev) { vdevs_.push_back(std::move(vdev)); }
    void start() {
        for (auto& vdev : vdevs_) vdev->start();
    }
    void pause() {
        for (auto& vdev : vdevs_) vdev->pause();
    }
    void resume() {
        for (auto& vdev : vdevs_) vdev->resume();
    }

private:
    std::vector<std::unique_ptr<Vdev>> vdevs_;
};

/// Member order is teardown order, last member first.
struct AssembledVdevs {
    AssembledVdevs();
    AssembledVdevs(AssembledVdevs&&) noexcept;
    AssembledVdevs& operator=(AssembledVdevs&&) noexcept;
    ~AssembledVdevs();

    std::vector<PlacedVdev> placed;
    std::unique_ptr<PassedDevices> passed;  ///< null if this is only a check
    VdevStack vdevs;
};

/// Makes all vdevs of the configuration. What cannot be had as configured goes to `diagnostics`, all of it; the result
/// is then incomplete. Throws HostError.
[[nodiscard]] AssembledVdevs assemble(const AssemblyServices& services, Diagnostics& diagnostics);

}  // namespace qvm
