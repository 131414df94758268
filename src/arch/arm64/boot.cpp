// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/boot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "arch/arm64/layout.hpp"
#include "arch/placement.hpp"
#include "arch/stretches.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint64_t kTreeRoom = 64 * kKiB;  // for the board
constexpr std::uint64_t kVdevRoom = kKiB;       // for each vdev and vCPU
constexpr std::uint64_t kInitrdWindow = 32 * kGiB;

const Range kAnywhere = Range::make(0, UINT64_MAX).value();

std::string mib(std::uint64_t bytes) { return fmt::format("{} MiB", bytes / kMiB + (bytes % kMiB != 0)); }

class Planner {
public:
    Planner(const VmConfig& config, const GicPlan& gic, Diagnostics& errors, KeptMemory* host)
        : config_{config},
          errors_{errors},
          host_{host},
          placement_{declared_memory(config.memory), memory_of_kind(config.memory, false)},
          plan_{.ram = memory_of_kind(config.memory, false), .gic = gic} {}

    std::optional<BootPlan> plan() {
        if (plan_.ram.empty()) no_ram();
        check_windows();
        BootFiles files = open_boot_files(config_, errors_, host_);
        if (files.fdt) take_tree(*files.fdt);
        if (errors_.has_errors() || !files.kernel) return {};
        if (config_.cmdline) plan_.cmdline = config_.cmdline->text;
        keep_passed(files);
        place_where_told(files);
        if (!is_told(*files.kernel)) keep_reserved();
        std::visit([&](const auto& image) { place_kernel(*files.kernel->load, image); }, files.kernel->image);
        if (is_told(*files.kernel)) keep_reserved();
        place_tree_room(files);
        place_stolen_time();
        if (files.initrd && !plan_.initrd) place_initrd(*files.initrd);
        for (const PlainFile& data : files.data)
            if (!data.load->address) place_data(data);
        if (errors_.has_errors()) return {};
        plan_.files = std::move(files.files);
        plan_.unpacked = std::move(files.unpacked);
        return std::move(plan_);
    }

private:
    /// The kernel would let RAM hide its own registers.
    void check_windows() {
        for (const MemorySpec& line : config_.memory)
            for (const GicWindow& window : windows_of(plan_.gic))
                if (line.range.overlaps(window.at))
                    errors_.error(line.where,
                                  fmt::format("memory at {:#x} to {:#x} covers the {} at {:#x}", line.range.start(),
                                              line.range.last(), window.what, window.at.start()),
                                  "begin it at 0x80000000, as is usual, or move the gic");
    }

    void no_ram() {
        const Location where =
            config_.loads.empty() ? Place{Location{kNoSource, 0, 0, 0}} : config_.loads.front().where;
        errors_.error(where, "the VM has no RAM",
                      "give it some above the first `load`, for example `ram 0x80000000,256M`");
    }

    void take_tree(const PlainFile& file) {
        plan_.user_tree = parse_tree(file.bytes);
        check_user_tree(*plan_.user_tree, plan_.gic, config_.cpus.size(), file.load->where, errors_);
    }

    /// qvm itself puts nothing there, but the file may (qvmconf specification 2.6).
    void keep_reserved() {
        using Space = GuestLocation::Space;
        for (const ReserveSpec& each : config_.reserved) {
            const auto* at = std::get_if<GuestLocation>(&each.what);
            if (at == nullptr || at->space == Space::Pci || at->space == Space::Io) continue;
            if (const auto range = Range::make(at->address, at->length.value_or(1)))
                placement_.take(*range, "what is reserved");
        }
    }

