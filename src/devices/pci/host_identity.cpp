// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/host_identity.hpp"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "devices/pci/registers.hpp"

namespace qvm {

namespace {

using pci::Reg;

/// The header, which sysfs shows to every user.
class Header {
public:
    explicit Header(const std::filesystem::path& file) {
        std::ifstream stream{file, std::ios::binary};
        std::array<char, kSize> text{};
        complete_ = static_cast<bool>(stream.read(text.data(), text.size()));
        std::memcpy(bytes_.data(), text.data(), text.size());
    }
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] std::uint32_t get(Reg reg, std::size_t size) const noexcept {
        return static_cast<std::uint32_t>(pci::load(std::span{bytes_}.subspan(static_cast<std::size_t>(reg), size)));
    }
    /// Bridges have something else where others say their subsystem.
    [[nodiscard]] bool has_subsystem() const noexcept { return (get(Reg::HeaderType, 1) & ~kMulti) == 0; }

private:
    static constexpr std::size_t kSize = 64;
    static constexpr std::uint32_t kMulti = pci::kMultiFunction;
    std::array<std::byte, kSize> bytes_{};
    bool complete_ = false;
};

}  // namespace

std::optional<PciIdentity> read_host_identity(const GuestLocation& address, const Location& where,
                                              const std::filesystem::path& root) {
    if (address.space != GuestLocation::Space::Pci || address.pci_id)
        throw ConfigError{where, "a PCI function of the host is named by its place", "write pci:BUS:DEVICE.FUNCTION"};
    const std::string name =
        fmt::format("0000:{:02x}:{:02x}.{}", address.address >> 8, address.address >> 3 & 31, address.address & 7);
    const Header header{root / "sys/bus/pci/devices" / name / "config"};
    if (!header.complete()) return std::nullopt;
    PciIdentity identity{.vendor = static_cast<std::uint16_t>(header.get(Reg::VendorId, 2)),
                         .device = static_cast<std::uint16_t>(header.get(Reg::DeviceId, 2)),
                         .revision = static_cast<std::uint8_t>(header.get(Reg::RevisionId, 1)),
                         .class_code = header.get(Reg::ClassCode, 3)};
    if (header.has_subsystem()) {
        identity.subsystem_vendor = static_cast<std::uint16_t>(header.get(Reg::SubsystemVendorId, 2));
        identity.subsystem = static_cast<std::uint16_t>(header.get(Reg::SubsystemId, 2));
    }
    return identity;
}

}  // namespace qvm
