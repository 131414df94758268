// SPDX-License-Identifier: Apache-2.0
// Bare guests with drivers for virtio devices.
#include <catch2/catch.hpp>

#include "kvm/guest.hpp"

namespace qvm::test {

TEST_CASE("a bare guest gets random numbers from virtio-entropy, by doorbell and interrupt") {
    const auto ended = run_text(config_text({.kernel = guest_file("virtio_entropy.elf"),
                                             .more = "vdev virtio-entropy\n  loc 0xd0000000\n  intr "
                                                     "ioapic:5\n"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    CHECK(ended.says("magic=74726976"));
    CHECK(ended.says("version=00000002"));
    CHECK(ended.says("device=00000004"));
    CHECK(ended.says("status=0000000b"));
    CHECK(ended.says("first_written=00000020"));
    CHECK(ended.says("first_random=00000001"));
    CHECK(ended.says("second_written=00000020"));
    CHECK(ended.says("interrupts=00000002"));
    CHECK(ended.says("interrupt_status=00000001"));
    CHECK(ended.says("status_after_reset=00000000"));
    CHECK(ended.says("ready_after_reset=00000000"));
    CHECK_FALSE(ended.complains("warning"));
}

}  // namespace qvm::test
