// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_messages.hpp"

#include <charconv>
#include <fstream>

namespace qvm {
namespace {

namespace fs = std::filesystem;

/// Of "12,0,7": one number for each CPU.
std::uint64_t sum_of(const std::string& line) {
    std::uint64_t sum = 0;
    const char* const end = line.data() + line.size();
    for (const char* at = line.data(); at < end;) {
        std::uint64_t value = 0;
        const auto [next, error] = std::from_chars(at, end, value);
        if (error != std::errc{}) break;
        sum += value;
        at = next + 1;
    }
    return sum;
}

}  // namespace

std::uint64_t host_messages(const std::string& function, const fs::path& root) {
    std::uint64_t sum = 0;
    std::error_code error;
    fs::directory_iterator each{root / "sys/bus/pci/devices" / function / "msi_irqs", error};
    for (const fs::directory_iterator end; !error && each != end; each.increment(error)) {
        std::ifstream file{root / "sys/kernel/irq" / each->path().filename() / "per_cpu_count"};
        std::string line;
        if (std::getline(file, line)) sum += sum_of(line);
    }
    return sum;
}

}  // namespace qvm
