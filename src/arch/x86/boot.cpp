// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/boot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "arch/placement.hpp"
#include "arch/x86/boot_files.hpp"
#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

/// Rounded up, so that what a message asks for is enough.
std::string mib(std::uint64_t bytes) { return fmt::format("{} MiB", bytes / kMiB + (bytes % kMiB != 0)); }

/// Addresses in [start, end), which is not empty.
Range between(std::uint64_t start, std::uint64_t end) { return Range::make(start, end - start).value(); }

constexpr std::uint64_t kAcpiTableRoom = 128;  // entry in XSDT, gap before the next table

class Planner {
public:
    Planner(const VmConfig& config, Diagnostics& errors, const std::optional<Range>& ecam, KeptMemory* host)
        : config_{config}, errors_{errors}, ecam_{ecam}, host_{host}, placement_{make_placement(config.memory)} {}

    std::optional<BootPlan> plan() {
        check_memory(config_, errors_);
        BootFiles files = open_boot_files(config_, errors_, host_);
        if (errors_.has_errors() || !files.kernel) return {};
        const KernelFile& kernel = *files.kernel;
        plan_.protocol =
            std::holds_alternative<BzImage>(kernel.image) ? BootPlan::Protocol::Linux64 : BootPlan::Protocol::Pvh;
        place_structures();
        std::visit([&](const auto& image) { place_cmdline(image); }, kernel.image);
        keep_passed();
        place_where_told(files);
        if (plan_.initrd) check_initrd_reach(*files.initrd, kernel);
        std::visit([&](const auto& image) { place_kernel(*kernel.load, image); }, kernel.image);
        for (const PlainFile& table : files.acpi) plan_.acpi_tables.push_back(table.bytes);
        place_acpi(*kernel.load);
        if (files.initrd && !plan_.initrd) place_initrd(*files.initrd, kernel);
        for (const PlainFile& data : files.data)
            if (!data.load->address) place_data(data);
        if (errors_.has_errors()) return {};
        return finish(std::move(files));
    }

private:
    [[nodiscard]] bool linux64() const { return plan_.protocol == BootPlan::Protocol::Linux64; }

    std::optional<BootPlan> finish(BootFiles files) {
        plan_.e820 = make_e820(config_.memory, plan_.acpi, ecam_);
        if (plan_.e820.size() > kE820Max) {
            errors_.error(config_.memory.back().where,
                          fmt::format("the memory map has {} pieces; a guest takes {}", plan_.e820.size(), kE820Max),
                          "use fewer `ram` and `rom` lines, or lines that touch");
            return {};
        }
        plan_.files = std::move(files.files);
        plan_.copies = std::move(files.copies);
        std::sort(plan_.blobs.begin(), plan_.blobs.end(),
                  [](const BootBlob& a, const BootBlob& b) { return a.at.start() < b.at.start(); });
        return std::move(plan_);
    }

    void place_structures() {
        const auto mode = linux64() ? BootEntry::Mode::Long64 : BootEntry::Mode::Protected32;
        for (const Range& range : entry_state_ranges(mode)) take_structure(range, "the boot processor's tables");
        if (linux64())
            take_structure(*Range::make(kZeroPage, kPage), "the zero page");
        else
            take_structure(*Range::make(kStartInfo, kPage), "the PVH start_info");
    }

    void take_structure(const Range& range, const char* what) {
        placement_.take(range, what);
        if (placement_.usable(range) || lacks_low_ram_) return;
        lacks_low_ram_ = true;
        errors_.error(config_.memory.front().where,
                      fmt::format("{} need RAM at {:#x} to {:#x}", what, range.start(), range.last()),
                      "begin with `ram 0,0xa0000`, or with one line from 0 such as `ram 256M`");
    }

    void place_cmdline(const BzImage& image) { take_cmdline(image.cmdline_size); }
    void place_cmdline(const ElfImage&) { take_cmdline(UINT32_MAX); }

    void take_cmdline(std::uint64_t kernels_limit) {
        if (config_.cmdline) plan_.cmdline = config_.cmdline->text;
        const std::uint64_t limit = std::min(kernels_limit, kCmdlineEnd - kCmdline - 1);
        const std::uint64_t length = plan_.cmdline.size();
        if (length > limit) {
            errors_.error(config_.cmdline->where,
                          fmt::format("the command line has {} bytes; this kernel takes {}", length, limit),
                          fmt::format("shorten it by {}", length - limit));
            return;
        }
        take_structure(*Range::make(kCmdline, length + 1), "the command line");
    }

    /// Puts a piece of a file at a fixed place, if that is declared memory and free.
    bool place_fixed(const LoadSpec& load, const Range& at, ByteView bytes, const std::string& what) {
        if (!placement_.declared(at)) {
            errors_.error(load.where,
                          fmt::format("{} goes to {:#x} to {:#x}, which is not all in `ram` or `rom`", what, at.start(),
                                      at.last()),
                          fmt::format("declare memory up to {:#x} before this line, or load less", at.last()));
            return false;
        }
        if (const auto* tenant = placement_.tenant_of(at)) {
            errors_.error(load.where,
                          fmt::format("{} goes to {:#x} to {:#x} and meets {} at {:#x} to {:#x}", what, at.start(),
                                      at.last(), tenant->what, tenant->at.start(), tenant->at.last()),
                          "nothing may be loaded over another; the first free RAM for sure is at 0x100000");
            return false;
        }
        put(load, at, bytes, what);
        return true;
    }

