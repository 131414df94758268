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

constexpr const char* kPci = "sys/bus/pci";
constexpr const char* kRecords = "run/qvm-pass";
// An empty string would be no write at all; the kernel takes a line end for "none".
constexpr const char* kNothing = "\n";

fs::path device_file(const HostPciFunction& function, const char* name) {
    return fs::path{kPci} / "devices" / function.address.text() / name;
}

void write_once(const fs::path& file, const std::string& value) {
    const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    if (fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size())) return;
    const int error = errno;
    const char* hint = error == EACCES || error == EPERM ? "\n  run this as root" : "";
    throw HostError{errno_text(fmt::format("cannot write to {}", file.string()), error) + hint};
}

}  // namespace

fs::path PassBinding::record_file(const HostPciFunction& function) const {
    return root_ / kRecords / function.address.text();
}

std::optional<PassBinding::Record> PassBinding::recorded(const HostPciFunction& function) const {
    std::ifstream file{record_file(function)};
    Record record;
    if (!std::getline(file, record.driver) || !std::getline(file, record.driver_override)) return std::nullopt;
    return record;
}

/// What was remembered first is what the host had: a second bind does not change it.
void PassBinding::remember(const HostPciFunction& function) const {
    if (recorded(function)) return;
    const fs::path file = record_file(function);
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out{file};
    out << function.driver << '\n' << function.driver_override << '\n' << std::flush;
    if (!out)
        throw HostError{fmt::format("cannot remember the driver of {} in {}", function.address.text(), file.string())};
}

std::vector<SysfsWrite> PassBinding::bind_steps(const HostPciFunction& function) const {
    const std::string address = function.address.text();
    std::vector<SysfsWrite> steps{{device_file(function, "driver_override"), std::string{kVfioPci}}};
    if (function.driver == kVfioPci) return steps;
    if (!function.driver.empty()) steps.push_back({device_file(function, "driver") / "unbind", address});
    steps.push_back({fs::path{kPci} / "drivers_probe", address});
    return steps;
}

std::vector<SysfsWrite> PassBinding::restore_steps(const HostPciFunction& function) const {
    const std::string address = function.address.text();
    const Record record = recorded(function).value_or(Record{});
    std::vector<SysfsWrite> steps;
    steps.push_back(
        {device_file(function, "driver_override"), record.driver_override.empty() ? kNothing : record.driver_override});
    if (!function.driver.empty() && function.driver != record.driver)
        steps.push_back({device_file(function, "driver") / "unbind", address});
    if (function.driver != record.driver || record.driver.empty())
        steps.push_back({fs::path{kPci} / "drivers_probe", address});
    return steps;
}

void PassBinding::bind(const HostPciFunction& function) const {
    std::error_code none;
    if (!fs::exists(root_ / kPci / "drivers" / kVfioPci, none))
        throw HostError{"the kernel has no driver vfio-pci\n  load it: modprobe vfio-pci"};
    remember(function);
    run(bind_steps(function));
    const std::string driver = driver_now(function);
    if (driver != kVfioPci)
        throw HostError{fmt::format("vfio-pci did not take {}: {} has it\n  the kernel's log says why (dmesg)",
                                    function.address.text(), driver.empty() ? "nobody" : driver)};
}

void PassBinding::restore(const HostPciFunction& function) const {
    run(restore_steps(function));
    std::error_code none;
    fs::remove(record_file(function), none);
}

void PassBinding::run(const std::vector<SysfsWrite>& steps) const {
    for (const SysfsWrite& step : steps) write_once(root_ / step.file, step.value);
}

std::string PassBinding::driver_now(const HostPciFunction& function) const {
    std::error_code none;
    return fs::read_symlink(root_ / device_file(function, "driver"), none).filename().string();
}

}  // namespace qvm
