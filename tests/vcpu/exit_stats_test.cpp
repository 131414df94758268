// SPDX-License-Identifier: Apache-2.0
// The statistics file, read as another process would read it.
#include "vcpu/exit_stats.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

using namespace qvm;

namespace {

/// By the documented layout only.
class FileView {
public:
    explicit FileView(std::span<const std::byte> bytes) : bytes_{bytes} {
        std::memcpy(&header, bytes.data(), sizeof header);
    }
    [[nodiscard]] std::string name(std::size_t index) const {
        return reinterpret_cast<const char*>(bytes_.data() + header.names_offset + index * header.name_size);
    }
    [[nodiscard]] std::uint64_t number(std::uint64_t offset) const {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes_.data() + offset, sizeof value);
        return value;
    }
    [[nodiscard]] std::uint64_t reason(unsigned vcpu, std::size_t reason) const {
        return header.vcpus_offset + vcpu * header.vcpu_stride + reason * (2 + header.buckets) * 8;
    }
    [[nodiscard]] std::uint64_t device(unsigned vcpu, std::size_t device) const {
        return reason(vcpu, header.reasons + device);
    }
    [[nodiscard]] std::uint64_t recorded(unsigned vcpu) const { return device(vcpu, header.devices); }
    [[nodiscard]] std::uint64_t record(unsigned vcpu, std::uint64_t index) const {
        return recorded(vcpu) + 8 + index * 32;
    }

    ExitFileHeader header{};

private:
    std::span<const std::byte> bytes_;
};

}  // namespace

TEST_CASE("the statistics file says what is in it") {
    const ExitStats stats{anonymous_stats_file(), 2, {"com1", std::string(100, 'x')}, 2'400'000'000};
    const FileView file{stats.bytes()};
    CHECK(std::string{file.header.magic.data(), 8} == "QVMEXITS");
    CHECK(file.header.version == 1);
    CHECK(file.header.header_size == sizeof(ExitFileHeader));
    CHECK(file.header.vcpus == 2);
    CHECK(file.header.devices == 3);
    CHECK(file.header.ticks_per_second == 2'400'000'000);
    CHECK(file.name(0) == "port in");
    CHECK(file.name(file.header.reasons) == "nobody");
    CHECK(file.name(file.header.reasons + 1) == "com1");
    CHECK(file.name(file.header.reasons + 2) == std::string(63, 'x'));
    CHECK(stats.bytes().size() == file.header.vcpus_offset + 2 * file.header.vcpu_stride);
}

TEST_CASE("an exit is counted in the bucket of its time, on its own vCPU") {
    const ExitStats stats{anonymous_stats_file(), 2, {"com1"}, 0};
    VcpuStats slot = stats.vcpu(1);
    slot.add(2, 1, 1000, 1005, 0x3f8);
    slot.add(2, 1, 2000, 2000, 0x3f9);
    const FileView file{stats.bytes()};
    const std::uint64_t reason = file.reason(1, 2);
    CHECK(file.number(reason) == 2);
    CHECK(file.number(reason + 8) == 5);
    CHECK(file.number(reason + 16) == 1);          // no time at all
    CHECK(file.number(reason + 16 + 3 * 8) == 1);  // 4 to 7 ticks
    CHECK(file.number(file.device(1, 1)) == 2);
    CHECK(file.number(file.device(1, 0)) == 0);
    CHECK(file.number(file.reason(0, 2)) == 0);
    CHECK(file.number(file.recorded(1)) == 2);
    CHECK(file.number(file.record(1, 0)) == 1000);
    CHECK(file.number(file.record(1, 0) + 8) == (2U | 1U << 16 | 5ULL << 32));
    CHECK(file.number(file.record(1, 1) + 16) == 0x3f9);
}

TEST_CASE("the flight recorder keeps the last exits") {
    const ExitStats stats{anonymous_stats_file(), 1, {}, 0};
    VcpuStats slot = stats.vcpu(0);
    for (std::uint64_t i = 0; i < kFlightRecords + 3; ++i) slot.add(0, 0, i, i, i);
    const FileView file{stats.bytes()};
    CHECK(file.number(file.recorded(0)) == kFlightRecords + 3);
    CHECK(file.number(file.record(0, 2)) == kFlightRecords + 2);
    CHECK(file.number(file.record(0, 3)) == 3);
}

TEST_CASE("times beyond all buckets are in the last one, and are cut in a record") {
    const ExitStats stats{anonymous_stats_file(), 1, {}, 0};
    VcpuStats slot = stats.vcpu(0);
    slot.add(0, 0, 0, UINT64_MAX, 0);
    const FileView file{stats.bytes()};
    CHECK(file.number(file.reason(0, 0) + 16 + (kTallyBuckets - 1) * 8) == 1);
    CHECK(file.number(file.record(0, 0) + 8) >> 32 == UINT32_MAX);
}

TEST_CASE("statistics that nobody wants cost nothing and crash nothing") {
    VcpuStats none;
    none.add(3, 5, 1, 2, 3);
}
