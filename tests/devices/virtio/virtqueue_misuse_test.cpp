// SPDX-License-Identifier: Apache-2.0
// What breaks a virtqueue: every rule that a driver must keep (virtio 1.2, 2.7 and 2.8) and does not.
#include "devices/virtio/queue_bench.hpp"

namespace qvm {
namespace {

using namespace test;
using namespace descriptor_flag;

/// What the queue has to say to what is available now.
std::string fault_of(QueueBench& bench) {
    bench.driver->publish();
    CHECK_FALSE(bench.queue.pop());
    CHECK(bench.queue.in_flight() == 0);
    CHECK(bench.queue.broken() == !bench.queue.fault().empty());
    return std::string{bench.queue.fault()};
}

std::string fault_of_chain(std::uint64_t features, const std::vector<Buffer>& chain, Layout layout = Layout::Direct) {
    QueueBench bench{features | kWithIndirect};
    bench.driver->place(chain, layout);
    return fault_of(bench);
}

/// For every kind of ring and of chain.
void check_fault(const std::vector<Buffer>& chain, const std::string& expected) {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        CHECK(fault_of_chain(kind, chain) == expected);
        CHECK(fault_of_chain(kind, chain, Layout::Indirect) == expected);
    }
}

std::string fault_of_setup(std::uint64_t features, void (*spoil)(QueueSetup&)) {
    const QueueBench bench{features};
    QueueSetup setup = bench.driver->setup();
    spoil(setup);
    Virtqueue queue{bench.memory, setup};
    CHECK_FALSE(queue.pop());
    CHECK_FALSE(queue.enable_notifications());
    CHECK_FALSE(queue.interrupt_wanted());
    queue.disable_notifications();
    return std::string{queue.fault()};
}

}  // namespace

TEST_CASE("virtqueue: an impossible size breaks it from the start (2.7, 2.8)") {
    const std::string expected = "an impossible queue size";
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        CHECK(fault_of_setup(kind, [](QueueSetup& setup) { setup.size = 0; }) == expected);
        CHECK(fault_of_setup(kind, [](QueueSetup& setup) { setup.size = 32769; }) == expected);
        CHECK(fault_of_setup(kind, [](QueueSetup& setup) { setup.size = 65535; }) == expected);
    }
    CHECK(fault_of_setup(kSplit, [](QueueSetup& setup) { setup.size = 12; }) == expected);
}

TEST_CASE("virtqueue: areas that are misaligned or not in one block of RAM break it (2.7, 2.8.10.1)") {
    const std::string expected = "a ring that is misaligned or outside of guest memory";
    constexpr void (*kSpoil[])(QueueSetup&){
        [](QueueSetup& setup) { setup.descriptors = Gpa{0x1008}; },
        [](QueueSetup& setup) { setup.driver = Gpa{0x1001}; },
        [](QueueSetup& setup) { setup.device = Gpa{0x1002}; },
        [](QueueSetup& setup) { setup.descriptors = Gpa{kRomAt}; },
        [](QueueSetup& setup) { setup.driver = Gpa{kRomAt}; },
        [](QueueSetup& setup) { setup.device = Gpa{kRomAt}; },
        [](QueueSetup& setup) { setup.descriptors = Gpa{kMemoryEnd}; },
        [](QueueSetup& setup) { setup.driver = Gpa{kMemoryEnd}; },
        [](QueueSetup& setup) { setup.device = Gpa{kMemoryEnd}; },
        [](QueueSetup& setup) { setup.descriptors = Gpa{kMemoryEnd - 16}; },
        [](QueueSetup& setup) { setup.descriptors = Gpa{kMiB - 16}; },
        [](QueueSetup& setup) { setup.descriptors = Gpa{UINT64_MAX - 15}; },
        [](QueueSetup& setup) { setup.device = Gpa{UINT64_MAX - 3}; },
    };
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        for (const auto spoil : kSpoil) CHECK(fault_of_setup(kind, spoil) == expected);
    }
    // The rings of a split queue are larger than the structures that a packed one has in their place.
    for (const std::uint64_t at : {kMemoryEnd - 4, kMemoryEnd - 4 - 2 * 16}) {
        QueueBench bench{kSplit};
        QueueSetup setup = bench.driver->setup();
        setup.driver = Gpa{at};
        CHECK(Virtqueue{bench.memory, setup}.fault() == expected);
        setup.driver = bench.driver->setup().driver;
        setup.device = Gpa{at};
        CHECK(Virtqueue{bench.memory, setup}.fault() == expected);
    }
}

