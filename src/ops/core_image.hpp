// SPDX-License-Identifier: Apache-2.0
// A guest as an ELF64 core (docs/dump.md): the headers, and all of it as a stream.
// Source: System V ABI, ELF-64 object file format; core(5); qvmconf specification 2.9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/core_sink.hpp"
#include "vcpu/core_note.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

/// Types of the notes named "QVM". Numbers are never used again for something else; `crash` looks at the type alone, so
/// they are none of Linux's either.
enum class QvmNote : std::uint32_t {
    About = 0x5156'4d01,     ///< UTF-8 text, one `key=value` a line: system, time, cause
    Recorder = 0x5156'4d02,  ///< the flight recorder
};

/// What is dumped. The memory must outlive it.
struct CoreImage {
    std::uint16_t machine = 0;  ///< e_machine: EM_X86_64...
    const GuestMemory& memory;
    std::vector<CoreNote> notes;  ///< those of all vCPUs and more; "CORE" ones are written first, as debuggers want it
};

/// Everything before the first byte of guest memory, padded to whole pages.
[[nodiscard]] std::vector<std::byte> core_headers(const CoreImage& image);

/// False, with the reason in `sink`, if it did not go through.
[[nodiscard]] bool write_core(const CoreImage& image, CoreSink& sink);

}  // namespace qvm
