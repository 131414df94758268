// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/uio.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include "vmm/error.hpp"
#include "vmm/host_text.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

/// N of "uioN", "mapN".
std::optional<unsigned> number_behind(const std::string& name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    const auto value = number_of<std::uint64_t>(std::string_view{name}.substr(prefix.size()));
    return value && *value <= UINT16_MAX ? std::optional{static_cast<unsigned>(*value)} : std::nullopt;
}

std::vector<UioDevice::Map> maps_of(const fs::path& directory) {
    std::vector<UioDevice::Map> maps;
    std::error_code error;
    for (fs::directory_iterator each{directory / "maps", error}, end; !error && each != end; each.increment(error)) {
        const auto index = number_behind(each->path().filename().string(), "map");
        const auto start = number_of<std::uint64_t>(first_line(each->path() / "addr"), 16);
        const auto size = number_of<std::uint64_t>(first_line(each->path() / "size"), 16);
        const auto at = start && size ? Range::make(*start, *size) : std::nullopt;
        if (index && at) maps.push_back({*index, *at});
    }
    std::ranges::sort(maps, {}, &UioDevice::Map::index);
    return maps;
}

/// " 13:  0  4  GICv3  34 Level  rtc" or " 16:  0  IO-APIC  16-fasteoi  eth": an interrupt's number at its controller,
/// and who has it. The counts, one per CPU, are left out, and the controller has no blank in its name.
struct InterruptRow {
    unsigned number;
    std::string owners;
};
std::optional<InterruptRow> parse_row(const std::string& line) {
    std::istringstream words{line};
    std::string word;
    if (!(words >> word) || !word.ends_with(':') || !number_of<std::uint64_t>(word.substr(0, word.size() - 1)))
        return std::nullopt;
    while (words >> word && number_of<std::uint64_t>(word)) continue;
    if (!(words >> word)) return std::nullopt;
    const auto found = number_of<std::uint64_t>(word.substr(0, word.find('-')));
    if (!found) return std::nullopt;
    std::string rest;
    std::getline(words, rest);
    return InterruptRow{static_cast<unsigned>(*found), rest};
}

/// "  Level  rtc" has it, and "  fasteoi  eth, rtc" would.
bool is_owner(std::string_view owners, std::string_view name) noexcept {
    if (!owners.ends_with(name)) return false;
    owners.remove_suffix(name.size());
    return owners.ends_with(' ');
}

/// Nothing if no interrupt, or more than one, goes by that name.
std::optional<unsigned> interrupt_of(const std::vector<InterruptRow>& rows, const std::string& name) {
    const auto ours = [&](const InterruptRow& row) { return is_owner(row.owners, name); };
    const auto found = std::ranges::find_if(rows, ours);
    if (found == rows.end() || std::ranges::count_if(rows, ours) != 1) return std::nullopt;
    return found->number;
}

std::vector<InterruptRow> interrupt_rows(const fs::path& root) {
    std::vector<InterruptRow> rows;
    std::ifstream stream{root / "proc/interrupts"};
    for (std::string line; std::getline(stream, line);)
        if (auto row = parse_row(line)) rows.push_back(std::move(*row));
    return rows;
}

}  // namespace

std::string UioDevice::title() const { return fmt::format("uio{} ({})", number, name); }

std::vector<UioDevice> uio_devices(const fs::path& root) {
    std::vector<UioDevice> all;
    const std::vector<InterruptRow> rows = interrupt_rows(root);
    std::error_code error;
    for (fs::directory_iterator each{root / "sys/class/uio", error}, end; !error && each != end;
         each.increment(error)) {
        const auto found = number_behind(each->path().filename().string(), "uio");
        if (!found) continue;
        UioDevice device{.number = *found, .name = first_line(each->path() / "name"), .maps = maps_of(each->path())};
        std::error_code none;
        if (fs::read_symlink(each->path() / "device/driver", none).filename() == "uio_pci_generic")
            device.config = each->path() / "device/config";
        device.interrupt = interrupt_of(rows, device.name);
        all.push_back(std::move(device));
    }
    std::ranges::sort(all, {}, &UioDevice::number);
    return all;
}

UniqueFd open_uio(const UioDevice& device, const fs::path& root) {
    const fs::path path = root / "dev" / fmt::format("uio{}", device.number);
    UniqueFd file{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK)};
    if (file.get() >= 0) return file;
    throw HostError{errno_text(fmt::format("cannot open {} for {}", path.string(), device.name), errno) +
                    "\n  run as root, or let a udev rule for SUBSYSTEM==\"uio\" give it to this user"};
}

UioInterrupt::UioInterrupt(const UioDevice& device, UniqueFd file) : file_{std::move(file)} {
    if (!device.config.empty()) config_ = UniqueFd{::open(device.config.c_str(), O_RDWR | O_CLOEXEC)};
    if (set(false)) return;
    throw HostError{errno_text(fmt::format("{} has no interrupt that can be masked", device.title()), errno) +
                    "\n  its driver must be uio_pdrv_genirq, uio_pci_generic or one that knows irqcontrol, and its "
                    "node in the device "
                    "tree must name the interrupt"};
}

/// The next user finds it masked, as the guest's device may pull for good.
UioInterrupt::~UioInterrupt() { (void)set(false); }

bool UioInterrupt::set(bool enabled) const noexcept {
    if (config_.get() >= 0) return set_pin(enabled);
    const std::int32_t value = enabled ? 1 : 0;
    return ::write(file_.get(), &value, sizeof value) == sizeof value;
}

bool UioInterrupt::set_pin(bool enabled) const noexcept {
    constexpr off_t kCommand = 4;  // PCI Local Bus Specification 3.0, 6.2.2
    constexpr unsigned kInterruptDisable = 1U << 10;
    constexpr ssize_t kSize = 2;
    std::array<std::uint8_t, kSize> bytes{};
    if (::pread(config_.get(), bytes.data(), bytes.size(), kCommand) != kSize) return false;
    const unsigned command = bytes[0] + bytes[1] * 256U;
    const unsigned wanted = enabled ? command & ~kInterruptDisable : command | kInterruptDisable;
    bytes = {static_cast<std::uint8_t>(wanted), static_cast<std::uint8_t>(wanted >> 8)};
    return ::pwrite(config_.get(), bytes.data(), bytes.size(), kCommand) == kSize;
}

/// The kernel counts them; how many is of no interest, since it is masked from the first on.
HostInterrupt::Taken UioInterrupt::take() noexcept {
    std::int32_t count = 0;
    if (::read(file_.get(), &count, sizeof count) == sizeof count) return Taken::Fired;
    return errno == EAGAIN || errno == EINTR ? Taken::Nothing : Taken::Gone;
}

}  // namespace qvm
