// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "arch/copy_in.hpp"
#include "arch/x86/boot.hpp"
#include "arch/x86/bzimage.hpp"
#include "arch/x86/layout.hpp"
#include "arch/x86/pvh.hpp"

namespace qvm::x86 {
namespace {

/// Where a stack would find free RAM below it: between the GDT and start_info.
constexpr std::uint64_t kStackTop = kStartInfo;

std::uint64_t install_acpi(const BootPlan& plan, const GuestMemory& memory, const AcpiBoard& board) {
    AcpiBoard complete = board;
    complete.extra_tables = plan.acpi_tables;
    const AcpiImage image = build_acpi(complete, plan.acpi.value().start());
    if (image.bytes.size() > plan.acpi->size()) throw std::logic_error{"the ACPI tables outgrew their room"};
    copy_in(memory, image.base, image.bytes);
    return image.base;
}

BootEntry install_linux64(const BootPlan& plan, const GuestMemory& memory, std::uint64_t rsdp) {
    const Range kernel = plan.kernel.value();
    BootEntry entry = write_entry_state(memory, BootEntry::Mode::Long64, kernel);
    copy_in(memory, kZeroPage,
            make_zero_page({.setup_header = plan.setup_header,
                            .cmdline = kCmdline,
                            .initrd = plan.initrd,
                            .kernel = kernel.start(),
                            .rsdp = rsdp,
                            .e820 = plan.e820}));
    entry.rsi = kZeroPage;
    return entry;
}

BootEntry install_pvh(const BootPlan& plan, const GuestMemory& memory, std::uint64_t rsdp) {
    BootEntry entry = write_entry_state(memory, BootEntry::Mode::Protected32, *Range::make(0, kPage));
    copy_in(memory, kStartInfo,
            make_start_info({.cmdline = kCmdline, .initrd = plan.initrd, .rsdp = rsdp, .e820 = plan.e820}, kStartInfo));
    entry.rbx = kStartInfo;
    return entry;
}

}  // namespace

BootEntry install_boot(const BootPlan& plan, const GuestMemory& memory, const AcpiBoard& board) {
    for (const BootBlob& blob : plan.blobs) copy_in(memory, blob.at.start(), blob.bytes);
    copy_in(memory, kCmdline, std::as_bytes(std::span{plan.cmdline.c_str(), plan.cmdline.size() + 1}));
    const std::uint64_t rsdp = install_acpi(plan, memory, board);
    BootEntry entry = plan.protocol == BootPlan::Protocol::Linux64 ? install_linux64(plan, memory, rsdp)
                                                                   : install_pvh(plan, memory, rsdp);
    entry.rip = plan.entry;
    entry.rsp = kStackTop;
    return entry;
}

}  // namespace qvm::x86
