// SPDX-License-Identifier: Apache-2.0
// How often each vCPU left guest code, why, for whom and for how long, and its last exits. All of it lies in one file
// that other processes may map and read at any time: each number has one writer, which takes no lock.
//
// The file, version 1; little-endian on every supported host, all offsets in bytes from its start:
//     ExitFileHeader                       at 0
//     names, kNameSize bytes each          at names_offset: those of the reasons, then those of the devices
//     a slot per vCPU                      at vcpus_offset, vcpu_stride bytes apart:
//         ExitTally[reasons]
//         ExitTally[devices]               device 0 is nobody: what no device claimed, and exits that are for none
//         std::uint64_t recorded           exits since the start; the newest record is (recorded - 1) % records
//         ExitRecord[records]
// A reader may see a record half new: its `begin` is then not between those of its neighbours.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/mapping.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// A number with one writer and any number of readers, also in other processes.
class SharedCount {
public:
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    /// No read-modify-write instruction: nobody else writes.
    void add(std::uint64_t amount) noexcept { set(get() + amount); }

private:
    std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(SharedCount) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

inline constexpr std::size_t kTallyBuckets = 40;
inline constexpr std::size_t kFlightRecords = 256;

/// Exits of one kind on one vCPU.
struct ExitTally {
    SharedCount count;
    SharedCount ticks;  ///< of handling, from the end of KVM_RUN to its next begin
    /// [n]: exits whose handling took at least 2^(n-1) and less than 2^n ticks; the last one has all that took longer.
    std::array<SharedCount, kTallyBuckets> histogram;

    void add(std::uint64_t duration) noexcept {
        count.add(1);
        ticks.add(duration);
        histogram[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(duration)), kTallyBuckets - 1)].add(1);
    }
};

/// One exit in the flight recorder.
struct ExitRecord {
    SharedCount begin;  ///< ticks when KVM_RUN returned
    SharedCount what;   ///< bits 0-15 reason, 16-31 device, 32-63 ticks of handling, at most 2^32 - 1
    SharedCount where;  ///< port, guest-physical address, MSR number or vector, by the reason
    SharedCount reserved;
};

struct ExitFileHeader {
    std::array<char, 8> magic;  ///< "QVMEXITS"
    std::uint32_t version;      ///< 1
    std::uint32_t header_size;
    std::uint32_t vcpus;
    std::uint32_t reasons;
    std::uint32_t devices;
    std::uint32_t buckets;
    std::uint32_t records;
    std::uint32_t name_size;
    std::uint64_t ticks_per_second;  ///< 0: not known
    std::uint64_t names_offset;
    std::uint64_t vcpus_offset;
    std::uint64_t vcpu_stride;
};

/// The slot of one vCPU, for its thread.
class VcpuStats {
public:
    /// One that counts nothing.
    VcpuStats() = default;

    /// On the vCPU's thread only. `reason` and `device` must be below the numbers that the file was made for.
    void add(std::size_t reason, std::size_t device, std::uint64_t begin, std::uint64_t end,
             std::uint64_t where) noexcept {
        if (reasons_ == nullptr) return;
        const std::uint64_t duration = end - begin;
        reasons_[reason].add(duration);
        devices_[device].add(duration);
        const std::uint64_t number = recorded_->get();
        ExitRecord& record = records_[number % kFlightRecords];
        record.begin.set(begin);
        record.what.set(reason | device << 16 | std::min<std::uint64_t>(duration, UINT32_MAX) << 32);
        record.where.set(where);
        recorded_->set(number + 1);
    }

private:
    friend class ExitStats;
    ExitTally* reasons_ = nullptr;
    ExitTally* devices_ = nullptr;
    SharedCount* recorded_ = nullptr;
    ExitRecord* records_ = nullptr;
};

/// The file. Made before the vCPUs run; outlives them.
class ExitStats {
public:
    /// An exit's device is nobody.
    static constexpr std::size_t kNobody = 0;

    /// `file` becomes the statistics of that many vCPUs; `devices` are the names of devices 1 and up. Names are cut to
    /// what the file has room for. Throws HostError.
    ExitStats(UniqueFd file, unsigned vcpus, const std::vector<std::string>& devices, std::uint64_t ticks_per_second);

    [[nodiscard]] VcpuStats vcpu(unsigned number) const noexcept;
    [[nodiscard]] unsigned vcpus() const noexcept { return header().vcpus; }
    /// The whole file as it is now.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return mapping_.bytes(); }
    /// For people: per vCPU a line for each reason and each device that had exits. From any thread.
    [[nodiscard]] std::string report() const;

private:
    [[nodiscard]] const ExitFileHeader& header() const noexcept;
    [[nodiscard]] std::string_view name(std::size_t index) const noexcept;

    UniqueFd file_;
    Mapping mapping_;
};

/// A file of no name, for those who want no other process to read it. Throws HostError.
[[nodiscard]] UniqueFd anonymous_stats_file();

}  // namespace qvm
