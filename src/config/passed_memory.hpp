// SPDX-License-Identifier: Apache-2.0
// What a `pass` of memory is besides a device's registers: RAM of the guest's (letter m), or an image (a word before
// `pass`). Qvmconf specification 2.7.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// Adds the RAM that is passed to config.memory, behind all lines. What cannot be goes to `diagnostics`, and with it
/// what images cannot be.
void take_passed_memory(VmConfig& config, Diagnostics& diagnostics);

/// An image that is in the host's memory and not in a file: `guest`, `initrd`, `fdt` or `acpi` before `pass`.
struct PassedImage {
    static constexpr std::uint64_t kMost = kGiB;  ///< bytes that one may have
    LoadSpec load;                                ///< without an address
    Range host;                                   ///< host-physical
    bool cached = false;                          ///< how it is to be mapped
    std::optional<Range> in_ram{};                ///< the guest's RAM that it lies in already
};
/// The words that bring an image as `blob`, from where `load` says.
[[nodiscard]] std::string words_for(std::string_view blob, const LoadSpec& load);

/// In the order of the file; only those that take_passed_memory() has no fault with.
[[nodiscard]] std::vector<PassedImage> passed_images(const VmConfig& config);

}  // namespace qvm
