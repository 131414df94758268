// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/pci_window.hpp"

#include <algorithm>
#include <cstring>

namespace qvm {
namespace {

// Offsets in struct virtio_pci_cfg_cap, less the two bytes of the list.
constexpr std::size_t kCapLen = 0;
constexpr std::size_t kCfgType = 1;
constexpr std::size_t kBar = 2;
constexpr std::size_t kOffset = 6;
constexpr std::size_t kLength = 10;
constexpr std::size_t kData = 14;

constexpr std::byte kWholeLength{20};
constexpr std::byte kPciCfg{5};  // VIRTIO_PCI_CAP_PCI_CFG

[[nodiscard]] constexpr bool writable(std::size_t at) noexcept { return at == kBar || at >= kOffset; }

}  // namespace

VirtioPciWindow::VirtioPciWindow(IoDevice& target, std::uint8_t bar, std::uint32_t size) noexcept
    : target_{target}, bar_{bar}, size_{size} {
    bytes_[kCapLen] = kWholeLength;
    bytes_[kCfgType] = kPciCfg;
}

std::uint32_t VirtioPciWindow::field(std::size_t at) const noexcept {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
}

/// Aligned accesses of 1, 2 or 4 bytes inside the BAR.
std::span<std::byte> VirtioPciWindow::wanted() noexcept {
    const std::uint32_t length = field(kLength);
    const std::uint32_t offset = field(kOffset);
    const bool one = length == 1 || length == 2 || length == 4;
    if (bytes_[kBar] != std::byte{bar_} || !one || offset % length != 0 || offset >= size_) return {};
    return std::span{bytes_}.subspan(kData, length);
}

void VirtioPciWindow::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    const std::lock_guard lock{mutex_};
    if (offset + data.size() > kData) {
        const auto window = wanted();
        if (!window.empty()) target_.read(field(kOffset), window);
    }
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), data.size(), data.begin());
}

void VirtioPciWindow::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < data.size(); ++i)
        if (writable(offset + i)) bytes_[offset + i] = data[i];
    if (offset + data.size() <= kData) return;
    const auto window = wanted();
    if (!window.empty()) target_.write(field(kOffset), window);
}

}  // namespace qvm
