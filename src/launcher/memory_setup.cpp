// SPDX-License-Identifier: Apache-2.0
#include "launcher/memory_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "devices/platform/kept_memory.hpp"
#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"
#include "vmm/lock_memory.hpp"

namespace qvm {
namespace {

constexpr unsigned kMoreThreads = 6;  // io, log, and what vdevs may start

std::uint64_t bytes_of(HugePages size) noexcept { return size == HugePages::Size1G ? kGiB : 2 * kMiB; }

/// Bytes of the configuration's memory that are made of pages of that size.
std::uint64_t bytes_on(const VmConfig& config, HugePages wanted, std::uint64_t page) noexcept {
    std::uint64_t sum = 0;
    for (const MemorySpec& line : config.memory)
        if (!line.host && page_for(line, wanted) == page) sum += line.range.size();
    return sum;
}

/// All lines at once, before the first is made.
void require_huge_pages(const VmConfig& config, HugePages wanted, Log& log) {
    if (wanted == HugePages::Off) return;
    const std::uint64_t page = bytes_of(wanted);
    const std::uint64_t huge = bytes_on(config, wanted, page);
    const auto pool = huge_page_pool("/", page);
    if (!pool || pool->available() < huge / page) throw HostError{too_few_huge_pages(pool, page, huge)};
    const std::uint64_t small = bytes_on(config, wanted, GuestMemory::kSmallPage);
    if (small != 0)
        log.info(fmt::format("host-hugepages: {} of guest memory are on pages of {}, {} on small ones", size_text(huge),
                             size_text(page), size_text(small)));
}

/// Without this the kernel would look for a process to kill instead of saying no.
void require_free_memory(const VmConfig& config, HugePages wanted) {
    const std::uint64_t small = bytes_on(config, wanted, GuestMemory::kSmallPage);
    const auto available = memory_left("/");
    if (available && *available < small)
        throw HostError{
            fmt::format("host-prefault: guest memory is {}, this process can have {} (MemAvailable, memory.max)",
                        size_text(small), size_text(*available))};
}

/// Before anything exists, for a limit that is too low shows at every corner.
void require_lockable(const VmConfig& config) {
    std::uint64_t wanted = lock_wanted(static_cast<unsigned>(config.cpus.size()) + kMoreThreads);
    for (const MemorySpec& line : config.memory)
        if (!line.host) wanted += line.range.size();
    if (const auto refusal = lock_refusal(lock_budget(config.user.has_value()), wanted)) throw HostError{*refusal};
}

/// RAM by `pass`: what is kept away from the host's kernel. It begins as zeroes, as any RAM does, unless the user has
/// said that something is in it.
void add_passed(const MemorySpec& line, KeptMemory& host, GuestMemory& memory, Log& log) {
    const Range from = Range::make(line.host->start, line.range.size()).value();
    HostRegion region = host.map(from, line.host->cached);
    if (region.first % GuestMemory::kSmallPage != 0)
        throw HostError{
            fmt::format("{} has {:#x} not at the beginning of a page: it cannot be RAM", region.title, from.start())};
    region.pages.keep(region.first, region.length);
    if (!line.host->kept) std::ranges::fill(region.pages.bytes(), std::byte{0});
    memory.add(line.range, std::move(region.pages));
    const std::string what =
        fmt::format("the guest's RAM at {:#x} to {:#x} is ", line.range.start(), line.range.last());
    if (region.unasked)
        log.warn(fmt::format("{}{} by /dev/mem: the host's kernel does not know", what, region.title));
    else
        log.info(
            fmt::format("{}that of {} at {:#x}, which this process has uncached", what, region.title, from.start()));
}

}  // namespace

std::uint64_t page_for(const MemorySpec& line, HugePages wanted) noexcept {
    if (wanted == HugePages::Off || line.rom) return GuestMemory::kSmallPage;
    const std::uint64_t page = bytes_of(wanted);
    const bool whole = line.range.start() % page == 0 && line.range.size() % page == 0;
    return whole ? page : GuestMemory::kSmallPage;
}

void check_memory(const VmConfig& config, Diagnostics& diagnostics) {
    const Settings settings = settings_of(config);
    if (settings.huge_pages == HugePages::Off || config.damage.memory) return;
    const std::uint64_t page = bytes_of(settings.huge_pages);
    if (bytes_on(config, settings.huge_pages, page) != 0) return;
    diagnostics.error(settings.huge_pages_where, fmt::format("no ram is made of whole pages of {}", size_text(page)),
                      "start and length of at least one 'ram' must be multiples of it");
}

void prepare_process(const VmConfig& config) {
    if (!settings_of(config).lock_memory) return;
    require_lockable(config);
    expect_locking();
}

void make_memory(const VmConfig& config, GuestMemory& memory, Log& log, const std::filesystem::path& root) {
    const Settings settings = settings_of(config);
    require_huge_pages(config, settings.huge_pages, log);
    const bool prefault = settings.prefault || settings.lock_memory;
    if (prefault) require_free_memory(config, settings.huge_pages);
    std::optional<KeptMemory> host;
    for (const MemorySpec& line : config.memory) {
        if (line.host) {
            if (!host) host.emplace(settings.host_devmem, root);
            add_passed(line, *host, memory, log);
            continue;
        }
        memory.add(line.range, line.rom ? GuestMemory::Kind::Rom : GuestMemory::Kind::Ram,
                   page_for(line, settings.huge_pages));
    }
    if (prefault) memory.prefault();
    if (settings.lock_memory) memory.lock();
}

void lock_rest(const VmConfig& config, const GuestMemory& memory, Log& log) {
    if (!settings_of(config).lock_memory) return;
    std::uint64_t expected = 0;
    for (const auto& block : memory.blocks())
        if (block.page == GuestMemory::kSmallPage && !block.is_passed()) expected += block.range.size();
    const std::uint64_t locked = lock_process();
    if (locked < expected)
        throw HostError{fmt::format("host-lock-memory: guest memory on small pages is {}, the kernel has locked {}",
                                    size_text(expected), size_text(locked))};
    log.info(fmt::format("host-lock-memory: {} are locked", size_text(locked)));
}

}  // namespace qvm
