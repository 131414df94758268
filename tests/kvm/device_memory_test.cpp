// SPDX-License-Identifier: Apache-2.0
// Memory slots for what is not the guest's RAM: where the kernel takes them, and where not.
#include <sys/mman.h>

#include <catch2/catch.hpp>

#include "support/fake_context.hpp"
#include "vmm/kvm_device_memory.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kPage = 4 * kKiB;
constexpr Gpa kHere{0xe000'0000}, kThere{0xe100'0000}, kRam{0};

struct Slots {
    Slots() {
        ram.add(Range::make(raw(kRam), 16 * kPage).value(), GuestMemory::Kind::Ram);
        vm.adopt(ram);
        source.add(Range::make(0, 4 * kPage).value(), GuestMemory::Kind::Ram);
    }
    [[nodiscard]] std::span<std::byte> pages(std::uint64_t first, std::uint64_t count) const {
        return source.span(Gpa{first * kPage}, count * kPage).value();
    }

    Log log{"test", silence()};
    Kvm kvm;
    KvmVm vm{kvm};
    GuestMemory ram;
    GuestMemory source;
    KvmDeviceMemory memory{log};
};

}  // namespace

TEST_CASE("device memory is shown, moves and is hidden, before there is a VM and after") {
    Slots slots;
    const unsigned one = slots.memory.add(slots.pages(0, 2));
    const unsigned other = slots.memory.add(slots.pages(2, 2));
    CHECK(slots.memory.show(one, kHere));
    slots.memory.bind(slots.vm, 1);
    CHECK_FALSE(slots.memory.show(other, kHere));  // where the first one is
    CHECK(slots.memory.show(one, kThere));
    CHECK(slots.memory.show(one, kThere));
    CHECK(slots.memory.show(other, kHere));
    slots.memory.hide(one);
    slots.memory.hide(one);
    CHECK(slots.memory.show(other, kThere));
    CHECK(slots.memory.show(one, kHere));
}

TEST_CASE("device memory that is only to be read is shown like other") {
    Slots slots;
    const unsigned one = slots.memory.add_read_only(slots.pages(0, 2));
    const unsigned other = slots.memory.add(slots.pages(2, 2));
    CHECK(slots.memory.show(one, kHere));
    slots.memory.bind(slots.vm, 1);
    CHECK_FALSE(slots.memory.show(other, kHere));
    CHECK(slots.memory.show(one, kThere));
    CHECK(slots.memory.show(other, kHere));
}

TEST_CASE("device memory does not cover the guest's RAM") {
    Slots slots;
    const unsigned one = slots.memory.add(slots.pages(0, 2));
    slots.memory.bind(slots.vm, 1);
    CHECK_FALSE(slots.memory.show(one, kRam));
    CHECK(slots.memory.show(one, kHere));
    CHECK_FALSE(slots.memory.show(one, Gpa{15 * kPage}));
    CHECK(slots.memory.show(one, Gpa{16 * kPage}));
}

}  // namespace qvm::test
