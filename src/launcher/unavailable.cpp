// SPDX-License-Identifier: Apache-2.0
#include "launcher/unavailable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/language.hpp"

namespace qvm {

namespace {

class Reporter {
public:
    Reporter(Purpose purpose, Diagnostics& diagnostics) : purpose_{purpose}, diagnostics_{diagnostics} {}

    void missing(const Location& where, const std::string& what) {
        if (purpose_ == Purpose::Run)
            return diagnostics_.error(where, what + " is not in this version", "'--check' can read it already");
        diagnostics_.warning(where, what + " is not in this version: it is checked, but the VM cannot run");
    }

    void foreign(const ForeignSign& sign) {
        const std::string what = fmt::format("{} belongs to {} boards and this is qvm for {}", sign.what,
                                             board_name(sign.board), board_name(this_board()));
        if (purpose_ == Purpose::Run) return diagnostics_.error(sign.where, what);
        diagnostics_.warning(sign.where, what + ": the file is checked as far as the language goes");
    }

    /// A single vdev of another board among those of this one.
    void stray(const VdevSpec& vdev) {
        diagnostics_.error(vdev.where, fmt::format("vdev '{}' exists on {} boards only", vdev.syntax->type,
                                                   board_name(vdev.syntax->boards)));
    }

private:
    Purpose purpose_;
    Diagnostics& diagnostics_;
};

/// A watchdog that is to write a dump nobody has a place for.
void report_lost_dumps(const VmConfig& config, Diagnostics& diagnostics) {
    if (config.dump) return;
    for (const VdevSpec& vdev : config.vdevs) {
        const OptionValue* const option = vdev.find(kWatchdogAction.name);
        const auto* const action = option != nullptr ? std::get_if<std::string>(&option->value) : nullptr;
        if (action != nullptr && action->starts_with("dump"))
            diagnostics.warning(option->where, "no dump will be written: no `dump` line says where to");
    }
}

/// What of a `pass` is not in this version; empty if all is.
std::string missing_of(const PassSpec& pass) {
    const auto is_pci = [](const PassLocation& each) { return each.guest.space == GuestLocation::Space::Pci; };
    // A kernel for arm64 gives a process what is kept away from it as device memory, and its guests, too: from that no
    // guest can run (kvm_is_device_pfn() of Linux 6.1's arch/arm64/kvm/mmu.c).
    if (this_board() == Boards::Arm64 && std::ranges::any_of(pass.locations, &PassLocation::is_memory))
        return "'pass' of memory as the guest's RAM (m) on arm64";
    if (!pass.interrupts.empty() && std::ranges::any_of(pass.locations, is_pci))
        return "a PCI function with an 'intr' of its own in 'pass'";
    return "";
}

}  // namespace

void report_unavailable(const VmConfig& config, const Catalog& catalog, const std::optional<ForeignSign>& foreign,
                        Purpose purpose, Diagnostics& diagnostics) {
    Reporter report{purpose, diagnostics};
    if (foreign) return report.foreign(*foreign);
    std::set<const VdevSyntax*> told;
    for (const VdevSpec& vdev : config.vdevs) {
        if (catalog.find(vdev.syntax) != nullptr) continue;
        if (!has_board(vdev.syntax->boards, this_board()))
            report.stray(vdev);
        else if (told.insert(vdev.syntax).second)
            report.missing(vdev.where, fmt::format("vdev '{}'", vdev.syntax->type));
    }
    report_lost_dumps(config, diagnostics);
    for (const PassSpec& pass : config.passed)
        if (const std::string what = missing_of(pass); !what.empty()) {
            report.missing(pass.where, what);
            break;
        }
    for (const UnsupportedSpec& each : config.unsupported) {
        const bool skips_instruction =
            each.type == UnsupportedSpec::Type::Instruction && each.action == UnsupportedSpec::Action::Ignore;
        if (!skips_instruction) continue;
        diagnostics.warning(each.where, "an instruction that cannot be decoded cannot be skipped: this is 'fail'");
    }
}

}  // namespace qvm
