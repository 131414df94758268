// SPDX-License-Identifier: Apache-2.0
// A balloon between a driver without manners and an operator with moods. Whatever they do, ROM stays and the pages that
// the driver's rings lie in do, too.
#include <array>
#include <map>

#include "devices/virtio/balloon_bench.hpp"
#include "fuzz/input.hpp"

namespace qvm::test {
namespace {

constexpr unsigned kQueues = 5;

class BalloonFuzz {
public:
    BalloonFuzz(BalloonBench& bench, FuzzInput& input) : bench_{bench}, driver_{*bench.driver}, input_{input} {
        driver_.largest_queue = 8;
        start();
    }

    void run() {
        for (unsigned steps = 0; !input_.empty() && steps < 200; ++steps) step();
        driver_.stop();
        promise(bench_.first_byte(BalloonBench::kRom / kBalloonPage) == std::byte{0xf0}, "ROM stays as it is");
    }

private:
    void start() {
        const std::uint8_t choice = input_.byte();
        driver_.own_features = (choice & 1) != 0 ? ~0ULL : input_.byte();
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
        switch (input_.byte() % 8) {
            case 0:
            case 1:
            case 2:
                return offer(input_.byte() % 2, list());
            case 3:
                return offer(3 + input_.byte() % 2, {report(), report()});
            case 4:
                return offer(2, {driver_.heap.readable(input_.bytes(1U + input_.byte()))});
            case 5:
                return offer(input_.byte() % kQueues, {list()[0], driver_.heap.writable(1U + input_.byte())});
            case 6:
                driver_.set_config(input_.byte() % 16U, input_.word() * 0x10001U);
                return (void)driver_.config<std::uint16_t>(input_.byte() % 16U);
            default:
                if (input_.byte() > 40) return collect();
                driver_.stop();
                return start();
        }
    }

    /// Page numbers, most of them of RAM that may be given away.
    std::vector<Buffer> list() {
        std::vector<std::uint32_t> numbers(1U + input_.byte() % 64U);
        std::uint32_t number = BalloonBench::kSparePage;  // those of the rings are the driver's to keep
        for (std::uint32_t& each : numbers) {
            const std::uint8_t choice = input_.byte();
            number = choice < 200 ? BalloonBench::kSparePage + choice * 5U : number + 1;
            if (choice > 250) number = (std::uint32_t{input_.word()} << (choice - 240U)) | 0x1000U;
            each = number;
        }
        return {driver_.heap.readable(std::as_bytes(std::span{numbers}))};
    }
    Buffer report() { return {Gpa{BalloonBench::kSpare + input_.word() * 32U}, 1U + input_.word() * 16U, true}; }

    void offer(unsigned number, const std::vector<Buffer>& chain) {
        collect();
        const Layout layout = input_.byte() % 2 == 0 ? Layout::Direct : Layout::Indirect;
        if (!driver_.queue(number).driver().has_room(chain.size(), layout)) return;
        offered_.at(number)[driver_.queue(number).send(chain, layout)] = true;
    }
    void collect() {
        bench_.settle();
        for (unsigned number = 0; number < kQueues; ++number) {
            while (const auto used = driver_.queue(number).driver().collect()) {
                promise(offered_.at(number).erase(used->id) == 1, "only what was offered is used, and once");
                promise(used->written == 0, "nothing is written");
            }
        }
    }

    BalloonBench& bench_;
    FakeVirtio& driver_;
    FuzzInput& input_;
    std::array<std::map<std::uint16_t, bool>, kQueues> offered_;
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    static BalloonBench bench;
    FuzzInput input{data, size};
    BalloonFuzz{bench, input}.run();
    return 0;
}
