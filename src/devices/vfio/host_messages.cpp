// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_messages.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "vmm/host_text.hpp"
#include "vmm/unique_fd.hpp"

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

/// The numbers of the host's interrupts, as text.
std::vector<fs::path> vectors_of(const std::string& function, const fs::path& root) {
    std::vector<fs::path> all;
    std::error_code error;
    fs::directory_iterator each{root / "sys/bus/pci/devices" / function / "msi_irqs", error};
    for (const fs::directory_iterator end; !error && each != end; each.increment(error))
        all.push_back(each->path().filename());
    return all;
}

/// Of "vfio-msix[3](0000:01:00.0)": 3. What has no handler has no name.
std::optional<unsigned> vector_of(const std::string& name) {
    const std::size_t open = name.find('[');
    unsigned vector = 0;
    if (open == std::string::npos) return std::nullopt;
    const auto [end, error] = std::from_chars(name.data() + open + 1, name.data() + name.size(), vector);
    return error == std::errc{} ? std::optional{vector} : std::nullopt;
}

/// One write, and no line end: the kernel judges each write by itself.
bool write_whole(const fs::path& file, const std::string& text) {
    const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

std::uint64_t host_messages(const std::string& function, const fs::path& root) {
    std::uint64_t sum = 0;
    for (const fs::path& vector : vectors_of(function, root))
        sum += sum_of(first_line(root / "sys/kernel/irq" / vector / "per_cpu_count"));
    return sum;
}

unsigned place_host_messages(const std::string& function, std::span<const CpuList> by_vector, const fs::path& root) {
    const auto wanted = std::ranges::count_if(by_vector, [](const CpuList& cpus) { return !cpus.empty(); });
    if (wanted == 0) return 0;
    std::ptrdiff_t placed = 0;
    for (const fs::path& interrupt : vectors_of(function, root)) {
        const auto vector = vector_of(first_line(root / "sys/kernel/irq" / interrupt / "actions"));
        if (!vector || *vector >= by_vector.size() || by_vector[*vector].empty()) continue;
        const std::string list = fmt::format("{}", fmt::join(by_vector[*vector], ","));
        if (write_whole(root / "proc/irq" / interrupt / "smp_affinity_list", list)) ++placed;
    }
    return static_cast<unsigned>(std::max<std::ptrdiff_t>(wanted - placed, 0));
}

}  // namespace qvm
