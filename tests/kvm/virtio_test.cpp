// SPDX-License-Identifier: Apache-2.0
// Bare guests with drivers for virtio devices.
#include <catch2/catch.hpp>

#include "kvm/guest.hpp"
#include "support/temp_dir.hpp"
#include "vmm/units.hpp"

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

TEST_CASE("a bare guest reads from virtio-blk, one request and many at once, by doorbell and by looking") {
    const TempDir dir;
    const std::string image = dir.sparse("disk.img", 32 * kMiB);
    for (const char* work : {"200 1", "2000 32"}) {
        const std::string vdev = "vdev virtio-blk\n  loc 0xfeb00000\n  intr ioapic:16\n  hostdev " + image + "\n";
        const auto ended =
            run_text(config_text({.kernel = guest_file("disk_storm.elf"), .cmdline = work, .more = vdev}));
        CAPTURE(ended.out, ended.err);
        CHECK(ended.ending == Ending{0});
        CHECK(ended.says("errors=00000000"));
        CHECK_FALSE(ended.complains("warning"));
    }
}

}  // namespace qvm::test
