// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

namespace qvm {
namespace {

// Of headers newer than some C libraries: linux/memfd.h, asm-generic/mman-common.h.
constexpr unsigned kHugeShift = 26;  // MFD_HUGE_SHIFT
constexpr int kPopulateWrite = 23;   // MADV_POPULATE_WRITE, since Linux 5.14

HostError cannot(std::string_view what, Range range, int error) {
    return HostError{errno_text(
        fmt::format("cannot {} {} bytes of guest memory at {:#x}", what, range.size(), range.start()), error)};
}

/// All pages of the file: what fails here would be a SIGBUS at the first access.
int allocate(int fd, std::uint64_t size) noexcept {
    int result = 0;
    do result = ::fallocate(fd, 0, 0, static_cast<off_t>(size));
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

unsigned memfd_flags(std::uint64_t page) noexcept {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    if (page == GuestMemory::kSmallPage) return flags;
    return flags | MFD_HUGETLB | static_cast<unsigned>(std::countr_zero(page)) << kHugeShift;
}

HostError no_huge_pages(Range range, std::uint64_t page, int error) {
    const std::string what = errno_text(fmt::format("guest memory at {:#x}", range.start()), error);
    return HostError{too_few_huge_pages(huge_page_pool("/", page), page, range.size()) + "\n  " + what};
}

UniqueFd make_memfd(Range range, GuestMemory::Kind kind, std::uint64_t page) {
    const char* name = kind == GuestMemory::Kind::Ram ? "qvm-ram" : "qvm-rom";
    const bool huge = page != GuestMemory::kSmallPage;
    UniqueFd fd{::memfd_create(name, memfd_flags(page))};
    if (!fd && huge) throw no_huge_pages(range, page, errno);
    check("memfd_create for guest memory", fd.get());
    if (::ftruncate(fd.get(), static_cast<off_t>(range.size())) != 0) throw cannot("get", range, errno);
    // Whoever shares this memory later can rely on its size: a truncated file would mean SIGBUS.
    check("sealing guest memory", ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    if (const int error = huge ? allocate(fd.get(), range.size()) : 0) throw no_huge_pages(range, page, error);
    return fd;
}

/// For kernels before MADV_POPULATE_WRITE.
void touch(const GuestMemory::Block& block) {
    if (const int error = allocate(block.memfd.get(), block.range.size())) throw cannot("fault in", block.range, error);
    const auto bytes = block.mapping.bytes();
    for (std::size_t at = 0; at < bytes.size(); at += GuestMemory::kSmallPage) {
        auto& byte = const_cast<volatile std::byte&>(bytes[at]);
        byte = byte;
    }
}

}  // namespace

void GuestMemory::add(Range range, Kind kind, std::uint64_t page) {
    UniqueFd fd = make_memfd(range, kind, page);
    Mapping mapping{"cannot map guest memory", fd.get(), range.size()};
    insert(Block{range, kind, page, std::move(fd), std::move(mapping)});
}

void GuestMemory::add(Range range, Mapping mapping) {
    insert(Block{range, Kind::Ram, kSmallPage, UniqueFd{}, std::move(mapping)});
}

void GuestMemory::insert(Block block) {
    const auto behind =
        std::ranges::upper_bound(blocks_, block.range.start(), {}, [](const Block& b) { return b.range.start(); });
    blocks_.insert(behind, std::move(block));
}

void GuestMemory::prefault() const {
    for (const Block& block : blocks_) {
        if (block.is_passed()) continue;
        const auto bytes = block.mapping.bytes();
        if (::madvise(bytes.data(), bytes.size(), kPopulateWrite) == 0) continue;
        if (errno != EINVAL) throw cannot("fault in", block.range, errno);
        touch(block);
    }
}

void GuestMemory::lock() {
    for (const Block& block : blocks_) {
        if (block.page != kSmallPage || block.is_passed()) continue;
        const auto bytes = block.mapping.bytes();
        // Not mlock(): sanitizers make that one a call without effect.
        if (::mlock2(bytes.data(), bytes.size(), 0) != 0) throw cannot("lock", block.range, errno);
    }
    locked_ = true;
}

const GuestMemory::Block* GuestMemory::block_at(Gpa at) const noexcept {
    const auto behind = std::ranges::upper_bound(blocks_, raw(at), {}, [](const Block& b) { return b.range.start(); });
    if (behind == blocks_.begin()) return nullptr;
    const Block& block = *std::prev(behind);
    return block.range.contains(raw(at)) ? &block : nullptr;
}

std::optional<std::span<std::byte>> GuestMemory::span(Gpa at, std::size_t length) const noexcept {
    const Block* const block = block_at(at);
    if (block == nullptr || !block->range.contains(raw(at), length)) return std::nullopt;
    return block->mapping.bytes().subspan(raw(at) - block->range.start(), length);
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