    void put(const LoadSpec& load, const Range& at, ByteView bytes, const std::string& what) {
        placement_.take(at, what);
        plan_.blobs.push_back({at, bytes, what, load.where});
    }

    bool place_at_address(const PlainFile& file, const std::string& what) {
        const auto at = Range::make(*file.load->address, file.bytes.size());
        if (at) return place_fixed(*file.load, *at, file.bytes, what);
        errors_.error(file.load->where, fmt::format("{} passes the end of the address space", what));
        return false;
    }

    /// What the user wants the guest to find in RAM that is passed.
    void keep_passed() {
        for (const MemorySpec& memory : config_.memory) {
            if (!memory.host || !memory.host->kept) continue;
            const auto* tenant = placement_.tenant_of(memory.range);
            if (tenant == nullptr) {
                placement_.take(memory.range, "what is passed");
                continue;
            }
            errors_.error(
                memory.where,
                fmt::format("what is passed at {:#x} to {:#x} meets {} at {:#x} to {:#x}", memory.range.start(),
                            memory.range.last(), tenant->what, tenant->at.start(), tenant->at.last()),
                "let the guest see it elsewhere; from 0x100000 on nothing is in the way");
        }
    }

    /// What the user gave an address has the first choice.
    void place_where_told(const BootFiles& files) {
        if (files.initrd) plan_.initrd = files.initrd->in_ram;
        for (const PlainFile& data : files.data)
            if (data.load->address) place_at_address(data, fmt::format("'{}'", data.load->path));
        if (!files.initrd || !files.initrd->load->address) return;
        if (place_at_address(*files.initrd, "the initrd"))
            plan_.initrd = Range::make(*files.initrd->load->address, files.initrd->bytes.size());
    }

    void place_kernel(const LoadSpec& load, const ElfImage& image) {
        plan_.entry = image.entry;
        if (load.address)
            errors_.warning(load.where, "the address is ignored: an ELF goes where its program headers say",
                            fmt::format("write `load {}`", load.path));
        for (const ElfSegment& segment : image.segments)
            place_fixed(load, segment.at, segment.bytes, "a segment of the kernel");
    }

    void place_kernel(const LoadSpec& load, const BzImage& image) {
        const auto at = load.address ? kernel_where_told(load, image) : kernel_where_it_fits(load, image);
        if (!at) return;
        placement_.take(*at, "the kernel");
        plan_.kernel = at;
        plan_.blobs.push_back({*Range::make(at->start(), image.kernel.size()), image.kernel, "the kernel", load.where});
        plan_.setup_header.assign(image.setup_header.begin(), image.setup_header.end());
        plan_.entry = at->start() + kEntry64;
    }

    std::optional<Range> kernel_where_told(const LoadSpec& load, const BzImage& image) {
        const bool good = image.relocatable
                              ? *load.address % image.alignment == 0 && *load.address >= image.pref_address
                              : *load.address == image.pref_address;
        const auto at = Range::make(*load.address, image.memory_size);
        if (!good || !at) {
            errors_.error(load.where, fmt::format("this kernel cannot be loaded at {:#x}", *load.address),
                          fmt::format("leave the address out; the kernel prefers {:#x}", image.pref_address));
            return {};
        }
        if (placement_.usable(*at) && !placement_.tenant_of(*at)) return at;
        no_room_for_kernel(load, image, *at);
        return {};
    }

    /// A relocatable kernel below pref_address would move itself there while it unpacks, so only higher places will do.
    std::optional<Range> kernel_where_it_fits(const LoadSpec& load, const BzImage& image) {
        const auto preferred = Range::make(image.pref_address, image.memory_size);
        const bool aligned = !image.relocatable || image.pref_address % image.alignment == 0;
        if (preferred && aligned && placement_.usable(*preferred) && !placement_.tenant_of(*preferred))
            return preferred;
        const std::uint64_t end = image.above_4g ? UINT64_MAX : kFourGiB;
        const auto within =
            image.pref_address < end ? Range::make(image.pref_address, end - image.pref_address) : std::nullopt;
        const auto at =
            image.relocatable && within ? placement_.lowest(image.memory_size, image.alignment, *within) : std::nullopt;
        if (!at) no_room_for_kernel(load, image, within);
        return at;
    }

    void no_room_for_kernel(const LoadSpec& load, const BzImage& image, const std::optional<Range>& within) {
        const std::uint64_t start = within ? within->start() : image.pref_address;
        const std::uint64_t largest = within ? placement_.largest_free(*within) : 0;
        errors_.error(
            load.where,
            fmt::format("the kernel needs {} of RAM in one piece at {:#x}{}; the largest free piece there has {}",
                        mib(image.memory_size), start, image.relocatable ? " or above" : "", mib_down(largest)),
            fmt::format("give the VM at least {} from address 0",
                        mib(start > UINT64_MAX - image.memory_size ? start : start + image.memory_size)));
    }

