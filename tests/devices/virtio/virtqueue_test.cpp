// SPDX-License-Identifier: Apache-2.0
// What a virtqueue does for a driver that keeps the rules (virtio 1.2, 2.7 and 2.8).
#include "devices/virtio/virtqueue.hpp"

#include "devices/virtio/queue_bench.hpp"
#include "support/allocations.hpp"

namespace qvm {
namespace {

using namespace test;

constexpr std::uint64_t kKinds[]{kSplit, kPacked, kSplit | kWithEventIdx, kPacked | kWithEventIdx};

std::string_view kind_of(std::uint64_t features) {
    if ((features & kWithEventIdx) != 0)
        return (features & virtio_feature::kRingPacked) != 0 ? "packed, event" : "event";
    return (features & virtio_feature::kRingPacked) != 0 ? "packed" : "split";
}

}  // namespace

TEST_CASE("virtqueue: a chain comes with its buffers and goes back with what was written (2.7.13, 2.8.21)") {
    for (const std::uint64_t kind : kKinds) {
        for (const Layout layout : {Layout::Direct, Layout::Indirect}) {
            INFO(kind_of(kind));
            QueueBench bench{kind | kWithIndirect};
            CHECK_FALSE(bench.queue.pop());
            const Buffer answer = bench.heap.writable(4);
            const auto id = bench.driver->add({bench.heap.readable("in"), bench.heap.readable("put"), answer}, layout);

            auto chain = bench.queue.pop();
            REQUIRE(chain);
            CHECK(chain->readable().size() == 2);
            CHECK(chain->writable().size() == 1);
            CHECK(chain->writable_size() == 4);
            CHECK(read_all(*chain) == "input");
            CHECK(chain->write(0, std::as_bytes(std::span{"pong", 4})) == 4);
            CHECK(bench.queue.in_flight() == 1);
            CHECK_FALSE(bench.driver->collect());
            bench.queue.push(std::move(*chain), 4);

            const auto used = bench.driver->collect();
            REQUIRE(used);
            CHECK(used->id == id);
            CHECK(used->written == 4);
            CHECK(bench.heap.text(answer) == "pong");
            CHECK(bench.queue.in_flight() == 0);
            CHECK_FALSE(bench.queue.pop());
            CHECK_FALSE(bench.queue.broken());
        }
    }
}

TEST_CASE("virtqueue: copies begin at any byte of a chain and end with its buffers") {
    QueueBench bench{kSplit};
    const Buffer first = bench.heap.writable(2);
    const Buffer second = bench.heap.writable(3);
    bench.driver->add({bench.heap.readable("abc"), bench.heap.readable("defg"), first, second});
    const Chain chain = bench.queue.pop().value();

    std::array<char, 3> out{};
    CHECK(chain.read(2, std::as_writable_bytes(std::span{out})) == 3);
    CHECK(std::string_view{out.data(), 3} == "cde");
    CHECK(chain.read(6, std::as_writable_bytes(std::span{out})) == 1);
    CHECK(chain.read(7, std::as_writable_bytes(std::span{out})) == 0);
    CHECK(chain.read(SIZE_MAX, std::as_writable_bytes(std::span{out})) == 0);
    CHECK(chain.read<std::uint32_t>(3) == 0x67666564U);
    CHECK_FALSE(chain.read<std::uint32_t>(4));

    CHECK(chain.write(1, std::as_bytes(std::span{"123456", 6})) == 4);
    CHECK(bench.heap.text(first)[1] == '1');
    CHECK(bench.heap.text(second) == "234");
}

TEST_CASE("virtqueue: a chain that was moved away or given back is none") {
    QueueBench bench{kSplit};
    bench.driver->add({bench.heap.readable("x")});
    Chain chain = bench.queue.pop().value();
    Chain other{std::move(chain)};
    CHECK_FALSE(chain);  // NOLINT(bugprone-use-after-move)
    CHECK(chain.readable().empty());
    CHECK(chain.readable_size() == 0);
    REQUIRE(other);
    bench.queue.push(std::move(other), 0);
    bench.queue.push(Chain{}, 0);
    CHECK(bench.driver->collect());
    CHECK_FALSE(bench.driver->collect());
}

TEST_CASE("virtqueue: chains may be given back in any order") {
    for (const std::uint64_t kind : kKinds) {
        INFO(kind_of(kind));
        QueueBench bench{kind, 8};
        // Unequal lengths: in a packed ring the used descriptors skip forward by those of their own chain (2.8.6).
        for (unsigned round = 0; round < 20; ++round) {
            const Buffer in = bench.heap.writable(8);
            const auto one = bench.driver->add({in});
            const auto three = bench.driver->add({in, in, in});
            const auto two = bench.driver->add({in, in});
            Chain first = bench.queue.pop().value();
            Chain second = bench.queue.pop().value();
            Chain third = bench.queue.pop().value();
            CHECK_FALSE(bench.queue.pop());
            bench.queue.push(std::move(third), 2);
            bench.queue.push(std::move(first), 1);
            bench.queue.push(std::move(second), 3);
            for (const auto& [id, written] : {std::pair{two, 2U}, {one, 1U}, {three, 3U}}) {
                const auto used = bench.driver->collect();
                REQUIRE(used);
                CHECK(used->id == id);
                CHECK(used->written == written);
            }
        }
    }
}

TEST_CASE("virtqueue: chains that are held appear together with the next one that is pushed") {
    for (const std::uint64_t kind : kKinds) {
        INFO(kind_of(kind));
        QueueBench bench{kind, 8};
        for (int round = 0; round < 20; ++round) {  // over the ring's end, too
            std::vector<std::uint16_t> ids;
            for (int i = 0; i < 3; ++i) ids.push_back(bench.driver->add({bench.heap.writable(4)}));
            bench.driver->request_interrupt();
            bench.queue.hold(bench.queue.pop().value(), 1);
            bench.queue.hold(bench.queue.pop().value(), 2);
            CHECK_FALSE(bench.driver->collect());
            bench.queue.push(bench.queue.pop().value(), 3);
            CHECK(bench.queue.interrupt_wanted());
            for (std::uint32_t i = 0; i < 3; ++i) {
                const auto used = bench.driver->collect();
                REQUIRE(used);
                CHECK(used->id == ids[i]);
                CHECK(used->written == i + 1);
            }
            CHECK_FALSE(bench.driver->collect());
        }
        CHECK(bench.queue.in_flight() == 0);
    }
}

TEST_CASE("virtqueue: indices wrap at 2^16, and packed rings at their end, whatever their size (2.7.13.3, 2.8.1)") {
    // 12 and 1: packed rings need no power of two (2.8.10.1).
    for (const auto& [kind, size] : {std::pair{kSplit, 8}, {kSplit, 1}, {kPacked, 12}, {kPacked, 1}, {kPacked, 5}}) {
        QueueBench bench{kind, static_cast<std::uint16_t>(size)};
        const Buffer in = bench.heap.writable(8);
        unsigned wrong = 0;
        for (unsigned i = 0; i < 70'000; ++i) {
            const auto id = bench.driver->add({in});
            if (!bench.serve(i % 8)) ++wrong;
            const auto used = bench.driver->collect();
            if (!used || used->id != id || used->written != i % 8 || bench.queue.pop()) ++wrong;
        }
        CHECK(wrong == 0);
        CHECK_FALSE(bench.queue.broken());
    }
}

TEST_CASE("virtqueue: a full queue is served whole, and what is not published is not there") {
    for (const std::uint64_t kind : kKinds) {
        INFO(kind_of(kind));
        QueueBench bench{kind, 4};
        const Buffer out = bench.heap.readable("x");
        for (unsigned round = 0; round < 3; ++round) {
            for (unsigned i = 0; i < 4; ++i) bench.driver->place({out});
            CHECK_FALSE(bench.driver->has_room(1));
            CHECK_FALSE(bench.queue.pop());
            bench.driver->publish();
            for (unsigned i = 0; i < 4; ++i) CHECK(bench.serve());
            CHECK_FALSE(bench.queue.pop());
            for (unsigned i = 0; i < 4; ++i) CHECK(bench.driver->collect());
            CHECK_FALSE(bench.driver->collect());
        }
    }
}

TEST_CASE("virtqueue: the largest queue of either kind (2.7, 2.8)") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        GuestMemory memory;
        memory.add(Range::make(0, 4 * kMiB).value(), GuestMemory::Kind::Ram);
        GuestHeap heap{memory, Gpa{0}, 4 * kMiB};
        const auto driver = make_queue_driver(heap, 32768, kind);
        Virtqueue queue{memory, driver->setup()};
        const Buffer out = heap.readable("x");
        for (unsigned i = 0; i < 32768; ++i) driver->place({out});
        driver->publish();
        unsigned served = 0;
        while (auto chain = queue.pop()) {
            queue.push(std::move(*chain), 0);
            ++served;
        }
        CHECK(served == 32768);
        CHECK_FALSE(queue.broken());
    }
}

