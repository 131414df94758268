// SPDX-License-Identifier: Apache-2.0
#include "vcpu/exit_stats.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <new>

#include "vcpu/exit.hpp"
#include "vmm/error.hpp"
#include "vmm/units.hpp"

namespace qvm {

namespace {

constexpr std::size_t kNameSize = 64;
constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kReasons = std::variant_size_v<Exit>;

std::size_t slot_size(std::size_t devices) {
    // Each slot has pages of its own: no vCPU writes into a cache line of another.
    return align_up(
        (kReasons + devices) * sizeof(ExitTally) + sizeof(SharedCount) + kFlightRecords * sizeof(ExitRecord), kPage);
}

ExitFileHeader make_header(unsigned vcpus, std::size_t devices, std::uint64_t ticks_per_second) {
    const std::size_t names = kReasons + devices;
    return {.magic = {'Q', 'V', 'M', 'E', 'X', 'I', 'T', 'S'},
            .version = 1,
            .header_size = sizeof(ExitFileHeader),
            .vcpus = vcpus,
            .reasons = kReasons,
            .devices = static_cast<std::uint32_t>(devices),
            .buckets = kTallyBuckets,
            .records = kFlightRecords,
            .name_size = kNameSize,
            .ticks_per_second = ticks_per_second,
            .names_offset = sizeof(ExitFileHeader),
            .vcpus_offset = align_up(sizeof(ExitFileHeader) + names * kNameSize, kPage),
            .vcpu_stride = slot_size(devices)};
}

Mapping map_file(int file, const ExitFileHeader& header) {
    const std::size_t size = header.vcpus_offset + header.vcpus * header.vcpu_stride;
    // Allocated, not only extended: a full file system is an error now and no SIGBUS on a vCPU later.
    const int error = ::posix_fallocate(file, 0, static_cast<off_t>(size));
    if (error != 0) throw HostError{errno_text("cannot get room for the exit statistics", error)};
    return Mapping{"cannot map the exit statistics", file, size};
}

/// "1.2 us" from ticks, or the ticks.
std::string time_text(double ticks, std::uint64_t ticks_per_second) {
    if (ticks_per_second == 0) return fmt::format("{:.0f} ticks", ticks);
    const double ns = ticks * 1e9 / static_cast<double>(ticks_per_second);
    if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
    return ns < 1e6 ? fmt::format("{:.1f} us", ns / 1e3) : fmt::format("{:.1f} ms", ns / 1e6);
}

/// The bucket below which `share` of the exits lie, as its upper end in ticks.
double percentile(const ExitTally& tally, double share) {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(tally.count.get()));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kTallyBuckets; ++i) {
        seen += tally.histogram[i].get();
        if (seen > wanted) return static_cast<double>(1ULL << i);
    }
    return static_cast<double>(1ULL << (kTallyBuckets - 1));
}

void append_row(std::string_view name, const ExitTally& tally, std::uint64_t hz, std::string& out) {
    const std::uint64_t count = tally.count.get();
    if (count == 0) return;
    const double mean = static_cast<double>(tally.ticks.get()) / static_cast<double>(count);
    fmt::format_to(std::back_inserter(out), "\n    {:<24} {:>12}  mean {:>9}  99 % below {:>9}", name, count,
                   time_text(mean, hz), time_text(percentile(tally, 0.99), hz));
}

}  // namespace

UniqueFd anonymous_stats_file() {
    return UniqueFd{check("memfd_create for exit statistics", ::memfd_create("qvm-exits", MFD_CLOEXEC))};
}

ExitStats::ExitStats(UniqueFd file, unsigned vcpus, const std::vector<std::string>& devices,
                     std::uint64_t ticks_per_second)
    : file_{std::move(file)} {
    const ExitFileHeader header = make_header(vcpus, devices.size() + 1, ticks_per_second);
    mapping_ = map_file(file_.get(), header);
    std::byte* at = mapping_.bytes().data() + header.names_offset;
    const auto put_name = [&at](std::string_view name) {
        std::memcpy(at, name.data(), std::min(name.size(), kNameSize - 1));
        at += kNameSize;
    };
    for (const std::string_view name : kExitNames) put_name(name);
    put_name("nobody");
    for (const std::string& name : devices) put_name(name);
    std::memcpy(mapping_.bytes().data(), &header, sizeof header);
}

const ExitFileHeader& ExitStats::header() const noexcept {
    return *std::launder(reinterpret_cast<const ExitFileHeader*>(mapping_.bytes().data()));
}

std::string_view ExitStats::name(std::size_t index) const noexcept {
    const auto* text =
        reinterpret_cast<const char*>(mapping_.bytes().data() + header().names_offset + index * kNameSize);
    return {text, ::strnlen(text, kNameSize)};
}

VcpuStats ExitStats::vcpu(unsigned number) const noexcept {
    std::byte* slot = mapping_.bytes().data() + header().vcpus_offset + number * header().vcpu_stride;
    VcpuStats out;
    out.reasons_ = std::launder(reinterpret_cast<ExitTally*>(slot));
    out.devices_ = out.reasons_ + header().reasons;
    out.recorded_ = std::launder(reinterpret_cast<SharedCount*>(out.devices_ + header().devices));
    out.records_ = std::launder(reinterpret_cast<ExitRecord*>(out.recorded_ + 1));
    return out;
}

std::string ExitStats::report() const {
    std::string out;
    for (unsigned number = 0; number < vcpus(); ++number) {
        const VcpuStats slot = vcpu(number);
        fmt::format_to(std::back_inserter(out), "{}vCPU {}: {} exits", number == 0 ? "" : "\n", number,
                       slot.recorded_->get());
        for (std::size_t i = 0; i < header().reasons; ++i)
            append_row(name(i), slot.reasons_[i], header().ticks_per_second, out);
        for (std::size_t i = 1; i < header().devices; ++i)
            append_row(name(header().reasons + i), slot.devices_[i], header().ticks_per_second, out);
    }
    return out;
}

}  // namespace qvm
