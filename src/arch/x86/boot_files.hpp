// SPDX-License-Identifier: Apache-2.0
// The first half of planning a boot: which file plays which part (qvmconf specification 2.4).
#pragma once

#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "arch/x86/bzimage.hpp"
#include "arch/x86/elf.hpp"
#include "config/diagnostics.hpp"
#include "config/image_file.hpp"
#include "config/passed_memory.hpp"
#include "config/vm_config.hpp"
#include "devices/platform/kept_memory.hpp"

namespace qvm::x86 {

struct KernelFile {
    const LoadSpec* load;
    std::variant<BzImage, ElfImage> image;
};

/// A file whose contents are not looked at.
struct PlainFile {
    const LoadSpec* load;
    ByteView bytes;
    std::optional<Range> in_ram{};  ///< it is there already, and has no bytes here
};

struct BootFiles {
    std::vector<ImageFile> files{};               ///< own what the rest looks into,
    std::deque<std::vector<std::byte>> copies{};  ///< together with these, of the host's memory
    std::deque<PassedImage> passed{};             ///< what `load` points to for those
    std::optional<KernelFile> kernel{};
    std::optional<PlainFile> initrd{};
    std::vector<PlainFile> data{};
    std::vector<PlainFile> acpi{};  ///< tables to add
};

/// Opens and identifies all `load` files, and images that are passed, and reports what is wrong with them. Pointers go
/// into `config`. Without a `host`, images in its memory are left out. Throws HostError if its memory cannot be had.
[[nodiscard]] BootFiles open_boot_files(const VmConfig& config, Diagnostics& errors, KeptMemory* host = nullptr);

}  // namespace qvm::x86
