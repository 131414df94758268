// SPDX-License-Identifier: Apache-2.0
// A device of the host that VFIO has given to this process. The one seam of pass-through: the kernel's device on one
// side, a double in tests on the other.
// Source: include/uapi/linux/vfio.h and Documentation/driver-api/vfio.rst of Linux 6.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/vfio/message_places.hpp"
#include "vmm/mapping.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// A region of a device: for PCI the BARs, the expansion ROM and configuration space (VFIO_PCI_*_REGION_INDEX), for
/// others their resources in order.
struct VfioRegion {
    std::uint64_t size = 0;  ///< 0: the device does not have it
    bool readable = false;
    bool writable = false;
    std::vector<Range> mappable{};  ///< offsets that map() may be asked for; whole pages
};

/// Functions throw HostError during set-up; those marked noexcept are for run time, and report failure by their result.
class VfioDevice {
public:
    // VFIO_PCI_*_REGION_INDEX and VFIO_PCI_*_IRQ_INDEX of PCI functions. The BARs are the regions from 0 on.
    static constexpr unsigned kConfigRegion = 7;
    static constexpr unsigned kIntx = 0, kMsi = 1, kMsix = 2, kErrors = 3, kRequest = 4;

    virtual ~VfioDevice() = default;

    enum class Kind : std::uint8_t { Pci, Platform, Other };  ///< Platform: those of ARM's AMBA bus, too
    [[nodiscard]] virtual Kind kind() const noexcept = 0;

    [[nodiscard]] virtual unsigned regions() const noexcept = 0;
    /// An index without a region has size 0.
    [[nodiscard]] virtual const VfioRegion& region(unsigned index) const noexcept = 0;
    /// False if the device does not answer; `out` is then all ones.
    virtual bool read(unsigned region, std::uint64_t offset, std::span<std::byte> out) noexcept = 0;
    virtual bool write(unsigned region, std::uint64_t offset, std::span<const std::byte> in) noexcept = 0;
    [[nodiscard]] virtual Mapping map(unsigned region, const Range& part) = 0;

    /// How many interrupts of this kind there are (VFIO_PCI_INTX_IRQ_INDEX and so on; what is not on PCI has one of
    /// each kind); 0 for kinds it does not have.
    [[nodiscard]] virtual unsigned interrupts(unsigned index) const noexcept = 0;
    /// Interrupts from 0 on signal these eventfds, in place of whatever this kind signalled before; -1 leaves one out.
    /// An empty list switches the kind off.
    [[nodiscard]] virtual bool set_triggers(unsigned index, std::span<const int> fds) noexcept = 0;
    /// Whether the kernel masks the interrupts of this kind when they fire.
    [[nodiscard]] virtual bool masks(unsigned index) const noexcept = 0;
    /// Lets an interrupt that the kernel masked when it fired, or mask() has, come again: at once if it still stands.
    /// False if the kernel refuses.
    virtual bool unmask(unsigned index) noexcept = 0;
    /// The interrupt does not fire until unmask().
    virtual void mask(unsigned index) noexcept = 0;

    /// How many messages (MSI, MSI-X) the host has had of its vectors; 0 if that is not known. Begins anew with the
    /// vectors. Takes the time to read some files.
    [[nodiscard]] virtual std::uint64_t messages() const noexcept = 0;

    /// Lets the messages of each vector come on its CPUs of the host; those of an empty list stay where they are.
    /// Returns how many others stay. Takes the time to write some files.
    virtual unsigned place_messages(std::span<const CpuList> by_vector) noexcept = 0;

    /// False if the device cannot be reset by itself.
    virtual bool reset() noexcept = 0;
};

}  // namespace qvm
