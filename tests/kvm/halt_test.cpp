// SPDX-License-Identifier: Apache-2.0
// What the kernel itself counts of a guest's halts (KVM API, 4.133 KVM_GET_STATS_FD) shows what the settings change.
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kvm/bare_vm.hpp"
#include "kvm/guest.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

/// This process's own descriptor of its only vCPU.
int vcpu_fd() {
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;  // the iterator's own
        if (std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:kvm-vcpu:0")
            return std::stoi(entry.path().filename());
    }
    return -1;
}

template <typename T>
T read_at(int fd, std::uint64_t offset) {
    T value{};
    REQUIRE(::pread(fd, &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
    return value;
}

/// The kernel's struct kvm_stats_desc without its name; the C++ sizeof of that one counts a flexible array.
struct Description {
    std::uint32_t flags;
    std::int16_t exponent;
    std::uint16_t size;
    std::uint32_t offset;
    std::uint32_t bucket_size;
};

/// The first value of every statistic of a vCPU; empty if this kernel has none.
Counts statistics(int vcpu) {
    const UniqueFd fd{::ioctl(vcpu, KVM_GET_STATS_FD, nullptr)};
    if (!fd) return {};
    const auto header = read_at<kvm_stats_header>(fd.get(), 0);
    Counts counts;
    for (unsigned i = 0; i < header.num_desc; ++i) {
        const std::uint64_t at = header.desc_offset + i * (sizeof(Description) + header.name_size);
        const auto description = read_at<Description>(fd.get(), at);
        std::vector<char> name(header.name_size + 1);
        REQUIRE(::pread(fd.get(), name.data(), header.name_size, static_cast<off_t>(at + sizeof description)) ==
                static_cast<ssize_t>(header.name_size));
        counts[name.data()] = read_at<std::uint64_t>(fd.get(), header.data_offset + description.offset);
    }
    return counts;
}

/// Of a guest that halts a hundred times.
Counts halting_with(const std::string& settings) {
    BareVm vm{config_text({.kernel = guest_file("hlt_often.elf"), .more = settings})};
    Counts counts;
    CHECK(vm.run([&] { counts = statistics(vcpu_fd()); }) == EndCause::PowerOff);
    if (counts.empty()) WARN("not proven: this kernel shows no statistics of a vCPU");
    return counts;
}

}  // namespace

TEST_CASE("exit-on-halt off: a halted vCPU keeps its CPU, and the kernel counts no exit") {
    const Counts usual = halting_with("");
    if (usual.empty()) return;
    CHECK(usual.at("halt_exits") > 0);
    const auto exits = halting_with("set exit-on-halt off\n").at("halt_exits");
    if (exits != 0 && std::filesystem::exists("/sys/module/kvm_pvm"))
        WARN("not proven: a KVM that is itself paravirtual exits all the same");
    else
        CHECK(exits == 0);
}

TEST_CASE("host-halt-poll: the kernel looks out for a halted vCPU's interrupt as long as the file says") {
    Counts never = halting_with("set host-halt-poll 0\n");
    if (never.empty()) return;
    CHECK(never["halt_attempted_poll"] == 0);
    Counts long_enough = halting_with("set host-halt-poll 1000000000\n");
    CHECK(long_enough["halt_attempted_poll"] > 0);
}

}  // namespace qvm::test