TEST_CASE("virtqueue: buffers outside of guest memory break it") {
    const std::string expected = "a buffer outside of guest memory";
    check_fault({{Gpa{kMemoryEnd}, 1, false}}, expected);
    check_fault({{Gpa{kMemoryEnd - 1}, 2, false}}, expected);
    check_fault({{Gpa{kMemoryEnd - 1}, 2, true}}, expected);
    check_fault({{Gpa{0}, UINT32_MAX, false}}, expected);
    check_fault({{Gpa{UINT64_MAX}, 1, false}}, expected);
    check_fault({{Gpa{UINT64_MAX}, 2, true}}, expected);
    check_fault({{Gpa{UINT64_MAX - 0xff}, 0x200, false}}, expected);
    check_fault({{Gpa{0x1000}, 1, false}, {Gpa{1ULL << 52}, 1, true}}, expected);
}

TEST_CASE("virtqueue: writable buffers in ROM break it") {
    const std::string expected = "a writable buffer in read-only memory";
    check_fault({{Gpa{kRomAt}, 1, true}}, expected);
    check_fault({{Gpa{kRomAt - 1}, 2, true}}, expected);
    check_fault({{Gpa{kMoreRamAt - 1}, 2, true}}, expected);
}

TEST_CASE("virtqueue: readable buffers behind writable ones break it (2.7.4.2, 2.8.17)") {
    check_fault({{Gpa{0x1000}, 1, true}, {Gpa{0x1000}, 1, false}}, "a readable buffer after a writable one");
}

TEST_CASE("virtqueue: a chain of 2^32 bytes breaks it (2.7.5.2)") {
    const std::string expected = "a chain of 4 GiB or more";
    // The same 2 MiB and more, until it is too much. Before that comes what is no buffer: none is seen outside.
    const auto chain_of = [](std::uint64_t last, bool writable) {
        std::vector<Buffer> chain(2048, Buffer{Gpa{0}, 2 * kMiB, writable});
        chain.back().size -= static_cast<std::uint32_t>(2 * kMiB - last);
        return chain;
    };
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        for (const Layout layout : {Layout::Direct, Layout::Indirect}) {
            QueueBench good{kind | kWithIndirect, 2048};
            good.driver->add(chain_of(2 * kMiB - 1, true), layout);
            CHECK(good.queue.pop()->writable_size() == UINT32_MAX);
            QueueBench bad{kind | kWithIndirect, 2048};
            auto chain = chain_of(2 * kMiB, true);
            chain.front().writable = false;
            bad.driver->place(chain, layout);
            CHECK(fault_of(bad) == expected);
        }
    }
}

TEST_CASE("virtqueue: chains longer than the queue break it (2.7.5.3.1, 2.8.17)") {
    const std::vector<Buffer> sixteen(16, Buffer{Gpa{0x1000}, 1, false});
    const std::vector<Buffer> seventeen(17, Buffer{Gpa{0x1000}, 1, false});
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        CHECK(
            fault_of_chain(kind, seventeen, Layout::Indirect).starts_with("a descriptor chain longer than the queue"));
        QueueBench bench{kind | kWithIndirect};
        bench.driver->add(sixteen, Layout::Indirect);
        CHECK(bench.queue.pop());
    }
}

