// SPDX-License-Identifier: Apache-2.0
// Linux, kernel/crash_core.c: crash_save_vmcoreinfo_init() and append_elf_note().
#include "ops/vmcoreinfo.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "ops/present_memory.hpp"

namespace qvm {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kName = "VMCOREINFO\0"sv;  // as n_namesz counts it
constexpr std::string_view kFirstWord = "OSRELEASE=";
constexpr std::size_t kPage = GuestMemory::kSmallPage;
constexpr std::size_t kMostText = 64 * kKiB;  // VMCOREINFO_BYTES is one page of the guest, which has 64 KiB at most

/// What stands at the beginning of the page. The name is padded to a multiple of four.
struct Head {
    Elf64_Nhdr header;
    std::array<char, 12> name;
    std::array<char, kFirstWord.size()> text;
};
constexpr std::size_t kTextAt = offsetof(Head, text);

/// Devices may write to guest memory at any time: only what has been copied is judged.
std::optional<CoreNote> note_at(std::span<const std::byte> pages) {
    Head head{};
    std::memcpy(&head, pages.data(), sizeof head);
    const bool is_it = head.header.n_namesz == kName.size() && head.header.n_type == 0 &&
                       std::string_view{head.name.data(), kName.size()} == kName &&
                       std::string_view{head.text.data(), head.text.size()} == kFirstWord;
    if (!is_it || head.header.n_descsz > std::min(kMostText, pages.size() - kTextAt)) return std::nullopt;
    const auto text = pages.subspan(kTextAt, head.header.n_descsz);
    return CoreNote{"VMCOREINFO", 0, {text.begin(), text.end()}};
}

std::optional<CoreNote> note_among(std::span<const std::byte> pages) {
    for (; pages.size() >= kPage; pages = pages.subspan(kPage))
        if (auto note = note_at(pages)) return note;
    return std::nullopt;
}

}  // namespace

std::optional<CoreNote> find_vmcoreinfo(const GuestMemory& memory) {
    std::optional<CoreNote> found;
    const auto look = [&found](std::size_t /*offset*/, std::span<const std::byte> pages) {
        found = note_among(pages);
        return !found.has_value();
    };
    for (const GuestMemory::Block& block : memory.blocks())
        if (block.kind == GuestMemory::Kind::Ram && !for_each_present(block, look)) break;
    return found;
}

}  // namespace qvm
