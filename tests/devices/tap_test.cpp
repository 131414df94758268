// SPDX-License-Identifier: Apache-2.0
#include "devices/host/tap.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <catch2/catch.hpp>

#include <array>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/net_format.hpp"
#include "support/fake_context.hpp"
#include "support/network_namespace.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint16_t kOurs = 0x88b5;  // an Ethertype for experiments (IEEE 802): the host's own frames are others

std::string our_frame(std::string_view text) {
    std::string frame{"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xb5", 14};
    return frame.append(text).append(60 - std::min<std::size_t>(text.size() + 14, 60), '\0');
}

/// The host's side of an interface.
class HostSide {
public:
    explicit HostSide(const std::string& name)
        : socket_{check("AF_PACKET", ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(kOurs)))} {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(kOurs);
        address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
        check("bind", ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
    void send(const std::string& frame) const {
        REQUIRE(::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()));
    }
    [[nodiscard]] std::string receive() const {
        pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, 20000) != 1) return "(none)";
        std::string frame(2000, '\0');
        frame.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(socket_.get(), frame.data(), 2000, 0), 0)));
        return frame;
    }

private:
    UniqueFd socket_;
};

NetBackend::Sent send(Tap& tap, std::string frame, NetHeader header = {}, unsigned pair = 0) {
    const std::array<iovec, 2> parts{iovec{&header, sizeof header}, iovec{frame.data(), frame.size()}};
    return tap.send(pair, parts);
}

/// The next frame of ours; the host's others are left out.
std::string receive(Tap& tap, unsigned pair = 0) {
    for (;;) {
        pollfd wait{.fd = tap.fd(pair), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, 20000) != 1) return "(none)";
        NetHeader header;
        std::string data(2000, '\0');
        const std::array<iovec, 2> parts{iovec{&header, sizeof header}, iovec{data.data(), data.size()}};
        const auto size = tap.receive(pair, parts);
        if (!size) continue;
        data.resize(*size - sizeof header);
        if (data.substr(12, 2) == "\x88\xb5") return data;
    }
}

bool is_up(const std::string& name) {
    const UniqueFd any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    return ::ioctl(any.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
}

/// Says so and is content where there are no privileges.
template <typename Work>
void with_network(Work work) {
    const std::string why_not = in_own_network(work);
    if (!why_not.empty()) WARN("skipped: " << why_not);
}

class Told final : public NetClient {
public:
    void receivable(unsigned pair) noexcept override {
        std::array<std::byte, 2000> data{};
        const std::array<iovec, 1> room{iovec{data.data(), data.size()}};
        const auto size = tap->receive(pair, room);
        if (!size && tap->link_up()) return tap->wait(pair);
        if (!told_.exchange(true)) done.set_value();
    }
    void link_changed() noexcept override {
        if (!told_.exchange(true)) done.set_value();
    }
    Tap* tap = nullptr;
    std::promise<void> done;

private:
    std::atomic<bool> told_{false};
};

/// Counts, and waits again.
class Counting final : public NetClient {
public:
    void receivable(unsigned pair) noexcept override {
        std::array<std::byte, 2000> data{};
        const std::array<iovec, 1> room{iovec{data.data(), data.size()}};
        while (tap->receive(pair, room)) continue;
        tap->wait(pair);
        const std::lock_guard lock{mutex_};
        ++calls_;
        changed_.notify_all();
    }
    void link_changed() noexcept override {}
    [[nodiscard]] unsigned calls() {
        const std::lock_guard lock{mutex_};
        return calls_;
    }
    [[nodiscard]] bool wait_call() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return calls_ > 0; });
    }
    Tap* tap = nullptr;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned calls_ = 0;
};

}  // namespace

TEST_CASE("an interface that was not there is made, is up, and goes again") {
    with_network([] {
        FakeContext context;
        {
            const Tap tap{context.loop(), "vp7", 1};
            CHECK(::if_nametoindex("vp7") != 0);
            CHECK(is_up("vp7"));
            CHECK(tap.link_up());
        }
        CHECK(::if_nametoindex("vp7") == 0);
    });
}

