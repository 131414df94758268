// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/boot_files.hpp"

#include <elf.h>
#include <endian.h>
#include <fmt/format.h>

#include <array>

#include "arch/arm64/device_tree.hpp"
#include "devices/platform/read_region.hpp"

namespace qvm::arm64 {
namespace {

using Blob = LoadSpec::Blob;
using Format = ImageKind::Format;

constexpr std::array<std::uint16_t, 1> kMachines{EM_AARCH64};
constexpr const char* kKernelHint = "load a Linux Image, an ELF for aarch64, or bytes to be entered at their beginning";

class Sorter {
public:
    explicit Sorter(Diagnostics& errors) : errors_{errors} {}

    void sort(const LoadSpec& load) {
        if (load.blob == Blob::Acpi) return refuse_acpi(load);
        try {
            result_.files.emplace_back(load.path, load.where);
        } catch (const ConfigError& error) {
            if (load.blob == Blob::Guest || load.blob == Blob::Sniff) kernel_named_ = true;
            return errors_.error(error);
        }
        take(load, result_.files.back().bytes());
    }

    void sort(PassedImage each, KeptMemory* host) {
        const PassedImage& image = result_.passed.emplace_back(std::move(each));
        const LoadSpec& load = image.load;
        if (load.blob == Blob::Acpi) return refuse_acpi(load);
        kernel_named_ = kernel_named_ || load.blob == Blob::Guest;
        if (image.in_ram) return take_only({&load, {}, image.in_ram}, result_.initrd, "initrd");
        if (host == nullptr) return;
        const ByteView bytes = result_.unpacked.emplace_back(read_region(host->map(image.host, image.cached)));
        take(load, load.blob == Blob::Fdt ? cut_tree(bytes) : bytes);
    }

    void take(const LoadSpec& load, ByteView bytes) {
        if (load.blob == Blob::Data) return result_.data.push_back({&load, bytes});
        if (load.blob == Blob::Initrd) return take_only({&load, bytes}, result_.initrd, "initrd");
        if (load.blob == Blob::Fdt) return take_tree(load, bytes);
        take_unnamed(load, bytes);
    }

    BootFiles finish(const VmConfig& config) {
        if (!kernel_named_) {
            const Location where =
                config.loads.empty() ? Place{Location{kNoSource, 0, 0, 0}} : config.loads.front().where;
            errors_.error(where, "there is nothing to start: no `load` names a kernel",
                          "add `load path`, with a Linux Image, an ELF for aarch64, or a raw image");
        }
        return std::move(result_);
    }

private:
    void refuse_acpi(const LoadSpec& load) {
        errors_.error(load.where, "arm64 guests take no ACPI tables",
                      "they are described by a device tree, which qvm makes by itself; leave this line out");
    }

    /// Memory has room behind the tree, which says how long it is (Devicetree Specification 0.4, 5.2).
    static ByteView cut_tree(ByteView bytes) {
        constexpr std::uint64_t kTotalSize = 4;
        const auto field = get<std::uint32_t>(bytes, kTotalSize);
        const std::uint64_t length = field ? be32toh(*field) : bytes.size();
        return length < bytes.size() ? bytes.first(length) : bytes;
    }

    void take_only(const PlainFile& file, std::optional<PlainFile>& into, const char* what) {
        if (!into) {
            into = file;
            return;
        }
        errors_.error(file.load->where, fmt::format("there is a second {}", what), "join the two into one file");
        errors_.note(into->load->where, "the first is here");
    }

    void take_tree(const LoadSpec& load, ByteView bytes) {
        const std::string fault = why_no_tree(bytes);
        if (!fault.empty())
            return errors_.error(load.where, fmt::format("'{}' {}", load.path, fault), "compile it with dtc");
        if (load.address)
            errors_.warning(load.where, "the address is ignored: the tree becomes a part of the one that qvm makes",
                            fmt::format("write `fdt load {}`", load.path));
        take_only({&load, bytes}, result_.fdt, "device tree");
    }

    /// Without a blob word: by its contents.
    void take_unnamed(const LoadSpec& load, ByteView bytes) {
        const ImageKind kind = identify(bytes, kMachines);
        if (kind.format == Format::Fdt) return take_tree(load, bytes);
        kernel_named_ = true;
        if (is_gzip(bytes)) return take_packed(load, bytes);
        if (kind.format == Format::Unknown && result_.kernel && load.blob == Blob::Sniff)
            return result_.data.push_back({&load, bytes});
        if (result_.kernel) return second_kernel(load);
        take_kernel(load, bytes, kind);
    }

    void take_packed(const LoadSpec& load, ByteView bytes) {
        Unpacked unpacked = unpack_gzip(bytes);
        if (!unpacked.bytes) return refuse(load, unpacked.fault);
        const ByteView inside = result_.unpacked.emplace_back(std::move(*unpacked.bytes));
        const ImageKind kind = identify(inside, kMachines);
        if (kind.format != Format::Arm64Image)
            return refuse(load, {fmt::format("is a gzip file with {} in it", kind.name),
                                 fmt::format("for an initrd write `{}`", words_for("initrd", load))});
        if (result_.kernel) return second_kernel(load);
        take_kernel(load, inside, kind);
    }

    void take_kernel(const LoadSpec& load, ByteView bytes, const ImageKind& kind) {
        if (kind.format == Format::Elf) {
            ElfFileResult parsed = parse_elf_file(bytes, kMachines, kKernelHint);
            if (!parsed.file) return refuse(load, parsed.fault);
            return void(result_.kernel.emplace(KernelFile{&load, std::move(*parsed.file)}));
        }
        if (kind.format == Format::Arm64Image) {
            const LinuxImageResult parsed = parse_linux_image(bytes);
            if (!parsed.image) return refuse(load, parsed.fault);
            return void(result_.kernel.emplace(KernelFile{&load, *parsed.image}));
        }
        if (kind.format == Format::Unknown) return void(result_.kernel.emplace(KernelFile{&load, RawImage{bytes}}));
        const bool initrd = kind.format == Format::Initrd;
        refuse(load, {fmt::format("is no kernel for arm64: it is {}", kind.name),
                      initrd ? fmt::format("for an initrd write `{}`", words_for("initrd", load)) : kKernelHint});
    }

    void second_kernel(const LoadSpec& load) {
        errors_.error(load.where, fmt::format("'{}' is a second kernel", load.path),
                      "one `load` names the kernel; for raw bytes write `data load address,file`");
        errors_.note(result_.kernel->load->where, "the first is here");
    }

    void refuse(const LoadSpec& load, const ImageFault& fault) {
        errors_.error(load.where, fmt::format("'{}' {}", load.path, fault.message), fault.hint);
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

}  // namespace qvm::arm64
