// SPDX-License-Identifier: Apache-2.0
// The contract between the launcher and a board. Each folder of src/arch defines the functions below once; the build
// picks the folder.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "devices/irq_table.hpp"
#include "devices/pci/host.hpp"
#include "devices/vdev.hpp"
#include "vcpu/dispatch.hpp"
#include "vcpu/vcpu.hpp"
#include "vmm/bus.hpp"
#include "vmm/device_memory.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

class KeptMemory;

/// A vdev where it ended up.
struct PlacedVdev {
    const VdevType* type;
    struct Window {
        bool io;  ///< ports, else memory
        Range range;
    };
    std::vector<Window> windows{};
    std::vector<IrqTable::Claim> interrupts{};
    std::optional<PciSlot> slot{};                    ///< on PCI, in place of the windows
    const InterruptController* controller = nullptr;  ///< what it is to others, if it is one
};

/// Devices of the host's that the guest has, which are not PCI's.
struct PassedChip {
    struct Region {
        Range guest;
        std::uint64_t host;  ///< where it begins there
    };
    struct Interrupt {
        unsigned guest;                ///< line of the first controller
        std::optional<unsigned> host;  ///< as the host's controller counts; nothing if that is not known
    };
    std::vector<Region> regions{};
    std::vector<Interrupt> interrupts{};
    std::optional<PassNode> node{};  ///< that the user has named; else it is found by the addresses
};

/// What a board stands on. All of it outlives the Machine.
struct BoardServices {
    GuestMemory& memory;
    Buses& buses;
    IrqTable& irqs;
    VmControl& control;
    Log& log;
    const Clock& clock;
    EventLoop& loop;
};

/// The board.
class Machine : public ArchExits {
public:
    /// Where a vdev sits that has no `loc` or `intr` of its own.
    struct Defaults {
        std::optional<GuestLocation> where{};
        std::optional<unsigned> line{};  ///< of the first interrupt controller
    };
    /// `ordinal` counts the vdevs of this type from 0.
    [[nodiscard]] virtual Defaults defaults(const VdevType& type, unsigned ordinal) const = 0;
    [[nodiscard]] virtual MsiRouter& msi() = 0;
    /// The vCPU that a message to `address` interrupts, by the number of its `cpu` line; nothing if there may be
    /// several, or the board cannot tell.
    [[nodiscard]] virtual std::optional<unsigned> message_target(std::uint64_t /*address*/) const noexcept {
        return std::nullopt;
    }
    [[nodiscard]] virtual Doorbells& doorbells() = 0;
    /// Null if there is no PCI: the configuration does not need it, or the board has none.
    [[nodiscard]] virtual PciHost* pci() noexcept { return nullptr; }
    /// Where registers of passed devices become the guest's; null if this board passes none.
    [[nodiscard]] virtual DeviceMemory* device_memory() noexcept { return nullptr; }
    /// The guest is told of devices, where the board can tell it anything. Before boot(). Throws ConfigError.
    virtual void announce(const PassedChip& chip) {
        if (chip.node) throw ConfigError{chip.node->where, "this board has no device tree", "leave the 'node' out"};
    }
    /// Ports of the host's that the guest's accesses reach; all vCPU threads are made by this thread, later. Null if
    /// the board has none. Throws HostError.
    [[nodiscard]] virtual std::unique_ptr<IoDevice> host_ports(const Range& /*ports*/) { return nullptr; }
    /// The guest drives the devices of an IOMMU group: `fd` is its file. After boot(). Throws HostError.
    virtual void adopt_group(int /*fd*/) {}

    /// Once all vdevs are made: opens KVM, makes the VM, puts what the guest boots from into its memory and makes the
    /// vCPUs, in the order of `cpu` lines. Throws ConfigError or HostError.
    [[nodiscard]] virtual std::vector<std::unique_ptr<Vcpu>> boot(std::span<const PlacedVdev> vdevs) = 0;

    /// e_machine of an ELF core of its guests (ELF's machine registry).
    [[nodiscard]] virtual std::uint16_t elf_machine() const noexcept = 0;
    /// How fast ArchExits::ticks() counts; 0 if the host does not say. After boot().
    [[nodiscard]] virtual std::uint64_t ticks_per_second() const noexcept = 0;

    /// Asks the guest to shut down. False if the guest does not listen. From any thread.
    virtual bool press_power_button() noexcept = 0;

    /// No vCPU runs any more, and vdevs go next: nothing on a loop's thread calls them for the board from now on.
    virtual void be_quiet() noexcept {}
};

/// What a board has read and judged of the configuration: the images above all.
class BoardPlan {
public:
    virtual ~BoardPlan() = default;
    /// The board, with its fixed devices on the buses, its fixed interrupt lines taken and no KVM yet. `memory` may
    /// still be empty; by the time of boot() it is filled from the same configuration. The plan must outlive the call
    /// of boot().
    [[nodiscard]] virtual std::unique_ptr<Machine> build(const BoardServices& services) = 0;
};

/// Which board this is.
[[nodiscard]] Boards this_board() noexcept;

/// Vdev types that only this board has.
[[nodiscard]] std::span<const VdevType* const> board_vdev_types() noexcept;

/// Judges all of the configuration that depends on the board. Reads files; starts nothing. A plan that found errors
/// still builds a machine to place vdevs on, so that their errors can be told in the same run, but not one to boot.
/// Images in the host's memory are read by `host`; null: nobody looks at them, and what depends on them is not judged.
/// `config` must outlive the plan, which is never null. Throws HostError if the host's memory cannot be had.
[[nodiscard]] std::unique_ptr<BoardPlan> plan_board(const VmConfig& config, Diagnostics& diagnostics,
                                                    KeptMemory* host = nullptr);

}  // namespace qvm
