// SPDX-License-Identifier: Apache-2.0
// A virtio console with named ports between a driver without manners and host ends with moods.
#include <array>

#include "devices/virtio/console_bench.hpp"
#include "fuzz/input.hpp"

namespace qvm::test {
namespace {

const std::vector<std::string> kNames{"a", "b"};
constexpr unsigned kQueues = 2 + 2 + 2 * 2;

class ConsoleFuzz {
public:
    ConsoleFuzz(FakeContext& context, FuzzInput& input)
        : input_{input},
          context_{context},
          console_{make_console(context, kNames, input.byte() % 2 == 0 ? Backpressure::Yes : Backpressure::No,
                                input.byte() % 2 == 0 ? ConsoleHostEnd::Yes : ConsoleHostEnd::No)},
          driver_{context, *console_} {
        driver_.largest_queue = 8;
        for (auto& [name, end] : context.ports) {
            end.output.clear();
            end.room = SIZE_MAX;
        }
        console_->attach();
        start();
    }

    void run() {
        for (unsigned steps = 0; !input_.empty() && steps < 300; ++steps) step();
        driver_.stop();
    }

private:
    void start() {
        const std::uint8_t choice = input_.byte();
        driver_.own_features = choice % 4 == 0 ? 0 : ~0ULL;
        driver_.ring_features = virtio_feature::kVersion1 | virtio_feature::kIndirectDesc;
        if ((choice & 0x10) != 0) driver_.ring_features |= virtio_feature::kRingPacked;
        if ((choice & 0x20) != 0) driver_.ring_features |= virtio_feature::kEventIdx;
        driver_.left_out.clear();
        if ((choice & 0xc0) == 0xc0) driver_.left_out.push_back(input_.byte() % kQueues);
        driver_.heap.clear();
        driver_.start();
        for (auto& offered : offered_) offered.clear();
    }

    void step() {
        switch (input_.byte() % 12) {
            case 0:
            case 1:
            case 2:
                return offer(input_.byte() % kQueues);
            case 3:
            case 4:
                return control();
            case 5:
                return host([&](FakeHostEnd& end) { (void)end.client->receive(input_.bytes(input_.byte())); });
            case 6:
                return host([&](FakeHostEnd& end) { end.make_room(input_.byte()); });
            case 7:
                return host([&](FakeHostEnd& end) { end.client->connected(input_.byte() % 2 == 0); });
            case 8:
                return host([&](FakeHostEnd& end) { end.client->resized({input_.word(), input_.word()}); });
            case 9:
                driver_.set_config(input_.byte() % 12U, input_.byte());
                return (void)driver_.config<std::uint8_t>(input_.byte() % 12U);
            case 10:
                driver_.queue(input_.byte() % kQueues).kick();
                return collect();
            default:
                if (input_.byte() > 20) return;
                driver_.stop();
                return start();
        }
    }

    /// Buffers of any kind in any queue.
    void offer(unsigned number) {
        collect();
        QueueDriver& driver = driver_.queue(number).driver();
        std::vector<Buffer> chain;
        std::uint32_t writable = 0;
        for (unsigned pieces = 1 + input_.byte() % 3; pieces != 0; --pieces) {
            const std::uint8_t choice = input_.byte();
            // What is read comes before what is written (virtio 1.2, 2.6.4.2); queues have their own fuzzers.
            const bool written = choice % 2 == 0 || writable != 0;
            chain.push_back(written ? driver_.heap.writable(1U + choice)
                                    : driver_.heap.readable(input_.bytes(1U + choice)));
            if (chain.back().size == 0) chain.back().size = 1;
            if (written) writable += chain.back().size;
        }
        const Layout layout = input_.byte() % 2 == 0 ? Layout::Direct : Layout::Indirect;
        if (!driver.has_room(chain.size(), layout)) return;
        offered_[number][driver_.queue(number).send(chain, layout)] = writable;
        if (input_.byte() % 4 == 0) settle();
    }
    void control() {
        collect();
        QueueDriver& driver = driver_.queue(3).driver();
        std::array<std::uint16_t, 4> message{};  // the port, its upper half, what, and a value
        message[0] = input_.byte() % 4;
        message[2] = input_.byte() % 9;
        message[3] = input_.byte() % 2;
        if (driver.has_room(1)) offered_[3][driver_.queue(3).send({driver_.heap.readable_value(message)})] = 0;
    }

    void collect() {
        settle();
        for (unsigned number = 0; number < kQueues; ++number) {
            while (const auto used = driver_.queue(number).driver().collect()) {
                const auto found = offered_[number].find(used->id);
                promise(found != offered_[number].end(), "only what was offered is used, and once");
                promise(used->written <= found->second, "no more is written than there is room");
                offered_[number].erase(found);
            }
        }
    }
    void settle() {
        for (int i = 0; i < 2; ++i) run_on_loop(context_.loop(), [] {});
    }
    template <typename Work>
    void host(Work work) {
        FakeHostEnd& end = context_.ports[std::array{"", "a", "b"}[input_.byte() % 3]];
        run_on_loop(context_.loop(), [&] {
            work(end);
            if (end.output.size() > kMiB) end.output.clear();
        });
    }

    FuzzInput& input_;
    FakeContext& context_;
    std::unique_ptr<Console> console_;
    FakeVirtio driver_;
    std::array<std::map<std::uint16_t, std::uint32_t>, kQueues> offered_;
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    static FakeContext context;
    FuzzInput input{data, size};
    ConsoleFuzz{context, input}.run();
    return 0;
}