TEST_CASE("virtqueue: without event indices the driver's flag decides about interrupts (2.7.7.2, 2.8.10)") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        INFO(kind_of(kind));
        QueueBench bench{kind};
        CHECK_FALSE(bench.queue.interrupt_wanted());
        const Buffer out = bench.heap.readable("x");
        bench.driver->add({out});
        bench.driver->add({out});
        bench.driver->add({out});
        CHECK(bench.serve());
        CHECK(bench.queue.interrupt_wanted());
        CHECK_FALSE(bench.queue.interrupt_wanted());
        bench.driver->suppress_interrupts();
        CHECK(bench.serve());
        CHECK_FALSE(bench.queue.interrupt_wanted());
        CHECK(bench.driver->request_interrupt());
        CHECK(bench.serve());
        CHECK(bench.queue.interrupt_wanted());
    }
}

TEST_CASE("virtqueue: without event indices the device's flag decides about notifications (2.7.10, 2.8.10)") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        INFO(kind_of(kind));
        QueueBench bench{kind};
        const Buffer out = bench.heap.readable("x");
        CHECK_FALSE(bench.driver->kick_wanted());
        bench.driver->add({out});
        CHECK(bench.driver->kick_wanted());
        bench.queue.disable_notifications();
        bench.driver->add({out});
        CHECK_FALSE(bench.driver->kick_wanted());
        CHECK(bench.queue.enable_notifications());
        CHECK(bench.serve());
        CHECK(bench.serve());
        CHECK_FALSE(bench.queue.enable_notifications());
        bench.driver->add({out});
        CHECK(bench.driver->kick_wanted());
    }
}