TEST_CASE("virtqueue: loops break it (2.7.5.2)") {
    const std::string expected = "a descriptor chain longer than the queue, or a loop";
    QueueBench itself{kSplit};
    itself.split().write_descriptor(5, {0x1000, 1, kNext, 5});
    itself.split().offer(5);
    CHECK(fault_of(itself) == expected);

    QueueBench round{kSplit};
    round.split().write_descriptor(5, {0x1000, 1, kNext, 6});
    round.split().write_descriptor(6, {0x1000, 0, kNext, 5});
    round.split().offer(5);
    CHECK(fault_of(round) == expected);

    QueueBench table{kSplit | kWithIndirect};
    const Gpa at = table.heap.take(32);
    CHECK(table.memory.write(at, SplitDescriptor{0x1000, 1, kNext, 1}));
    CHECK(table.memory.write(Gpa{raw(at) + 16}, SplitDescriptor{0x1000, 1, kNext, 0}));
    table.split().write_descriptor(0, {raw(at), 32, descriptor_flag::kIndirect, 0});
    table.split().offer(0);
    CHECK(fault_of(table) == expected);

    QueueBench packed{kPacked};
    for (std::uint16_t i = 0; i < 16; ++i) {
        packed.packed().write_descriptor(i, {0x1000, 1, i, packed.packed().marked_available(kNext)});
    }
    CHECK(fault_of(packed) == "a descriptor chain longer than the queue");
}

TEST_CASE("virtqueue: descriptors outside of the table break it") {
    QueueBench head{kSplit};
    head.split().offer(16);
    CHECK(fault_of(head) == "an available head outside of the descriptor table");

    QueueBench next{kSplit};
    next.split().write_descriptor(0, {0x1000, 1, kNext, 16});
    next.split().offer(0);
    CHECK(fault_of(next) == "a next descriptor outside of the descriptor table");

    QueueBench table{kSplit | kWithIndirect};
    const Gpa at = table.heap.take(32);
    CHECK(table.memory.write(at, SplitDescriptor{0x1000, 1, kNext, 2}));
    table.split().write_descriptor(0, {raw(at), 32, descriptor_flag::kIndirect, 0});
    table.split().offer(0);
    CHECK(fault_of(table) == "a next descriptor outside of the indirect table");
}

TEST_CASE("virtqueue: indirect tables of impossible size or place break it (2.7.5.3, 2.8.7)") {
    constexpr std::pair<std::uint64_t, std::uint32_t> kTables[]{
        {0x1000, 0},          {0x1000, 8},          {0x1000, 24},          {kMemoryEnd, 16},
        {kMemoryEnd - 8, 16}, {UINT64_MAX - 7, 16}, {UINT64_MAX - 15, 32}, {0x1000, UINT32_MAX},
    };
    for (const auto& [at, length] : kTables) {
        QueueBench split{kSplit | kWithIndirect};
        // Whatever entry is read of that one goes on.
        CHECK(split.memory.write(Gpa{0x1000}, SplitDescriptor{0x1000, 1, kNext, 1}));
        split.split().write_descriptor(0, {at, length, descriptor_flag::kIndirect, 0});
        split.split().offer(0);
        const std::string why = fault_of(split);
        CHECK((why.starts_with("an indirect table") || why.ends_with("of the indirect table")));

        QueueBench packed{kPacked | kWithIndirect};
        packed.packed().write_descriptor(0,
                                         {at, length, 0, packed.packed().marked_available(descriptor_flag::kIndirect)});
        CHECK_THAT(fault_of(packed), Catch::StartsWith("an indirect table"));
    }
}

