// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/boot_files.hpp"

#include <fmt/format.h>

#include "arch/x86/acpi.hpp"
#include "arch/x86/elf.hpp"
#include "devices/platform/read_region.hpp"

namespace qvm::x86 {
namespace {

using Blob = LoadSpec::Blob;
using Format = ImageKind::Format;

constexpr const char* kFdtHint = "x86 guests are described by ACPI, which qvm makes by itself; leave this line out";
constexpr const char* kKernelHint =
    "load a Linux bzImage (vmlinuz) or an ELF with a PVH entry point; for raw bytes write `data load address,file`";

class Sorter {
public:
    explicit Sorter(Diagnostics& errors) : errors_{errors} {}

    void sort(const LoadSpec& load) {
        switch (load.blob) {
            case Blob::Fdt:
                return refuse_fdt(load);
            case Blob::Acpi:
            case Blob::Sniff:
            case Blob::Guest:
            case Blob::Initrd:
            case Blob::Data:
                return open(load);
        }
    }

    void sort(PassedImage each, KeptMemory* host) {
        const PassedImage& image = result_.passed.emplace_back(std::move(each));
        const LoadSpec& load = image.load;
        if (load.blob == Blob::Fdt) return refuse_fdt(load);
        kernel_named_ = kernel_named_ || load.blob == Blob::Guest;
        if (image.in_ram) return take_initrd({&load, {}, image.in_ram});
        if (host == nullptr) return;
        ByteView bytes = result_.copies.emplace_back(read_region(host->map(image.host, image.cached)));
        if (load.blob == Blob::Acpi) bytes = cut_table(bytes);
        take(load, bytes);
    }

    BootFiles finish(const VmConfig& config) {
        if (!kernel_named_) {
            const Location where =
                config.loads.empty() ? Place{Location{kNoSource, 0, 0, 0}} : config.loads.front().where;
            errors_.error(where, "there is nothing to start: no `load` names a kernel",
                          "add `load path`, with a Linux bzImage (vmlinuz) or an ELF with a PVH entry point");
        }
        return std::move(result_);
    }

private:
    void refuse_fdt(const LoadSpec& load) {
        errors_.error(load.where, "x86 guests take no flattened device tree (FDT)", kFdtHint);
    }

    void open(const LoadSpec& load) {
        if (load.blob == Blob::Guest || load.blob == Blob::Sniff) kernel_named_ = true;
        try {
            result_.files.emplace_back(load.path, load.where);
        } catch (const ConfigError& error) {
            return errors_.error(error);
        }
        take(load, result_.files.back().bytes());
    }

    void take(const LoadSpec& load, ByteView bytes) {
        if (load.blob == Blob::Initrd) return take_initrd({&load, bytes});
        if (load.blob == Blob::Acpi) return take_table(load, bytes);
        if (load.blob == Blob::Data) return result_.data.push_back({&load, bytes});
        take_kernel(load, bytes);
    }

    void take_initrd(const PlainFile& file) {
        if (!result_.initrd) {
            result_.initrd = file;
            return;
        }
        errors_.error(file.load->where, "there is a second initrd",
                      "join the two into one file; Linux unpacks one cpio archive after the other");
        errors_.note(result_.initrd->load->where, "the first is here");
    }

    /// Memory has room behind the table, which says how long it is.
    static ByteView cut_table(ByteView bytes) {
        constexpr std::uint64_t kLength = 4;
        const auto length = get<std::uint32_t>(bytes, kLength);
        return length && *length < bytes.size() ? bytes.first(*length) : bytes;
    }

    void take_table(const LoadSpec& load, ByteView bytes) {
        const std::string fault = why_no_extra_table(bytes);
        if (!fault.empty()) return errors_.error(load.where, fmt::format("'{}' {}", load.path, fault));
        if (load.address)
            return errors_.error(load.where, "an ACPI table has no address of its own",
                                 fmt::format("write `acpi load {}`", load.path));
        result_.acpi.push_back({&load, bytes});
    }

    void take_kernel(const LoadSpec& load, ByteView bytes) {
        const ImageKind kind = identify(bytes);
        if (kind.format == Format::Fdt) return refuse_fdt(load);
        if (kind.format != Format::BzImage && kind.format != Format::Elf) return refuse_format(load, kind);
        if (result_.kernel) {
            errors_.error(load.where, fmt::format("'{}' is a second kernel", load.path),
                          "one `load` names the kernel; for raw bytes write `data load address,file`");
            return errors_.note(result_.kernel->load->where, "the first is here");
        }
        if (kind.format == Format::Elf) return take_parsed(load, parse_elf(bytes));
        take_parsed(load, parse_bzimage(bytes));
    }

    void refuse_format(const LoadSpec& load, const ImageKind& kind) {
        std::string hint = kKernelHint;
        if (kind.format == Format::Initrd)
            hint = fmt::format("for an initrd write `{}`; a packed kernel must be unpacked first",
                               words_for("initrd", load));
        errors_.error(load.where, fmt::format("'{}' is no kernel for x86: it is {}", load.path, kind.name), hint);
    }

    template <typename Result>
    void take_parsed(const LoadSpec& load, Result parsed) {
        if (parsed.image)
            result_.kernel.emplace(KernelFile{&load, std::move(*parsed.image)});
        else
            errors_.error(load.where, fmt::format("'{}' {}", load.path, parsed.fault.message), parsed.fault.hint);
    }

    Diagnostics& errors_;
    BootFiles result_;
    bool kernel_named_ = false;  // a line that should name the kernel was there, good or bad
};

}  // namespace

BootFiles open_boot_files(const VmConfig& config, Diagnostics& errors, KeptMemory* host) {
    Sorter sorter{errors};
    for (const LoadSpec& load : config.loads) sorter.sort(load);
    for (PassedImage& image : passed_images(config)) sorter.sort(std::move(image), host);
    return sorter.finish(config);
}

}  // namespace qvm::x86
