// SPDX-License-Identifier: Apache-2.0
// The host's end of a network card as the test wants it, and frames.
#pragma once

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "devices/host/net_backend.hpp"
#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/net_format.hpp"
#include "support/fake_context.hpp"

namespace qvm::test {

/// A frame with some Ethernet header in front of `text`.
[[nodiscard]] inline std::string frame_of(std::string_view text) { return std::string(kMinFrame, '\x5a').append(text); }
/// One of `size` bytes, of which each is another.
[[nodiscard]] inline std::string frame_of_size(std::size_t size) {
    std::string frame(size, '\0');
    for (std::size_t i = 0; i < size; ++i) frame[i] = static_cast<char>(i * 7 + i / 251);
    return frame;
}

struct FakeNet {
    explicit FakeNet(EventLoop& where) : loop{where} {}

    struct Frame {
        NetHeader header{};
        std::string data{};
    };

    /// The next frame that the guest sent; throws after kPatience without one.
    [[nodiscard]] Frame wait_sent() {
        std::unique_lock lock{mutex};
        if (!changed.wait_for(lock, kPatience, [this] { return !sent.empty(); }))
            throw std::runtime_error{"the guest's frame does not come"};
        Frame frame = std::move(sent.front());
        sent.pop_front();
        return frame;
    }
    /// A frame for the guest.
    void offer(std::string data, NetHeader header = {}, unsigned pair = 0) {
        run_on_loop(loop, [&] {
            {
                const std::lock_guard lock{mutex};
                offered.push_back({header, std::move(data)});
            }
            if (std::exchange(waiting, false)) client->receivable(pair);
        });
    }
    [[nodiscard]] std::size_t untaken() {
        const std::lock_guard lock{mutex};
        return offered.size();
    }
    void set_link(bool up) {
        run_on_loop(loop, [&] {
            link = up;
            client->link_changed();
        });
    }

    EventLoop& loop;
    NetClient* client = nullptr;
    std::atomic<bool> link{true};
    bool waiting = false;  ///< on the loop's thread

    std::mutex mutex;  // guards what follows
    std::condition_variable changed;
    std::deque<Frame> sent{};
    std::deque<Frame> offered{};
    NetBackend::Sent answer = NetBackend::Sent::Yes;
    std::vector<unsigned> pairs{};  ///< as use() was told
    unsigned flushes = 0;
};

class FakeNetBackend final : public NetBackend {
public:
    explicit FakeNetBackend(FakeNet& net) : net_{net} {}

    [[nodiscard]] std::uint64_t offloads() const noexcept override { return net_feature::kOffloads; }
    [[nodiscard]] bool link_up() const noexcept override { return net_.link; }
    void attach(NetClient& client) override { net_.client = &client; }
    void use(std::uint64_t, unsigned pairs) noexcept override {
        const std::lock_guard lock{net_.mutex};
        net_.pairs.push_back(pairs);
    }
    [[nodiscard]] Sent send(unsigned, std::span<const iovec> frame) noexcept override {
        FakeNet::Frame copy;
        std::memcpy(&copy.header, frame[0].iov_base, sizeof copy.header);
        for (const iovec& part : frame.subspan(1))
            copy.data.append(static_cast<const char*>(part.iov_base), part.iov_len);
        const std::lock_guard lock{net_.mutex};
        net_.sent.push_back(std::move(copy));
        net_.changed.notify_all();
        return net_.answer;
    }
    void flush() noexcept override {
        const std::lock_guard lock{net_.mutex};
        ++net_.flushes;
    }
    [[nodiscard]] std::optional<std::size_t> receive(unsigned, std::span<const iovec> room) noexcept override {
        const std::lock_guard lock{net_.mutex};
        if (net_.offered.empty()) return std::nullopt;
        const FakeNet::Frame frame = std::move(net_.offered.front());
        net_.offered.pop_front();
        std::memcpy(room[0].iov_base, &frame.header, sizeof frame.header);
        std::size_t done = 0;
        for (const iovec& part : room.subspan(1)) {
            const std::size_t size = std::min(part.iov_len, frame.data.size() - done);
            std::memcpy(part.iov_base, frame.data.data() + done, size);
            done += size;
        }
        return sizeof frame.header + frame.data.size();
    }
    void wait(unsigned pair) noexcept override {
        const std::lock_guard lock{net_.mutex};
        net_.waiting = net_.offered.empty();
        if (!net_.waiting) net_.loop.post([this, pair] { net_.client->receivable(pair); });
    }

private:
    FakeNet& net_;
};

}  // namespace qvm::test
