// SPDX-License-Identifier: Apache-2.0
// The first half of planning a boot: which file plays which part (qvmconf specification 2.4).
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "arch/x86/bzimage.hpp"
#include "arch/x86/elf.hpp"
#include "config/diagnostics.hpp"
#include "config/image_file.hpp"
#include "config/vm_config.hpp"

namespace qvm::x86 {

struct KernelFile {
    const LoadSpec* load;
    std::variant<BzImage, ElfImage> image;
};

/// A file whose contents are not looked at.
struct PlainFile {
    const LoadSpec* load;
    ByteView bytes;
};

struct BootFiles {
    std::vector<ImageFile> files{};  ///< own what the rest looks into
    std::optional<KernelFile> kernel{};
    std::optional<PlainFile> initrd{};
    std::vector<PlainFile> data{};
    std::vector<PlainFile> acpi{};  ///< tables to add
};

/// Opens and identifies all `load` files and reports what is wrong with them. Pointers go into `config`.
[[nodiscard]] BootFiles open_boot_files(const VmConfig& config, Diagnostics& errors);

}  // namespace qvm::x86
