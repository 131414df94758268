// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "vmm/error.hpp"

namespace qvm {
namespace {

UniqueFd make_memfd(Range range, GuestMemory::Kind kind) {
    const char* name = kind == GuestMemory::Kind::Ram ? "qvm-ram" : "qvm-rom";
    UniqueFd fd{check("memfd_create for guest memory", ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING))};
    if (::ftruncate(fd.get(), static_cast<off_t>(range.size())) != 0)
        throw HostError{errno_text(
            fmt::format("cannot get {} bytes of guest memory at {:#x}", range.size(), range.start()), errno)};
    // Whoever shares this memory later can rely on its size: a truncated file would mean SIGBUS.
    check("sealing guest memory", ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    return fd;
}

}  // namespace

void GuestMemory::add(Range range, Kind kind) {
    UniqueFd fd = make_memfd(range, kind);
    Mapping mapping{"cannot map guest memory", fd.get(), range.size()};
    const auto behind =
        std::ranges::upper_bound(blocks_, range.start(), {}, [](const Block& b) { return b.range.start(); });
    blocks_.insert(behind, Block{range, kind, std::move(fd), std::move(mapping)});
}

std::optional<std::span<std::byte>> GuestMemory::span(Gpa at, std::size_t length) const noexcept {
    const auto behind = std::ranges::upper_bound(blocks_, raw(at), {}, [](const Block& b) { return b.range.start(); });
    if (behind == blocks_.begin()) return std::nullopt;
    const Block& block = *std::prev(behind);
    if (!block.range.contains(raw(at), length)) return std::nullopt;
    return block.mapping.bytes().subspan(raw(at) - block.range.start(), length);
}

bool GuestMemory::read(Gpa at, std::span<std::byte> out) const noexcept {
    const auto from = span(at, out.size());
    if (!from) return false;
    std::memcpy(out.data(), from->data(), out.size());
    return true;
}

bool GuestMemory::write(Gpa at, std::span<const std::byte> in) const noexcept {
    const auto to = span(at, in.size());
    if (!to) return false;
    std::memcpy(to->data(), in.data(), in.size());
    return true;
}

}  // namespace qvm
