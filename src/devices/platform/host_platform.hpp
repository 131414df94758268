// SPDX-License-Identifier: Apache-2.0
// What of the host's memory and interrupts this process can have: by VFIO, from a UIO driver, or, if the user has
// allowed it, by /dev/mem, which asks no driver (qvmconf specification 2.7).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/platform/passed_region.hpp"
#include "devices/platform/uio.hpp"
#include "devices/vfio/vfio_chip.hpp"

namespace qvm {

/// An interrupt that can be had: of a device of VFIO's, or of UIO's.
struct HostLine {
    const VfioChip* chip = nullptr;
    const UioDevice* uio = nullptr;
    unsigned index = 0;                ///< of the chip's
    std::optional<unsigned> number{};  ///< as its controller counts; nothing if that is not known
    bool operator==(const HostLine&) const = default;

    /// "the interrupt of uio0 (rtc)"
    [[nodiscard]] std::string title() const;
};

/// The address space for DMA of devices that are passed, made with the first of them. Throws HostError.
using DmaSpaceFor = std::function<DmaSpace&(const VfioIdentity&)>;

/// Set-up only; what it gave must go before it. Functions throw HostError that says what is in the way, and the way
/// out.
class HostPlatform {
public:
    /// `devmem`: `set host-devmem on`. `root` stands in for `/`.
    HostPlatform(bool devmem, DmaSpaceFor space, std::filesystem::path root = "/");

    /// Gets it. `cached`: as ordinary memory, which no driver gives.
    [[nodiscard]] HostRegion map(const Range& host, bool cached);
    /// The interrupts of the device that has all of it; none if there is none.
    [[nodiscard]] std::vector<HostLine> lines_at(const Range& host);
    /// The host interrupt of this number.
    [[nodiscard]] HostLine line_of(unsigned number);
    [[nodiscard]] std::unique_ptr<HostInterrupt> open_interrupt(const HostLine& line) const;

    /// Resets what VFIO has given. Returns the names of those that nobody can reset.
    [[nodiscard]] std::vector<std::string> reset();

    /// Whether `ports` may be had: `devmem` allows it, and no driver of the host has them.
    void check_ports(const Range& ports) const;

private:
    [[nodiscard]] const HostChip* chip_at(const Range& host) const noexcept;
    [[nodiscard]] const UioDevice* uio_at(const Range& host) const noexcept;
    [[nodiscard]] VfioChip& open(const HostChip& chip, const std::string& wanted);
    void refuse_neighbours(const Range& host) const;
    [[nodiscard]] HostRegion map_uio(const UioDevice& device, const Range& host) const;
    [[nodiscard]] HostRegion map_devmem(const Range& host, bool cached) const;
    void refuse_part(const Range& host) const;
    [[noreturn]] void refuse(const Range& host) const;

    const bool devmem_;
    const std::filesystem::path root_;
    const DmaSpaceFor space_;
    const std::vector<HostChip> chips_;
    const std::vector<UioDevice> uio_;
    std::vector<std::unique_ptr<VfioChip>> open_;
};

}  // namespace qvm