TEST_CASE("virtqueue: with event indices the driver is told when the entry that it names is used") {
    for (const auto& [kind, size] : {std::pair{kSplit | kWithEventIdx, 4}, {kPacked | kWithEventIdx, 6}}) {
        INFO(kind_of(kind));
        QueueBench bench{kind, static_cast<std::uint16_t>(size)};
        const Buffer out = bench.heap.readable("x");
        // Enough rounds for all places of the ring and for indices beyond 2^16.
        unsigned wrong = 0;
        for (unsigned round = 0; round < 30'000; ++round) {
            const bool early = bench.driver->request_interrupt(2);
            for (unsigned i = 0; i < 4; ++i) bench.driver->add({out});
            const bool first = bench.serve() && bench.queue.interrupt_wanted();
            const bool second = bench.serve() && bench.queue.interrupt_wanted();
            const bool third = bench.serve() && bench.queue.interrupt_wanted();
            const bool fourth = bench.serve() && bench.queue.interrupt_wanted();
            if (early || first || second || !third || fourth) ++wrong;
            for (unsigned i = 0; i < 4; ++i) {
                if (!bench.driver->collect()) ++wrong;
            }
        }
        CHECK(wrong == 0);
        // All at once: the entry is among them.
        bench.driver->request_interrupt(1);
        for (unsigned i = 0; i < 4; ++i) bench.driver->add({out});
        while (bench.serve()) continue;
        CHECK(bench.queue.interrupt_wanted());
    }
}

