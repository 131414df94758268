// SPDX-License-Identifier: Apache-2.0
#include "ops/pass_binding.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecords = "run/qvm-pass";
// An empty string would be no write at all; the kernel takes a line end for "none".
constexpr const char* kNothing = "\n";
// Linux 6.1, drivers/vfio/platform/vfio_platform.c.
constexpr const char* kResetHint = "; what no module can reset it takes with vfio-platform.reset_required=0 only";

fs::path bus_of(const PassTarget& target) { return fs::path{"sys/bus"} / target.bus; }

fs::path device_file(const PassTarget& target, const char* name) {
    return bus_of(target) / "devices" / target.name / name;
}

void write_once(const fs::path& file, const std::string& value) {
    const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    if (fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size())) return;
    const int error = errno;
    const char* hint = error == EACCES || error == EPERM ? "\n  run this as root" : "";
    throw HostError{errno_text(fmt::format("cannot write to {}", file.string()), error) + hint};
}

}  // namespace

PassTarget::PassTarget(const HostPciFunction& function)
    : bus{"pci"},
      name{function.address.text()},
      driver{function.driver},
      driver_override{function.driver_override},
      vfio{kVfioPci} {}

PassTarget::PassTarget(const HostChip& chip)
    : bus{chip.bus}, name{chip.name}, driver{chip.driver}, driver_override{chip.driver_override}, vfio{chip.vfio()} {}

fs::path PassBinding::record_file(const PassTarget& target) const { return root_ / kRecords / target.name; }

std::optional<PassBinding::Record> PassBinding::recorded(const PassTarget& target) const {
    std::ifstream file{record_file(target)};
    Record record;
    if (!std::getline(file, record.driver) || !std::getline(file, record.driver_override)) return std::nullopt;
    return record;
}

/// What was remembered first is what the host had: a second bind does not change it.
void PassBinding::remember(const PassTarget& target) const {
    if (recorded(target)) return;
    const fs::path file = record_file(target);
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out{file};
    out << target.driver << '\n' << target.driver_override << '\n' << std::flush;
    if (!out) throw HostError{fmt::format("cannot remember the driver of {} in {}", target.name, file.string())};
}

std::vector<SysfsWrite> PassBinding::bind_steps(const PassTarget& target) const {
    const std::string address = target.name;
    std::vector<SysfsWrite> steps{{device_file(target, "driver_override"), target.vfio}};
    if (target.driver == target.vfio) return steps;
    if (!target.driver.empty()) steps.push_back({device_file(target, "driver") / "unbind", address});
    steps.push_back({bus_of(target) / "drivers_probe", address});
    return steps;
}

std::vector<SysfsWrite> PassBinding::restore_steps(const PassTarget& target) const {
    const std::string address = target.name;
    const Record record = recorded(target).value_or(Record{});
    std::vector<SysfsWrite> steps;
    steps.push_back(
        {device_file(target, "driver_override"), record.driver_override.empty() ? kNothing : record.driver_override});
    if (!target.driver.empty() && target.driver != record.driver)
        steps.push_back({device_file(target, "driver") / "unbind", address});
    if (target.driver != record.driver || record.driver.empty())
        steps.push_back({bus_of(target) / "drivers_probe", address});
    return steps;
}

void PassBinding::bind(const PassTarget& target) const {
    std::error_code none;
    if (!fs::exists(root_ / bus_of(target) / "drivers" / target.vfio, none))
        throw HostError{fmt::format("the kernel has no driver {0}\n  load it: modprobe {0}", target.vfio)};
    remember(target);
    run(bind_steps(target));
    const std::string driver = driver_now(target);
    if (driver != target.vfio)
        throw HostError{fmt::format("{} did not take {}: {} has it\n  the kernel's log says why (dmesg){}", target.vfio,
                                    target.name, driver.empty() ? "nobody" : driver,
                                    target.bus == "platform" ? kResetHint : "")};
}

void PassBinding::restore(const PassTarget& target) const {
    run(restore_steps(target));
    std::error_code none;
    fs::remove(record_file(target), none);
}

void PassBinding::run(const std::vector<SysfsWrite>& steps) const {
    for (const SysfsWrite& step : steps) write_once(root_ / step.file, step.value);
}

std::string PassBinding::driver_now(const PassTarget& target) const {
    std::error_code none;
    return fs::read_symlink(root_ / device_file(target, "driver"), none).filename().string();
}

}  // namespace qvm
