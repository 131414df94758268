// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/posted_interrupts.hpp"

#include <cstdint>
#include <fstream>
#include <string>

#include "vmm/host_text.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kPostedInterrupts = 59;  // of Intel's CAP_REG
constexpr unsigned kGuestApic = 7;          // of AMD's extended features

bool is_on(const fs::path& parameter) {
    const std::string value = first_line(parameter);
    return value == "Y" || value == "1";
}

/// Whether all IOMMUs that say anything in `file`, a hexadecimal number, have this bit; at least one must.
bool iommus_have(const fs::path& root, const char* file, unsigned bit) {
    unsigned with = 0, without = 0;
    std::error_code error;
    fs::directory_iterator each{root / "sys/class/iommu", error};
    for (const fs::directory_iterator end; !error && each != end; each.increment(error)) {
        const std::string text = first_line(each->path() / file);
        const auto value = number_of<std::uint64_t>(text.substr(0, text.find(':')), 16);  // later kernels add a second
        if (value) ++((*value >> bit & 1) != 0 ? with : without);
    }
    return with != 0 && without == 0;
}

bool has_doorbells(const fs::path& interrupts) {
    std::ifstream stream{interrupts};
    for (std::string line; std::getline(stream, line);)
        if (line.find("GICv4") != std::string::npos) return true;
    return false;
}

}  // namespace

std::string_view posted_interrupts(const fs::path& root) {
    const fs::path modules = root / "sys/module";
    if (is_on(modules / "kvm_intel/parameters/enable_apicv") && iommus_have(root, "intel-iommu/cap", kPostedInterrupts))
        return "Intel's posted interrupts";
    if (is_on(modules / "kvm_amd/parameters/avic") && iommus_have(root, "amd-iommu/features", kGuestApic))
        return "AMD's AVIC";
    return has_doorbells(root / "proc/interrupts") ? "GICv4" : "";
}

}  // namespace qvm