TEST_CASE("virtqueue: with event indices the device is told of the next chain after it asked, and of no other") {
    for (const std::uint64_t kind : {kSplit | kWithEventIdx, kPacked | kWithEventIdx}) {
        INFO(kind_of(kind));
        QueueBench bench{kind, 4};
        const Buffer out = bench.heap.readable("x");
        unsigned wrong = 0;
        for (unsigned round = 0; round < 30'000; ++round) {
            if (bench.queue.enable_notifications()) ++wrong;
            bench.driver->add({out});
            if (!bench.driver->kick_wanted()) ++wrong;
            bench.queue.disable_notifications();
            bench.driver->add({out});
            if (bench.driver->kick_wanted()) ++wrong;
            if (!bench.queue.enable_notifications()) ++wrong;  // there is something already
            if (!bench.serve() || !bench.serve() || !bench.driver->collect() || !bench.driver->collect()) ++wrong;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("virtqueue: a packed driver may ask for all interrupts with event indices, too (2.8.10)") {
    QueueBench bench{kPacked | kWithEventIdx};
    const Gpa suppression = bench.driver->setup().driver;
    const Buffer out = bench.heap.readable("x");
    for (const auto& [flags, wanted] : {std::pair{0U, true}, {1U, false}, {0U, true}}) {
        CHECK(bench.memory.write(suppression, flags << 16));
        bench.driver->add({out});
        CHECK(bench.serve());
        CHECK(bench.queue.interrupt_wanted() == wanted);
    }
    // RING_EVENT_FLAGS_DESC with a place that does not exist: rather once too often.
    CHECK(bench.memory.write(suppression, 2U << 16 | 0x7fff));
    bench.driver->add({out});
    CHECK(bench.serve());
    CHECK(bench.queue.interrupt_wanted());
}

TEST_CASE("virtqueue: a packed used descriptor says whether anything was written (2.8.3)") {
    QueueBench bench{kPacked};
    const Buffer in = bench.heap.writable(8);
    for (const std::uint32_t written : {0U, 5U}) {
        const std::uint64_t at = raw(bench.driver->setup().descriptors) + 16 * (written == 0 ? 0 : 1);
        bench.driver->add({in});
        CHECK(bench.serve(written));
        const auto used = bench.memory.read<PackedDescriptor>(Gpa{at}).value();
        CHECK(((used.flags & descriptor_flag::kWrite) != 0) == (written != 0));
        CHECK(used.length == written);
    }
}

TEST_CASE("virtqueue: no more is reported as written than the chain has room for (2.7.8.2)") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        QueueBench bench{kind};
        bench.driver->add({bench.heap.readable("in"), bench.heap.writable(8)});
        CHECK(bench.serve(9));
        CHECK(bench.driver->collect()->written == 8);
    }
}

TEST_CASE("virtqueue: a buffer across two neighbouring blocks of RAM is seen as two") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        QueueBench bench{kind};
        bench.driver->add({{Gpa{kMiB - 3}, 8, false}, {Gpa{kMiB - 1}, 2, true}});
        CHECK(bench.memory.write(Gpa{kMiB - 3}, std::array{'a', 'b', 'c'}));
        CHECK(bench.memory.write(Gpa{kMiB}, std::array{'d', 'e', 'f', 'g', 'h'}));
        const Chain chain = bench.queue.pop().value();
        CHECK(chain.readable().size() == 2);
        CHECK(chain.readable_size() == 8);
        CHECK(chain.writable().size() == 2);
        CHECK(chain.writable_size() == 2);
        CHECK(read_all(chain) == "abcdefgh");
    }
}

TEST_CASE("virtqueue: an indirect table across two neighbouring blocks is read") {
    QueueBench bench{kSplit | kWithIndirect};
    const Buffer text = bench.heap.readable("split");
    const std::uint64_t table = kMiB - 16;
    CHECK(bench.memory.write(Gpa{table}, SplitDescriptor{raw(text.at), 2, descriptor_flag::kNext, 1}));
    CHECK(bench.memory.write(Gpa{table + 16}, SplitDescriptor{raw(text.at) + 2, 3, 0, 0}));
    bench.split().write_descriptor(0, {table, 32, descriptor_flag::kIndirect, 0});
    bench.split().offer(0);
    bench.driver->publish();
    CHECK(read_all(bench.queue.pop().value()) == "split");
}

