// SPDX-License-Identifier: Apache-2.0
#include "launcher/balloon_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/settings.hpp"

namespace qvm {
namespace {

/// A device of the host reads and writes guest memory, all of which stays where it is for that.
[[nodiscard]] bool pins_memory(const PassSpec& pass) {
    return std::ranges::any_of(pass.locations, [](const PassLocation& location) {
        using Space = GuestLocation::Space;
        const bool host_pci = location.host && location.host->space == Space::Pci;
        return location.guest.space == Space::Pci || location.guest.pci_id || host_pci;
    });
}

/// What keeps memory, as the user wrote it; empty if nothing does.
[[nodiscard]] std::string_view keeper(const VmConfig& config) {
    const Settings settings = settings_of(config);
    if (settings.lock_memory) return "'set host-lock-memory'";
    if (settings.prefault) return "'set host-prefault'";
    const auto is_passed = [](const MemorySpec& memory) { return memory.host.has_value(); };
    if (std::ranges::any_of(config.memory, is_passed)) return "'pass' of RAM (m)";
    return std::ranges::any_of(config.passed, pins_memory) ? "'pass' of a PCI device" : "";
}

[[nodiscard]] std::uint64_t ram_of(const VmConfig& config) {
    std::uint64_t sum = 0;
    for (const MemorySpec& line : config.memory)
        if (!line.rom) sum += line.range.size();
    return sum;
}

void check_size(const VmConfig& config, const VdevSpec& balloon, Diagnostics& diagnostics) {
    const OptionValue* const size = balloon.find("size");
    if (size == nullptr || config.damage.memory || std::get<std::uint64_t>(size->value) <= ram_of(config)) return;
    diagnostics.error(size->where,
                      fmt::format("the balloon is larger than the guest's RAM of {:#x} bytes", ram_of(config)));
}

}  // namespace

void check_balloon(const VmConfig& config, Diagnostics& diagnostics) {
    const VdevSpec* first = nullptr;
    for (const VdevSpec& vdev : config.vdevs) {
        if (vdev.syntax->type != "virtio-balloon" || vdev.damaged) continue;
        if (first != nullptr) {
            diagnostics.error(vdev.where, "a guest has one balloon");
            diagnostics.note(first->where, "this one");
            continue;
        }
        first = &vdev;
        check_size(config, vdev, diagnostics);
        const std::string_view kept_by = keeper(config);
        if (kept_by.empty()) continue;
        diagnostics.error(vdev.where,
                          fmt::format("a balloon gives guest memory back to the host, and {} keeps it there", kept_by),
                          "leave one of the two out");
    }
}

}  // namespace qvm
