// SPDX-License-Identifier: Apache-2.0
#include "config/language.hpp"

#include <algorithm>
#include <array>

namespace qvm {

namespace {

constexpr std::string_view kLoadForm = "load [address,]path | pass ...";

constexpr std::array kGlobalOptions{
    GlobalOption{"system", Keyword::System, 1, "name", "names the VM; must be the first option"},
    GlobalOption{"ram", Keyword::Ram, 1, "[start,]length", "memory; without a start it follows the highest so far"},
    GlobalOption{"rom", Keyword::Rom, 1, "[start,]length", "memory that the guest cannot write"},
    GlobalOption{"cpu", Keyword::Cpu, 0, "", "one vCPU; sched, runmask, cluster and partition may follow", true},
    GlobalOption{"load", Keyword::Load, 1, "[address,]path",
                 "brings a file into guest memory; its format is recognised"},
    GlobalOption{"guest", Keyword::Blob, 0, kLoadForm, "the file is the guest's kernel"},
    GlobalOption{"initrd", Keyword::Blob, 0, kLoadForm, "the file is the initial RAM disk"},
    GlobalOption{"fdt", Keyword::Blob, 0, kLoadForm, "the file is a device tree"},
    GlobalOption{"data", Keyword::Blob, 0, kLoadForm, "the file is copied as it is"},
    GlobalOption{"acpi", Keyword::Blob, 0, kLoadForm, "the file is one more ACPI table"},
    GlobalOption{"cmdline", Keyword::Cmdline, 1, "\"text\"", "the guest's command line"},
    GlobalOption{"vdev", Keyword::Vdev, 1, "type", "a virtual device; its options follow", true},
    GlobalOption{"reserve", Keyword::Reserve, 0, "", "keeps what loc and intr name from automatic assignment", true},
    GlobalOption{"logger", Keyword::Logger, 2, "severity[,severity...] destination", "where messages go"},
    GlobalOption{"set", Keyword::Set, 2, "variable value", "changes a variable"},
    GlobalOption{"pass", Keyword::Pass, 0, "", "gives the guest a device of the host", true},
    GlobalOption{"dump", Keyword::Dump, 1, "directory or |command", "where a dump of the guest goes"},
    GlobalOption{"unsupported", Keyword::Unsupported, 2, "type action", "what to do about what cannot be emulated"},
    GlobalOption{"debug", Keyword::Debug, 0, "", "more diagnostics"},
    GlobalOption{"safety", Keyword::Safety, 1, "none|warn|required", "how to treat what is not certified"},
    GlobalOption{"dryrun", Keyword::Dryrun, 0, "", "builds the VM and does not start it"},
    GlobalOption{"user", Keyword::User, 1, "uid[:gid[,gid...]]", "whom to run as after the set-up"},
};

constexpr std::array kCpuOptions{
    OptionSpec{.name = "sched", .type = ArgType::Sched, .help = "priority and policy of the vCPU's thread"},
    OptionSpec{.name = "runmask", .type = ArgType::String, .help = "host CPUs that it may run on, such as 0,1"},
    OptionSpec{
        .name = "cluster", .type = ArgType::String, .help = "a named group of host CPUs to run on: _cpu-N is CPU N"},
    OptionSpec{.name = "partition",
               .type = ArgType::String,
               .help = "the host's adaptive partition to run in",
               .no_effect = "Linux has no adaptive partitions; a cgroup can limit the whole process"},
};

constexpr std::array kReserveOptions{
    OptionSpec{.name = "loc", .type = ArgType::Location, .help = "a range of addresses or ports", .repeatable = true},
    OptionSpec{.name = "intr", .type = ArgType::Intr, .help = "an interrupt line", .repeatable = true},
};

constexpr std::array kCommonVdevOptions{
    OptionSpec{.name = "name", .type = ArgType::String, .help = "name of this vdev, unique in the VM"},
    OptionSpec{.name = "log",
               .type = ArgType::LogRule,
               .help = "where its messages go",
               .repeatable = true,
               .no_effect = "not yet: all vdevs log to where the loggers say"},
};

constexpr std::array kPassOptions{
    OptionSpec{.name = "loc",
               .type = ArgType::PassLocation,
               .help = "where the guest sees it, length and attributes, and where the host has it",
               .repeatable = true},
    OptionSpec{.name = "intr",
               .type = ArgType::PassIntr,
               .help = "the line that the guest sees, and the host's interrupt",
               .repeatable = true},
    OptionSpec{.name = "node",
               .type = ArgType::String,
               .help = "the device's node in the host's device tree: a path, a label, an alias or an address",
               .fallback = "those that have the addresses of `loc`"},
};

}  // namespace

std::span<const GlobalOption> global_options() noexcept { return kGlobalOptions; }

const GlobalOption* find_global(std::string_view name) noexcept {
    const auto found = std::find_if(kGlobalOptions.begin(), kGlobalOptions.end(),
                                    [name](const GlobalOption& each) { return each.name == name; });
    return found == kGlobalOptions.end() ? nullptr : &*found;
}

std::span<const OptionSpec> cpu_options() noexcept { return kCpuOptions; }

std::span<const OptionSpec> reserve_options() noexcept { return kReserveOptions; }

std::span<const OptionSpec> pass_options() noexcept { return kPassOptions; }

std::span<const OptionSpec> common_vdev_options() noexcept { return kCommonVdevOptions; }

const OptionSpec* find_option(std::span<const OptionSpec> options, std::string_view name) noexcept {
    const auto found =
        std::find_if(options.begin(), options.end(), [name](const OptionSpec& each) { return each.name == name; });
    return found == options.end() ? nullptr : &*found;
}

std::string_view bare_vdev_type(std::string_view spelling) noexcept {
    constexpr std::string_view kPrefix = "vdev-";
    constexpr std::string_view kShared = ".so";
    constexpr std::string_view kSafety = "-safety";
    spelling.remove_prefix(spelling.rfind('/') + 1);  // npos + 1 is 0
    if (spelling.ends_with(kShared)) spelling.remove_suffix(kShared.size());
    if (spelling.ends_with(kSafety)) spelling.remove_suffix(kSafety.size());
    if (spelling.starts_with(kPrefix)) spelling.remove_prefix(kPrefix.size());
    return spelling;
}

}  // namespace qvm
