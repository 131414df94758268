// SPDX-License-Identifier: Apache-2.0
// What a `pass` gives to the guest that is not on PCI: registers, interrupts and ports of the host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "devices/platform/host_platform.hpp"
#include "devices/platform/passed_line.hpp"
#include "launcher/assembly.hpp"

namespace qvm {

/// Made and used on the main thread. Destruction takes all from the guest.
class PassedPlatform {
public:
    /// `space` is where devices of VFIO's are opened; it must outlive this object.
    PassedPlatform(AssemblyServices services, DmaSpaceFor space)
        : services_{std::move(services)}, space_{std::move(space)} {}

    /// The places of `pass` have been taken, and `lines` are those of its interrupts, in order. Its PCI functions are
    /// none of ours. Throws ConfigError or HostError, which say what is in the way.
    void add(const PassSpec& pass, const std::vector<IrqTable::Claim>& lines);

    /// Before anything of the host's can be reached by DMA.
    void reset();
    /// The VM is made. Throws HostError.
    void start();

    /// A line for each interrupt and each region that has refused something, with a line end before it.
    [[nodiscard]] std::string report() const;

private:
    using Lines = std::vector<HostLine>;
    void add_ports(const PassLocation& location);
    void add_region(const PassLocation& location, PassedChip& chip, Lines& lines);
    void add_line(const PassIntr& intr, const IrqTable::Claim& line, PassedChip& chip, const Lines& lines);
    [[nodiscard]] HostLine choose(const PassIntr& intr, const Lines& lines);
    [[nodiscard]] bool is_taken(const HostLine& line) const noexcept;
    [[nodiscard]] HostPlatform& host();
    void warn_of_devmem(const Range& host);

    const AssemblyServices services_;
    const DmaSpaceFor space_;
    std::optional<HostPlatform> host_;  ///< once something of it is wanted
    Lines taken_;
    std::vector<std::unique_ptr<IoDevice>> ports_;
    std::vector<std::unique_ptr<PassedRegion>> regions_;
    std::vector<std::unique_ptr<PassedLine>> lines_;
};

}  // namespace qvm
