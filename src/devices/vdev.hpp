// SPDX-License-Identifier: Apache-2.0
// What a virtual device is, and all that it may touch. A vdev knows offsets and wires; where it sits and which number
// its interrupt has is the board's business.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/vm_config.hpp"
#include "vmm/bus.hpp"
#include "vmm/clock.hpp"
#include "vmm/doorbells.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/irq_line.hpp"
#include "vmm/log.hpp"

namespace qvm {

class CharPort;
class PciFunction;
struct PciIdentity;

/// The VM that a vdev is part of, as others know it.
struct VmIdentity {
    std::string_view system{};             ///< empty: it has no name
    std::string_view runtime_directory{};  ///< where sockets may be put, which go with the VM; empty: there is none
    bool check = false;                    ///< it is judged only: nothing of the host is opened that has an effect
    bool dryrun = false;                   ///< it is built and never runs: others do not see it
};

/// A virtual device. Made and destroyed on the main thread; its IoDevice part is called by vCPUs in between.
class Vdev {
public:
    virtual ~Vdev() = default;
    /// The whole VM is built; the vCPUs start next.
    virtual void start() {}
    /// The vCPUs have been stopped for a while, and go on. Time that the guest cannot use must not count against it.
    virtual void pause() {}
    virtual void resume() {}
};

/// An interrupt controller, for those who name it in `intr`.
class InterruptController {
public:
    virtual ~InterruptController() = default;
    [[nodiscard]] virtual unsigned lines() const noexcept = 0;
    /// The first that vdevs may have.
    [[nodiscard]] virtual unsigned first_line() const noexcept { return 0; }
    /// `number` must be one of these. Valid as long as the controller.
    [[nodiscard]] virtual IrqLine& line(unsigned number) = 0;
    /// The kernel's input (GSI) behind that line, for those who raise it from the kernel or announce it to the guest.
    [[nodiscard]] virtual unsigned gsi(unsigned number) const noexcept = 0;
    /// x86: the local APICs saw the end of an interrupt that came as a level on `vector`. On vCPU threads.
    virtual void end_of_interrupt(std::uint8_t vector) noexcept = 0;
};

/// What a vdev may ask for while it is made. Requests that cannot be met throw ConfigError with the user's place.
/// References handed out stay valid until after the vdev's destruction.
class VdevContext {
public:
    virtual ~VdevContext() = default;

    /// Puts `size` bytes of registers where the `loc` option says, else where the board has this type by default.
    /// A `loc` without prefix means `space`.
    virtual void map(GuestLocation::Space space, std::uint64_t size, IoDevice& registers) = 0;
    /// Writes to the window of map(), at offsets from its start, that signal `fd` in place of reaching the registers if
    /// the kernel can do that. `fd` must outlive the VM's run.
    virtual void doorbell(const Doorbell& bell, int fd) = 0;
    /// Whether the vdev, which can be both, is to be a function on the PCI bus: it has no `loc` in memory.
    [[nodiscard]] virtual bool on_pci() const = 0;
    /// The function that the vdev is, in place of map() and irq(): at the slot that `loc pci:` names, else at the next
    /// free one. Once.
    virtual PciFunction& pci(const PciIdentity& identity) = 0;
    /// The wire that the `intr` option names, else the board's default for this type.
    virtual IrqLine& irq() = 0;
    /// Makes the controller known under the vdev's name.
    virtual void provide(InterruptController& controller) = 0;
    /// The host's end that the `hostdev` options name; a port that swallows everything when there is none.
    virtual std::unique_ptr<CharPort> char_port() = 0;
    /// The same for one port of several: the `hostdev` options among `options`, which are some of the vdev's. `name`
    /// says in messages which port; it may be empty.
    virtual std::unique_ptr<CharPort> char_port(std::string_view name, std::span<const OptionValue> options) = 0;
    [[nodiscard]] virtual VmIdentity vm() const = 0;

    virtual MsiRouter& msi() = 0;
    /// Still empty while vdevs are made; filled before Vdev::start().
    virtual const GuestMemory& memory() = 0;
    virtual EventLoop& loop() = 0;
    virtual Log& log() = 0;
    virtual const Clock& clock() = 0;
    virtual VmControl& control() = 0;
};

/// How a device tree announces a vdev.
struct VdevTreeNode {
    std::string_view kind{};                         ///< of the unit's name, before the @; empty if it does not
    std::span<const std::string_view> compatible{};  ///< the most special first
    std::span<const std::string_view> clocks{};      ///< names of the clocks that its driver asks for
};

/// One row of the catalogue.
struct VdevType {
    VdevSyntax syntax;
    std::string_view acpi_hid;  ///< how ACPI announces it where it has a window of its own; empty if it does not
    std::unique_ptr<Vdev> (*make)(const VdevSpec& spec, VdevContext& context);
    bool level = false;  ///< its interrupt is a level, else edges
    VdevTreeNode tree{};
    /// Names of the threads that it has beside the loop of all vdevs; whatever the options say.
    std::vector<std::string> (*threads)(const VdevSpec& spec) = nullptr;
};

}  // namespace qvm