    /// Whether the file says where the kernel goes, so that it may go into what is reserved.
    static bool is_told(const KernelFile& kernel) {
        return kernel.load->address || std::holds_alternative<ElfFile>(kernel.image);
    }

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
                          "nothing may be loaded over another");
            return false;
        }
        put(at, bytes, what);
        return true;
    }

    void put(const Range& at, ByteView bytes, const std::string& what) {
        placement_.take(at, what);
        plan_.blobs.push_back({at, bytes});
    }

    bool place_at(const LoadSpec& load, std::uint64_t start, ByteView bytes, const std::string& what) {
        if (const auto at = Range::make(start, bytes.size())) return place_fixed(load, *at, bytes, what);
        errors_.error(load.where, fmt::format("{} passes the end of the address space", what));
        return false;
    }

    /// What the user wants the guest to find in RAM that is passed.
    void keep_passed(const BootFiles& files) {
        if (files.initrd) plan_.initrd = files.initrd->in_ram;
        for (const MemorySpec& memory : config_.memory) {
            if (!memory.host || !memory.host->kept) continue;
            placement_.take(memory.range, "what is passed");
            if (plan_.initrd != memory.range) plan_.reserved.push_back(memory.range);
        }
    }

    /// What the user gave an address has the first choice.
    void place_where_told(const BootFiles& files) {
        for (const PlainFile& data : files.data)
            if (data.load->address && place_at(*data.load, *data.load->address, data.bytes, name_of(data)))
                reserve(*Range::make(*data.load->address, data.bytes.size()));
        if (!files.initrd || !files.initrd->load->address) return;
        const std::uint64_t start = *files.initrd->load->address;
        if (place_at(*files.initrd->load, start, files.initrd->bytes, "the initrd"))
            plan_.initrd = Range::make(start, files.initrd->bytes.size());
    }

    static std::string name_of(const PlainFile& file) { return fmt::format("'{}'", file.load->path); }

    /// The guest's kernel would take it for free memory.
    void reserve(const Range& range) {
        if (placement_.usable(range)) plan_.reserved.push_back(range);
    }

    void place_kernel(const LoadSpec& load, const RawImage& image) {
        const std::uint64_t start = load.address.value_or(plan_.ram.front().start());
        if (!place_at(load, start, image.bytes, "the image")) return;
        plan_.entry = start;
        kernel_ = start;
    }

    void place_kernel(const LoadSpec& load, const ElfFile& file) {
        if (load.address)
            errors_.warning(load.where, "the address is ignored: an ELF goes where its program headers say",
                            fmt::format("write `load {}`", load.path));
        for (const ElfSegment& segment : file.segments)
            place_fixed(load, segment.at, segment.bytes, "a segment of the kernel");
        const auto entry = physical_entry(file);
        if (!entry)
            return errors_.error(load.where,
                                 fmt::format("the entry point {:#x} of '{}' is in no segment", file.entry, load.path),
                                 "link it for the physical addresses that it is to run at");
        plan_.entry = *entry;
        kernel_ = *entry;
    }

    /// e_entry is a virtual address.
    static std::optional<std::uint64_t> physical_entry(const ElfFile& file) {
        for (const ElfProgram& program : file.programs) {
            if (program.type != kLoad) continue;
            const auto range = Range::make(program.vaddr, program.memsz);
            if (range && range->contains(file.entry)) return program.paddr + (file.entry - program.vaddr);
        }
        return std::nullopt;
    }

    void place_kernel(const LoadSpec& load, const LinuxImage& image) {
        const auto at = load.address ? kernel_where_told(load, image) : kernel_where_it_fits(load, image);
        if (!at) return;
        placement_.take(*at, "the kernel");
        plan_.blobs.push_back({*Range::make(at->start(), image.bytes.size()), image.bytes});
        plan_.entry = at->start();
        kernel_ = at->start();
    }

    std::optional<Range> kernel_where_told(const LoadSpec& load, const LinuxImage& image) {
        const auto at = Range::make(*load.address, image.memory_size);
        if (*load.address % kKernelStep != image.text_offset || !at) {
            errors_.error(load.where, fmt::format("this kernel cannot be loaded at {:#x}", *load.address),
                          fmt::format("it needs a multiple of {:#x} plus {:#x}; leave the address out", kKernelStep,
                                      image.text_offset));
            return {};
        }
        if (placement_.usable(*at) && placement_.tenant_of(*at) == nullptr) return at;
        no_room_for_kernel(load, image);
        return {};
    }

    std::optional<Range> kernel_where_it_fits(const LoadSpec& load, const LinuxImage& image) {
        const auto room = placement_.lowest(image.text_offset + image.memory_size, kKernelStep, kAnywhere);
        if (room) return Range::make(room->start() + image.text_offset, image.memory_size);
        no_room_for_kernel(load, image);
        return {};
    }

    void no_room_for_kernel(const LoadSpec& load, const LinuxImage& image) {
        errors_.error(load.where,
                      fmt::format("the kernel needs {} of RAM in one piece; the largest free piece has {} MiB",
                                  mib(image.memory_size), placement_.largest_free(kAnywhere) / kMiB),
                      "give the VM more RAM");
    }

    /// At the top of the memory that begins with the kernel, out of its way.
    void place_tree_room(const BootFiles& files) {
        std::uint64_t size = kTreeRoom + kVdevRoom * (config_.vdevs.size() + config_.cpus.size()) +
                             kMostPassedTree * config_.passed.size();
        if (files.fdt) size += files.fdt->bytes.size();
        if (plan_.cmdline) size += plan_.cmdline->size();
        size = align_up(size, kPage);
        plan_.tree = size <= kFdtLimit ? placement_.highest(size, kPage, near_kernel()) : std::nullopt;
        if (plan_.tree) return placement_.take(*plan_.tree, "the device tree");
        errors_.error(files.kernel->load->where,
                      fmt::format("there is no room for a device tree of {} KiB", size / kKiB),
                      size <= kFdtLimit ? "give the VM more RAM" : "it may have 2 MiB: give the VM fewer vdevs");
    }

    void place_stolen_time() {
        const std::uint64_t size = align_up(kStolenRecord * config_.cpus.size(), kPage);
        plan_.stolen = placement_.highest(size, kPage, near_kernel());
        if (!plan_.stolen) return;  // a guest can do without
        placement_.take(*plan_.stolen, "the record of stolen time");
        plan_.reserved.push_back(*plan_.stolen);
    }

    /// 32 GiB from a multiple of 1 GiB on, with the kernel in it.
    [[nodiscard]] Range near_kernel() const {
        const std::uint64_t start = align_down(kernel_, kGiB);
        return Range::make(start, std::min(kInitrdWindow, UINT64_MAX - start)).value();
    }

    void place_initrd(const PlainFile& file) {
        plan_.initrd = placement_.highest(file.bytes.size(), kPage, near_kernel());
        if (plan_.initrd) return put(*plan_.initrd, file.bytes, "the initrd");
        const std::uint64_t largest = placement_.largest_free(near_kernel());
        errors_.error(file.load->where,
                      fmt::format("the initrd needs {} of free RAM in one piece; the largest piece has {} MiB",
                                  mib(file.bytes.size()), largest / kMiB),
                      "give the VM more RAM");
    }

    void place_data(const PlainFile& file) {
        const auto at = placement_.lowest(file.bytes.size(), kPage, kAnywhere);
        if (!at)
            return errors_.error(file.load->where,
                                 fmt::format("no {} of RAM are free for {}", mib(file.bytes.size()), name_of(file)),
                                 "give the VM more RAM, or say where: `data load address,file`");
        put(*at, file.bytes, name_of(file));
        reserve(*at);
    }

    static constexpr std::uint32_t kLoad = 1;  // PT_LOAD

    const VmConfig& config_;
    Diagnostics& errors_;
    KeptMemory* host_;
    Placement placement_;
    BootPlan plan_;
    std::uint64_t kernel_ = 0;
};

}  // namespace

std::optional<BootPlan> plan_boot(const VmConfig& config, const GicPlan& gic, Diagnostics& errors, KeptMemory* host) {
    return Planner{config, gic, errors, host}.plan();
}

}  // namespace qvm::arm64
