// SPDX-License-Identifier: Apache-2.0
// Devices of the host that a UIO driver gives to processes: registers to map, and an interrupt.
// Source: Documentation/driver-api/uio-howto.rst and drivers/uio/ of Linux 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/platform/host_interrupt.hpp"
#include "vmm/unique_fd.hpp"
#include "vmm/units.hpp"

namespace qvm {

struct UioDevice {
    unsigned number = 0;             ///< N of /dev/uioN
    std::string name{};              ///< as its driver calls it, and as /proc/interrupts does
    std::filesystem::path config{};  ///< uio_pci_generic: of the function's configuration space; else empty
    struct Map {
        unsigned index;
        Range at;  ///< host-physical
    };
    std::vector<Map> maps{};
    std::optional<unsigned> interrupt{};  ///< as its controller counts (on a GIC the ID); nothing: none, or not known

    /// "uio0 (rtc@9010000)"
    [[nodiscard]] std::string title() const;
};

/// All of them, by number. `root` stands in for `/`.
[[nodiscard]] std::vector<UioDevice> uio_devices(const std::filesystem::path& root = "/");

/// Opens /dev/uioN. Throws HostError that says what to do.
[[nodiscard]] UniqueFd open_uio(const UioDevice& device, const std::filesystem::path& root = "/");

/// The interrupt of a UIO device. The kernel masks it when it fires. It is unmasked by its driver's irqcontrol, or,
/// with uio_pci_generic, by the function's Command register, as the kernel has masked it.
class UioInterrupt final : public HostInterrupt {
public:
    /// Masks it. Throws HostError if the device has none that can be masked.
    UioInterrupt(const UioDevice& device, UniqueFd file);
    ~UioInterrupt() override;

    [[nodiscard]] int fd() const noexcept override { return file_.get(); }
    [[nodiscard]] Taken take() noexcept override;
    bool unmask() noexcept override { return set(true); }

private:
    [[nodiscard]] bool set(bool enabled) const noexcept;
    [[nodiscard]] bool set_pin(bool enabled) const noexcept;
    UniqueFd file_;
    UniqueFd config_{};
};

}  // namespace qvm