    static std::string mib_down(std::uint64_t bytes) { return fmt::format("{} MiB", bytes / kMiB); }

    /// In the BIOS area if there is memory, where old guests look for RSDP, else at the top of RAM below 4 GiB.
    void place_acpi(const LoadSpec& load) {
        std::uint64_t size = acpi_size_limit(config_.cpus.size(), config_.vdevs.size() + 1, config_.vdevs.size());
        if (ecam_) size += kAcpiPciLimit;
        for (const ByteView table : plan_.acpi_tables) size += table.size() + kAcpiTableRoom;
        size = align_up(size, kPage);
        const auto legacy = Range::make(kLegacyAcpi, size);
        if (size <= kHighRam - kLegacyAcpi && placement_.declared(*legacy) && !placement_.tenant_of(*legacy))
            plan_.acpi = legacy;
        else
            plan_.acpi = placement_.highest(size, kPage, between(kPage, kFourGiB));
        if (plan_.acpi) return placement_.take(*plan_.acpi, "the ACPI tables");
        errors_.error(load.where, fmt::format("no {} KiB of RAM are left below 4 GiB for the ACPI tables", size / kKiB),
                      "give the VM more RAM");
    }

    /// As high as the kernel can reach, so that it is out of the way. Linux takes initrds up to 4 GiB by the old fields
    /// and, with XLF_CAN_BE_LOADED_ABOVE_4G, above by the new ones; initrd_addr_max speaks of the old ones and is
    /// modest.
    std::vector<Range> initrd_places(const KernelFile& kernel) const {
        const auto* image = std::get_if<BzImage>(&kernel.image);
        if (!image) return {between(kHighRam, kFourGiB)};
        std::vector<Range> places;
        if (image->initrd_addr_max >= kHighRam) places.push_back(between(kHighRam, image->initrd_addr_max + 1ULL));
        if (image->above_4g) places.push_back(between(kHighRam, kFourGiB));
        if (image->above_4g) places.push_back(between(kHighRam, UINT64_MAX));
        return places;
    }

    void check_initrd_reach(const PlainFile& file, const KernelFile& kernel) {
        const std::vector<Range> places = initrd_places(kernel);
        const std::uint64_t last = places.empty() ? 0 : places.back().last();
        if (plan_.initrd->last() <= last) return;
        errors_.error(
            file.load->where,
            fmt::format("the initrd ends at {:#x}; this kernel reaches up to {:#x}", plan_.initrd->last(), last),
            file.in_ram ? "let the guest see it lower"
                        : fmt::format("leave the address out: `initrd load {}`", file.load->path));
    }

    void place_initrd(const PlainFile& file, const KernelFile& kernel) {
        const std::vector<Range> places = initrd_places(kernel);
        for (const Range& place : places) {
            plan_.initrd = placement_.highest(file.bytes.size(), kPage, place);
            if (plan_.initrd) return put(*file.load, *plan_.initrd, file.bytes, "the initrd");
        }
        no_room_for_initrd(file, places);
    }

    void no_room_for_initrd(const PlainFile& file, const std::vector<Range>& places) {
        const std::uint64_t size = file.bytes.size();
        const std::uint64_t largest = places.empty() ? 0 : placement_.largest_free(places.back());
        const std::uint64_t end = places.empty() ? kHighRam : places.back().last() + 1;
        const std::string below = end < kFourGiB ? fmt::format(" below {:#x}", end) : "";
        errors_.error(
            file.load->where,
            fmt::format("the initrd needs {} of free RAM in one piece{}; the largest piece has {}", mib(size), below,
                        mib_down(largest)),
            fmt::format("give the VM at least {} more RAM", mib(size > largest ? size - largest + kPage : kPage)));
    }

    void place_data(const PlainFile& file) {
        const std::string what = fmt::format("'{}'", file.load->path);
        const auto at = placement_.lowest(file.bytes.size(), kPage, *Range::make(kHighRam, UINT64_MAX - kHighRam));
        if (at) return put(*file.load, *at, file.bytes, what);
        errors_.error(file.load->where, fmt::format("no {} of RAM are free for {}", mib(file.bytes.size()), what),
                      "give the VM more RAM, or say where: `data load address,file`");
    }

    const VmConfig& config_;
    Diagnostics& errors_;
    std::optional<Range> ecam_;
    KeptMemory* host_;
    Placement placement_;
    BootPlan plan_{};
    bool lacks_low_ram_ = false;
};

}  // namespace

std::optional<BootPlan> plan_boot(const VmConfig& config, Diagnostics& errors, const std::optional<Range>& ecam,
                                  KeptMemory* host) {
    return Planner{config, errors, ecam, host}.plan();
}

}  // namespace qvm::x86