TEST_CASE("virtqueue: ROM may be read") {
    QueueBench bench{kSplit};
    CHECK(bench.memory.write(Gpa{kRomAt}, std::array{'r', 'o', 'm'}));
    bench.driver->add({{Gpa{kRomAt}, 3, false}});
    CHECK(read_all(bench.queue.pop().value()) == "rom");
}

TEST_CASE("virtqueue: an indirect table behind direct descriptors (2.7.5.3.2)") {
    QueueBench bench{kSplit | kWithIndirect};
    const Buffer head = bench.heap.readable("head");
    const Buffer tail = bench.heap.readable("tail");
    const Gpa table = bench.heap.take(16);
    CHECK(bench.memory.write(table, SplitDescriptor{raw(tail.at), 4, 0, 0}));
    bench.split().write_descriptor(3, {raw(head.at), 4, descriptor_flag::kNext, 7});
    // The flag for writing is ignored in a descriptor that refers to a table.
    bench.split().write_descriptor(7, {raw(table), 16, descriptor_flag::kIndirect | descriptor_flag::kWrite, 0});
    bench.split().offer(3);
    bench.driver->publish();
    CHECK(read_all(bench.queue.pop().value()) == "headtail");
}

TEST_CASE("virtqueue: only the flag for writing counts in a packed indirect table (2.8.7)") {
    QueueBench bench{kPacked | kWithIndirect};
    const Buffer text = bench.heap.readable("ab");
    const Gpa table = bench.heap.take(32);
    CHECK(bench.memory.write(table, PackedDescriptor{raw(text.at), 1, 9, 0xfffd}));
    CHECK(bench.memory.write(Gpa{raw(table) + 16}, PackedDescriptor{raw(text.at) + 1, 1, 9, 0}));
    bench.packed().write_descriptor(
        0, {raw(table), 32, 3, bench.packed().marked_available(descriptor_flag::kIndirect | descriptor_flag::kWrite)});
    const Chain chain = bench.queue.pop().value();
    CHECK(read_all(chain) == "ab");
    CHECK(chain.writable().empty());
}

TEST_CASE("virtqueue: empty buffers are left out, wherever they are") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        QueueBench bench{kind};
        bench.driver->add({{Gpa{kMemoryEnd}, 0, false}, bench.heap.readable("x"), {Gpa{UINT64_MAX}, 0, true}});
        bench.driver->add({{Gpa{kRomAt}, 0, true}});
        const Chain chain = bench.queue.pop().value();
        CHECK(chain.readable().size() == 1);
        CHECK(chain.writable().empty());
        const Chain nothing = bench.queue.pop().value();
        CHECK(nothing.readable().empty());
        CHECK(nothing.writable().empty());
        CHECK_FALSE(bench.queue.broken());
    }
}

TEST_CASE("virtqueue: in steady state nothing is allocated") {
    for (const std::uint64_t kind : kKinds) {
        INFO(kind_of(kind));
        QueueBench bench{kind | kWithIndirect, 32};
        std::vector<Buffer> buffers;
        for (unsigned i = 0; i < 4; ++i) buffers.push_back(bench.heap.readable("xyz"));
        for (unsigned i = 0; i < 4; ++i) buffers.push_back(bench.heap.writable(16));
        std::vector<Chain> held;
        held.reserve(4);
        std::uint64_t allocated = 0;
        for (unsigned round = 0; round < 1000; ++round) {
            bench.driver->add(buffers, Layout::Direct);
            bench.driver->add(buffers, Layout::Direct);
            bench.driver->add(buffers, Layout::Indirect);
            const std::uint64_t before = allocations_of_this_thread();
            while (auto chain = bench.queue.pop()) held.push_back(std::move(*chain));
            for (Chain& chain : held) bench.queue.push(std::move(chain), 1);
            held.clear();
            (void)bench.queue.interrupt_wanted();
            (void)bench.queue.enable_notifications();
            bench.queue.disable_notifications();
            if (round > 0) allocated += allocations_of_this_thread() - before;
            while (bench.driver->collect()) continue;
        }
        CHECK(allocated == 0);
        CHECK_FALSE(bench.queue.broken());
    }
}

}  // namespace qvm
