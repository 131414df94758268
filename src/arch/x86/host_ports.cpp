// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/host_ports.hpp"

#include <fmt/format.h>
#include <sys/io.h>

#include <cstddef>

#include "devices/pci/registers.hpp"
#include "vmm/error.hpp"

namespace qvm::x86 {

HostPorts::HostPorts(const Range& ports) : first_{static_cast<std::uint16_t>(ports.start())} {
    if (::ioperm(ports.start(), ports.size(), 1) == 0) return;
    throw HostError{
        errno_text(fmt::format("the host's ports {:#x} to {:#x} cannot be had", ports.start(), ports.last()), errno) +
        "\n  run as root (CAP_SYS_RAWIO); a locked-down kernel (secure boot) gives them to nobody"};
}

/// A processor's access has 1, 2 or 4 bytes.
void HostPorts::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    switch (data.size()) {
        case 4:
            return pci::store(data, ::inl(at(offset)));
        case 2:
            return pci::store(data, ::inw(at(offset)));
        default:
            for (std::size_t i = 0; i < data.size(); ++i) pci::store(data.subspan(i, 1), ::inb(at(offset + i)));
    }
}

void HostPorts::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    switch (data.size()) {
        case 4:
            return ::outl(static_cast<std::uint32_t>(pci::load(data)), at(offset));
        case 2:
            return ::outw(static_cast<std::uint16_t>(pci::load(data)), at(offset));
        default:
            for (std::size_t i = 0; i < data.size(); ++i)
                ::outb(std::to_integer<std::uint8_t>(data[i]), at(offset + i));
    }
}

}  // namespace qvm::x86