TEST_CASE("virtqueue: indirect descriptors where there must be none break it (2.7.5.3.1, 2.8.19)") {
    const std::vector<Buffer> one{{Gpa{0x1000}, 1, false}};
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        QueueBench bench{kind};
        bench.driver->place(one, Layout::Indirect);
        CHECK(fault_of(bench) == "an indirect descriptor that was not negotiated");
    }

    QueueBench nested{kSplit | kWithIndirect};
    const Gpa at = nested.heap.take(16);
    CHECK(nested.memory.write(at, SplitDescriptor{0x1000, 16, descriptor_flag::kIndirect, 0}));
    nested.split().write_descriptor(0, {raw(at), 16, descriptor_flag::kIndirect, 0});
    nested.split().offer(0);
    CHECK(fault_of(nested) == "an indirect descriptor in an indirect table");

    QueueBench next{kSplit | kWithIndirect};
    next.split().write_descriptor(0, {raw(at), 16, descriptor_flag::kIndirect | kNext, 1});
    next.split().offer(0);
    CHECK(fault_of(next) == "an indirect descriptor with a next one");

    for (const std::uint16_t place : {std::uint16_t{0}, std::uint16_t{1}}) {
        QueueBench list{kPacked | kWithIndirect};
        const auto mark = [&](unsigned flags) { return list.packed().marked_available(flags); };
        list.packed().write_descriptor(0, {0x1000, 16, 0, mark(kNext)});
        list.packed().write_descriptor(1, {0x1000, 16, 0, mark(0)});
        const unsigned next_flag = place == 0 ? kNext : 0U;
        list.packed().write_descriptor(place, {0x1000, 16, 0, mark(descriptor_flag::kIndirect | next_flag)});
        CHECK(fault_of(list) == "an indirect descriptor in a list");
    }
}

TEST_CASE("virtqueue: an available index that runs ahead breaks it (2.7.13.3)") {
    for (const unsigned index : {17U, 0x8000U, 0xffffU}) {
        QueueBench bench{kSplit};
        bench.split().set_available_index(static_cast<std::uint16_t>(index));
        CHECK(fault_of(bench) == "an available index that runs ahead of the queue size");
    }
    // Backwards, which is nothing else (2.7.6.1).
    QueueBench bench{kSplit};
    bench.driver->add({{Gpa{0x1000}, 1, false}});
    CHECK(bench.serve());
    bench.split().set_available_index(0);
    CHECK(fault_of(bench) == "an available index that runs ahead of the queue size");
}

TEST_CASE("virtqueue: what the device has already cannot be made available again") {
    QueueBench split{kSplit};
    split.driver->add({{Gpa{0x1000}, 1, false}});
    const Chain held = split.queue.pop().value();
    CHECK(held);
    split.split().offer(0);
    split.driver->publish();
    CHECK_FALSE(split.queue.pop());
    CHECK(split.queue.fault() == "a chain made available again before it was used");

    QueueBench packed{kPacked, 4};
    for (unsigned i = 0; i < 3; ++i) packed.driver->add({{Gpa{0x1000}, 1, false}});
    std::vector<Chain> chains;
    for (unsigned i = 0; i < 3; ++i) chains.push_back(packed.queue.pop().value());
    // One is free; a chain of two says that two are.
    packed.packed().write_descriptor(3, {0x1000, 1, 3, packed.packed().marked_available(kNext)});
    packed.packed().write_descriptor(0, {0x1000, 1, 3, kUsed});
    CHECK_FALSE(packed.queue.pop());
    CHECK(packed.queue.fault() == "more descriptors available than the queue has");
}

TEST_CASE("virtqueue: once broken, nothing comes and nothing goes") {
    for (const std::uint64_t kind : {kSplit, kPacked}) {
        QueueBench bench{kind};
        const auto id = bench.driver->add({bench.heap.readable("good")});
        const auto last = bench.driver->add({bench.heap.readable("good")});
        bench.driver->add({{Gpa{kMemoryEnd}, 1, false}});
        bench.driver->add({bench.heap.readable("good, but too late")});
        Chain first = bench.queue.pop().value();
        Chain second = bench.queue.pop().value();
        bench.queue.push(std::move(first), 0);
        CHECK(bench.driver->collect()->id == id);
        CHECK_FALSE(bench.queue.pop());
        CHECK(bench.queue.broken());
        CHECK_FALSE(bench.queue.pop());
        CHECK_FALSE(bench.queue.interrupt_wanted());
        CHECK_FALSE(bench.queue.enable_notifications());
        CHECK(bench.queue.in_flight() == 1);
        bench.queue.push(std::move(second), 0);
        CHECK(bench.queue.in_flight() == 0);
        CHECK_FALSE(bench.driver->collect());
        (void)last;
    }
}

}  // namespace qvm
