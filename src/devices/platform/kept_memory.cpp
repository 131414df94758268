// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/kept_memory.hpp"

#include <fmt/format.h>

#include "vmm/error.hpp"

namespace qvm {
namespace {

[[noreturn]] DmaSpace& refuse(const VfioIdentity& device) {
    throw HostError{
        fmt::format("{} has its registers there, which are no memory\n  pass them without m, and without a "
                    "word before `pass`",
                    device.name)};
}

}  // namespace

KeptMemory::KeptMemory(bool devmem, const std::filesystem::path& root) : platform_{devmem, refuse, root} {}

}  // namespace qvm
