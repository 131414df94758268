// SPDX-License-Identifier: Apache-2.0
// What an operator does around VMs. So far: hands devices of the host over to guests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/json_text.hpp"
#include "devices/platform/uio.hpp"
#include "ops/pass_binding.hpp"
#include "vmm/error.hpp"

namespace {

using namespace qvm;

constexpr int kExitUsage = 65;
constexpr int kExitHost = 64;

struct PassArguments {
    bool json = false;
    bool dry_run = false;
    bool force = false;
    std::vector<std::string> addresses{};
};

/// The user asked for something that is not there or not sensible.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

std::string_view word_of(PassVerdict::Kind kind) {
    switch (kind) {
        case PassVerdict::Kind::Ready:
            return "ready";
        case PassVerdict::Kind::NeedsBind:
            return "needs-bind";
        case PassVerdict::Kind::Impossible:
            return "impossible";
    }
    return "";
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::string to_json(const HostPciFunction& function, const PassVerdict& verdict) {
    JsonObject object;
    object.text("address", function.address.text());
    object.text("id", fmt::format("{:04x}:{:04x}", function.id.vendor, function.id.device));
    object.text("class", fmt::format("{:06x}", function.class_code));
    object.text("driver", function.driver);
    if (function.group) object.number("group", *function.group);
    object.text("verdict", word_of(verdict.kind));
    object.text("why", verdict.why);
    object.raw("in_use", json_array(function.in_use, [](const std::string& each) { return json_string(each); }));
    return object.done();
}

std::string to_json(const UioDevice& device) {
    const auto map = [](const UioDevice::Map& each) {
        return JsonObject{}
            .text("start", fmt::format("{:#x}", each.at.start()))
            .text("size", fmt::format("{:#x}", each.at.size()))
            .done();
    };
    JsonObject object;
    object.number("uio", device.number).text("name", device.name).raw("maps", json_array(device.maps, map));
    if (device.interrupt) object.number("interrupt", *device.interrupt);
    return object.text("verdict", "ready").done();
}

/// What is not on PCI, if there is any.
void list_uio(const std::vector<UioDevice>& devices) {
    if (devices.empty()) return;
    constexpr const char* kRow = "{:<8} {:<20} {:>9}  {}\n";
    fmt::print("\n");
    fmt::print(kRow, "UIO", "NAME", "INTERRUPT", "REGISTERS");
    for (const UioDevice& each : devices) {
        std::vector<std::string> maps;
        for (const UioDevice::Map& map : each.maps)
            maps.push_back(fmt::format("{:#x},{:#x}", map.at.start(), map.at.size()));
        fmt::print(kRow, fmt::format("uio{}", each.number), each.name,
                   each.interrupt ? std::to_string(*each.interrupt) : "-", maps.empty() ? "-" : joined(maps));
    }
}

/// Those of the others that could be passed, now or after a bind.
std::vector<HostChip> passable_chips(const std::vector<HostChip>& all) {
    std::vector<HostChip> chips = all;
    std::erase_if(chips,
                  [&](const HostChip& each) { return judge_pass(each, all).kind == PassVerdict::Kind::Impossible; });
    return chips;
}

std::string registers_of(const HostChip& chip) {
    std::vector<std::string> all;
    for (const Range& each : chip.registers) all.push_back(fmt::format("{:#x},{:#x}", each.start(), each.size()));
    return joined(all);
}

std::string to_json(const HostChip& chip, const PassVerdict& verdict) {
    const auto range = [](const Range& each) {
        return JsonObject{}
            .text("start", fmt::format("{:#x}", each.start()))
            .text("size", fmt::format("{:#x}", each.size()))
            .done();
    };
    JsonObject object;
    object.text("name", chip.name).text("bus", chip.bus).text("driver", chip.driver);
    if (chip.group) object.number("group", *chip.group);
    object.text("verdict", word_of(verdict.kind)).text("why", verdict.why);
    return object.raw("registers", json_array(chip.registers, range)).done();
}

void list_chips(const std::vector<HostChip>& all) {
    const std::vector<HostChip> chips = passable_chips(all);
    if (chips.empty()) return;
    constexpr const char* kRow = "{:<20} {:>5}  {:<16} {:<26} {}\n";
    fmt::print("\n");
    fmt::print(kRow, "PLATFORM", "GROUP", "DRIVER", "REGISTERS", "FOR A GUEST");
    for (const HostChip& each : chips) {
        const PassVerdict judged = judge_pass(each, all);
        fmt::print(kRow, each.name, each.group ? std::to_string(*each.group) : "-",
                   each.driver.empty() ? "-" : each.driver, registers_of(each),
                   judged.kind == PassVerdict::Kind::Ready ? "ready" : judged.why);
    }
}

void list(const PassArguments& arguments) {
    const auto all = host_pci_functions();
    const auto chips = host_chips();
    const auto uio = uio_devices();
    const auto verdict = [&](const HostPciFunction& each) { return judge_pass(each, all); };
    if (arguments.json) {
        const auto functions =
            json_array(all, [&](const HostPciFunction& each) { return to_json(each, verdict(each)); });
        const auto others = json_array(uio, [](const UioDevice& each) { return to_json(each); });
        const auto platform = json_array(passable_chips(chips),
                                         [&](const HostChip& each) { return to_json(each, judge_pass(each, chips)); });
        fmt::print("{}\n", JsonObject{}.raw("pci", functions).raw("platform", platform).raw("uio", others).done());
        return;
    }
    constexpr const char* kRow = "{:<13} {:>5}  {:<9}  {:<6}  {:<16} {}\n";
    fmt::print(kRow, "ADDRESS", "GROUP", "ID", "CLASS", "DRIVER", "FOR A GUEST");
    for (const HostPciFunction& each : all) {
        const PassVerdict judged = verdict(each);
        std::string remark = judged.kind == PassVerdict::Kind::Ready ? "ready" : judged.why;
        if (!each.in_use.empty()) remark += fmt::format(" ({})", joined(each.in_use));
        fmt::print(kRow, each.address.text(), each.group ? std::to_string(*each.group) : "-",
                   fmt::format("{:04x}:{:04x}", each.id.vendor, each.id.device), fmt::format("{:06x}", each.class_code),
                   each.driver.empty() ? "-" : each.driver, remark);
    }
    list_chips(chips);
    list_uio(uio);
}

/// Something that `bind` and `unbind` can be told to take.
struct Candidate {
    PassTarget target;
    PassVerdict verdict;
    std::vector<std::string> in_use{};  ///< what the host does with it
};

std::vector<Candidate> candidates() {
    std::vector<Candidate> all;
    const auto functions = host_pci_functions();
    const auto chips = host_chips();
    all.reserve(functions.size() + chips.size());
    for (const HostPciFunction& each : functions) all.push_back({each, judge_pass(each, functions), each.in_use});
    for (const HostChip& each : chips) all.push_back({each, judge_pass(each, chips)});
    return all;
}

std::vector<Candidate> chosen(const PassArguments& arguments) {
    const auto all = candidates();
    std::vector<Candidate> wanted;
    for (const std::string& word : arguments.addresses) {
        const auto address = HostPciAddress::parse(word);
        const std::string name = address ? address->text() : word;
        const auto found = std::ranges::find(all, name, [](const Candidate& each) { return each.target.name; });
        if (found == all.end())
            throw UsageError{fmt::format("there is no device {} to pass\n  'qvmctl pass list' names them", name)};
        wanted.push_back(*found);
    }
    return wanted;
}

void demand_bindable(const Candidate& each, bool force) {
    if (each.verdict.kind == PassVerdict::Kind::Impossible)
        throw UsageError{fmt::format("{} cannot be passed: {}", each.target.name, each.verdict.why)};
    if (!each.in_use.empty() && !force)
        throw UsageError{fmt::format("the host uses {}: {}\n  end that first, or take it all the same with --force",
                                     each.target.name, joined(each.in_use))};
}

void show(const std::vector<SysfsWrite>& steps) {
    for (const SysfsWrite& step : steps)
        fmt::print("echo {} > /{}\n", step.value == "\n" ? "" : step.value, step.file.string());
}

void bind(const PassArguments& arguments) {
    const auto wanted = chosen(arguments);
    for (const Candidate& each : wanted) demand_bindable(each, arguments.force);
    const PassBinding binding;
    for (const auto& [target, verdict, in_use] : wanted) {
        if (arguments.dry_run) {
            show(binding.bind_steps(target));
            continue;
        }
        binding.bind(target);
        fmt::print("{}: {} has it{}\n", target.name, target.vfio,
                   target.driver.empty() || target.driver == target.vfio ? "" : ", in place of " + target.driver);
    }
    if (arguments.dry_run) return;
    for (const Candidate& each : chosen(arguments))
        if (each.verdict.kind != PassVerdict::Kind::Ready)
            fmt::print("{}: not ready yet: {}\n", each.target.name, each.verdict.why);
}

void restore(const PassArguments& arguments) {
    const PassBinding binding;
    for (const Candidate& each : chosen(arguments)) {
        if (arguments.dry_run) {
            show(binding.restore_steps(each.target));
            continue;
        }
        binding.restore(each.target);
        fmt::print("{}: back with the host\n", each.target.name);
    }
}

void add_addresses(CLI::App& command, PassArguments& arguments) {
    command
        .add_option("address", arguments.addresses,
                    "PCI functions of the host, as 0000:01:00.0, or platform devices, as 9010000.rtc")
        ->type_name("ADDRESS")
        ->required();
    command.add_flag("--dry-run", arguments.dry_run, "Print what would be written to sysfs, and write nothing");
}

int run(int argc, char** argv) {
    CLI::App app{"Helps to run virtual machines with qvm.", "qvmctl"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "qvmctl " QVM_VERSION);
    PassArguments arguments;
    CLI::App* const pass = app.add_subcommand("pass", "Devices of the host for guests (pass ...)");
    pass->require_subcommand(1);
    CLI::App* const listing = pass->add_subcommand(
        "list", "PCI functions and platform devices, and whether a guest can have them; UIO devices");
    listing->add_flag("--json", arguments.json, "For programs");
    listing->callback([&] { list(arguments); });
    CLI::App* const binding = pass->add_subcommand("bind", "Take them from their drivers, to VFIO's");
    add_addresses(*binding, arguments);
    binding->add_flag("--force", arguments.force, "Also what the host is using");
    binding->callback([&] { bind(arguments); });
    CLI::App* const unbinding = pass->add_subcommand("unbind", "Give them back to the drivers that they had");
    add_addresses(*unbinding, arguments);
    unbinding->callback([&] { restore(arguments); });
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const UsageError& error) {
        fmt::print(stderr, "qvmctl: error: {}\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        fmt::print(stderr, "qvmctl: error: {}\n", error.what());
        return kExitHost;
    }
}