TEST_CASE("frames pass a TAP both ways") {
    with_network([] {
        FakeContext context;
        Tap tap{context.loop(), "vp0", 1};
        tap.use(0, 1);
        const HostSide host{"vp0"};
        CHECK(send(tap, our_frame("to the host")) == NetBackend::Sent::Yes);
        CHECK(host.receive() == our_frame("to the host"));
        host.send(our_frame("to the guest"));
        CHECK(receive(tap) == our_frame("to the guest"));
    });
}

TEST_CASE("a TAP refuses headers that make no sense, and takes the next frame") {
    with_network([] {
        FakeContext context;
        Tap tap{context.loop(), "vp0", 1};
        const HostSide host{"vp0"};
        const auto frame = our_frame("a frame");
        CHECK(send(tap, frame, {.gso_type = NetHeader::kTcp4, .gso_size = 0}) == NetBackend::Sent::Refused);
        CHECK(send(tap, frame, {.flags = NetHeader::kNeedsCsum, .csum_start = 60000}) == NetBackend::Sent::Refused);
        CHECK(send(tap, "short") == NetBackend::Sent::Refused);
        CHECK(send(tap, frame) == NetBackend::Sent::Yes);
        CHECK(host.receive() == frame);
    });
}

TEST_CASE("a TAP with several queues uses as many as the driver does") {
    with_network([] {
        FakeContext context;
        Tap tap{context.loop(), "vp0", 3};
        tap.use(0, 3);
        const HostSide host{"vp0"};
        for (unsigned pair = 0; pair < 3; ++pair) {
            CHECK(send(tap, our_frame("from a queue"), {}, pair) == NetBackend::Sent::Yes);
            CHECK(host.receive() == our_frame("from a queue"));
        }
        tap.use(0, 1);  // the kernel spreads frames over the queues that are attached
        for (int i = 0; i < 20; ++i) {
            const auto frame = our_frame(std::to_string(i * 7919));
            host.send(frame);
            CHECK(receive(tap) == frame);
        }
    });
}

TEST_CASE("a queue of a TAP that is not in use costs nothing until it is used") {
    with_network([] {
        FakeContext context;
        Counting client;
        Tap tap{context.loop(), "vp0", 2};
        client.tap = &tap;
        tap.attach(client);
        run_on_loop(context.loop(), [&] { tap.wait(1); });
        for (int rounds = 0; rounds < 50; ++rounds) run_on_loop(context.loop(), [] {});
        CHECK(client.calls() == 0);
        run_on_loop(context.loop(), [&] { tap.use(0, 2); });
        delete_interface("vp0");  // of which the kernel tells who waits
        CHECK(client.wait_call());
    });
}

TEST_CASE("an interface that cannot be had is an error that says what to do") {
    with_network([] {
        FakeContext context;
        CHECK_THROWS_WITH((Tap{context.loop(), "lo", 1}), Contains("lo") && Contains("no TAP interface"));
        const Tap one{context.loop(), "vp0", 1};
        CHECK_THROWS_WITH((Tap{context.loop(), "vp0", 1}), Contains("another program has it open"));
        CHECK_THROWS_WITH((Tap{context.loop(), "vp0", 2}), Contains("one queue only") && Contains("multi_queue"));
        const Tap several{context.loop(), "vp1", 2};
        CHECK_THROWS_WITH((Tap{context.loop(), "vp1", 1}), Contains("more than one queue"));
    });
}

TEST_CASE("a TAP knows the offloads of this kernel") {
    with_network([] {
        using namespace net_feature;
        FakeContext context;
        const Tap tap{context.loop(), "vp0", 1};
        CHECK((tap.offloads() & (kCsum | kGuestCsum | kHostTso | kGuestTso)) ==
              (kCsum | kGuestCsum | kHostTso | kGuestTso));
    });
}

TEST_CASE("an interface that somebody removes is a link that is down for good") {
    with_network([] {
        FakeContext context;
        Tap tap{context.loop(), "vp0", 1};
        Told client;
        client.tap = &tap;
        tap.attach(client);
        run_on_loop(context.loop(), [&] { tap.wait(0); });
        delete_interface("vp0");
        REQUIRE(client.done.get_future().wait_for(kPatience) == std::future_status::ready);
        run_on_loop(context.loop(), [&] { CHECK_FALSE(tap.link_up()); });
        CHECK(send(tap, our_frame("nobody there")) == NetBackend::Sent::Lost);
    });
}
