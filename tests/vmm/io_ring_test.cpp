// SPDX-License-Identifier: Apache-2.0
#include "vmm/io_ring.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "vmm/event_fd.hpp"

using namespace qvm;

namespace {

void add_nop(IoRing& ring, unsigned& counter) {
    io_uring_sqe* const entry = ring.next();
    ::io_uring_prep_nop(entry);
    ::io_uring_sqe_set_data(entry, &counter);
}

}  // namespace

TEST_CASE("an io_uring completes what was submitted, in every mode that kernels have") {
    const auto mode = GENERATE(IoRing::Mode::Deferred, IoRing::Mode::Cooperative, IoRing::Mode::Interrupting);
    IoRing ring{mode};
    ring.start();
    EventFd event;
    std::uint64_t count = 0;
    io_uring_sqe* const entry = ring.next();
    ::io_uring_prep_read(entry, event.fd(), &count, sizeof count, 0);
    ::io_uring_sqe_set_data(entry, &count);
    CHECK(ring.pending());
    ring.submit();
    CHECK_FALSE(ring.pending());
    CHECK_FALSE(ring.has_news());

    event.signal();
    const void* data = nullptr;
    int result = 0;
    while (data == nullptr) {
        ring.wait();
        ring.drain([&](void* done, int value) {
            data = done;
            result = value;
        });
    }
    CHECK(data == &count);
    CHECK(result == sizeof count);
    CHECK(count == 1);
}

TEST_CASE("more entries than the io_uring has room for, and more completions, all arrive once") {
    constexpr unsigned kCount = 10'000;
    IoRing ring;
    ring.start();
    std::vector<unsigned> counters(kCount);
    for (unsigned& counter : counters) add_nop(ring, counter);
    unsigned done = 0;
    while (done < kCount) {
        ring.wait();
        ring.drain([&](void* data, int) {
            ++*static_cast<unsigned*>(data);
            ++done;
        });
    }
    CHECK(counters == std::vector<unsigned>(kCount, 1));
    CHECK_FALSE(ring.has_news());
}
