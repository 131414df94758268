// SPDX-License-Identifier: Apache-2.0
// Sockets between a driver without manners and programs of the host without patience.
#include <array>
#include <map>
#include <vector>

#include "devices/virtio/vsock_bench.hpp"
#include "fuzz/input.hpp"

namespace qvm::test {
namespace {

constexpr std::size_t kMostHosts = 8;
/// What the guest sends is anywhere in its memory.
constexpr std::uint64_t kData = 8 * kMiB;

class VsockFuzz {
public:
    VsockFuzz(VsockBench& bench, FuzzInput& input) : bench_{bench}, driver_{bench.driver}, input_{input} {
        driver_.largest_queue = 16;
        if (!bench_.host_listener) bench_.host_listener.emplace(bench_.path + "_52");
        start();
    }

    void run() {
        for (unsigned steps = 0; !input_.empty() && steps < 300; ++steps) step();
        driver_.stop();
        while (bench_.host_listener->accept()) continue;
    }

private:
    void start() {
        const std::uint8_t choice = input_.byte();
        driver_.ring_features = virtio_feature::kVersion1 | virtio_feature::kIndirectDesc;
        if ((choice & 0x10) != 0) driver_.ring_features |= virtio_feature::kRingPacked;
        if ((choice & 0x20) != 0) driver_.ring_features |= virtio_feature::kEventIdx;
        driver_.heap.clear();
        driver_.start();
        for (auto& offered : offered_) offered.clear();
    }

    void step() {
        switch (input_.byte() % 12) {
            case 0:
            case 1:
            case 2:
            case 3:
                return packet();
            case 4:
            case 5:
                return offer(
                    0, {driver_.heap.writable(1U + input_.byte() * 5U), driver_.heap.writable(1U + input_.byte())});
            case 6:
                return dial();
            case 7:
                return talk();
            case 8:
                if (auto fd = bench_.host_listener->accept(); fd && hosts_.size() < kMostHosts)
                    hosts_.emplace_back(std::move(fd));
                return;
            case 9:
                if (!hosts_.empty()) hosts_.erase(hosts_.begin() + input_.byte() % static_cast<int>(hosts_.size()));
                return;
            case 10:
                return offer(1, {driver_.heap.readable(input_.bytes(1U + input_.byte()))});
            default:
                if (input_.byte() > 20) return collect();
                driver_.stop();
                return start();
        }
    }

    /// Of a few ports, so that connections have a history.
    void packet() {
        const std::uint8_t choice = input_.byte();
        VsockHeader head = VsockBench::header(VsockOp{static_cast<std::uint16_t>(input_.byte() % 9)});
        head.src_port += choice % 2;
        if ((choice & 4) != 0) head.dst_port = (1U << 30) + input_.byte() % 16U;
        if (choice > 250) head.dst_port = 53;
        if (choice == 251) head.src_cid = input_.byte();
        if (choice == 252) head.dst_cid = input_.byte();
        if (choice == 253) head.type = input_.byte();
        head.flags = input_.byte() % 8U;
        head.buf_alloc = input_.word() * 4U;
        head.fwd_cnt = input_.byte() < 128 ? 0 : input_.word();
        const std::size_t size = (choice & 8) != 0 ? input_.word() : input_.byte();
        head.len = static_cast<std::uint32_t>(size) + (choice == 254 ? input_.byte() : 0U);
        const Buffer data{Gpa{kData}, static_cast<std::uint32_t>(size + 1), false};
        offer(1, {driver_.heap.readable(std::as_bytes(std::span{&head, 1}).first(kVsockHeaderSize)), data});
    }
    void dial() {
        UniqueFd fd = connect_unix(bench_.path);
        if (!fd || hosts_.size() >= kMostHosts) return;
        hosts_.emplace_back(std::move(fd));
        const std::uint8_t choice = input_.byte();
        (void)hosts_.back().send_some(choice < 200 ? (choice % 2 == 0 ? "CONNECT 1024\n" : "CONNECT 1025\nmore")
                                                   : "CONNECT");
    }
    void talk() {
        if (hosts_.empty()) return;
        const HostSocket& host = hosts_[input_.byte() % hosts_.size()];
        const std::uint8_t choice = input_.byte();
        if (choice < 20) return host.end_output();
        if (choice < 100) return host.skip(choice * 1000U);
        (void)host.send_some(std::string(choice * 50U, 'x'));
    }

    void offer(unsigned number, const std::vector<Buffer>& chain) {
        collect();
        const Layout layout = input_.byte() % 2 == 0 ? Layout::Direct : Layout::Indirect;
        if (!driver_.queue(number).driver().has_room(chain.size(), layout)) return;
        offered_.at(number)[driver_.queue(number).send(chain, layout)] = chain;
    }
    void collect() {
        bench_.settle();
        for (unsigned number = 0; number < 2; ++number) {
            while (const auto used = driver_.queue(number).driver().collect()) {
                const auto found = offered_.at(number).find(used->id);
                promise(found != offered_.at(number).end(), "only what was offered is used, and once");
                if (number == 0) judge(found->second, used->written);
                if (number == 1) promise(used->written == 0, "nothing is written to what the guest sends");
                offered_.at(number).erase(found);
            }
        }
    }
    void judge(const std::vector<Buffer>& chain, std::uint32_t written) {
        if (written == 0) return;
        std::string text;
        for (const Buffer& buffer : chain) text += driver_.heap.text(buffer);
        promise(written >= kVsockHeaderSize && written <= text.size(), "a packet has a header");
        VsockHeader head;
        std::ranges::copy(std::as_bytes(std::span{text}.first(kVsockHeaderSize)),
                          std::as_writable_bytes(std::span{&head, 1}).begin());
        promise(head.len == written - kVsockHeaderSize, "a packet says how long it is");
        promise(head.dst_cid == VsockBench::kCid, "a packet for the guest is for the guest");
        promise(head.len == 0 || head.op == VsockOp::Rw, "only data has a length");
    }

    VsockBench& bench_;
    FakeVirtio& driver_;
    FuzzInput& input_;
    std::vector<HostSocket> hosts_;
    std::array<std::map<std::uint16_t, std::vector<Buffer>>, 2> offered_;
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    static VsockBench bench;
    FuzzInput input{data, size};
    VsockFuzz{bench, input}.run();
    return 0;
}
