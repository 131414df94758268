// SPDX-License-Identifier: Apache-2.0
#include "devices/host/stream_link.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <thread>

#include "devices/host/net_connectors.hpp"
#include "devices/host/run_on_loop.hpp"
#include "devices/host/unix_socket.hpp"
#include "devices/virtio/net_format.hpp"
#include "support/fake_net.hpp"
#include "support/temp_dir.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

/// A card's end of a link: takes all that comes.
class Listener final : public NetClient {
public:
    void receivable(unsigned pair) noexcept override {
        std::array<std::byte, 70000> data{};
        NetHeader header;
        const std::array<iovec, 2> room{iovec{&header, sizeof header}, iovec{data.data(), data.size()}};
        while (const auto size = link->receive(pair, room)) {
            const std::lock_guard lock{mutex_};
            if (*size == 0)
                ++unfit_;
            else
                frames_.emplace_back(reinterpret_cast<const char*>(data.data()), *size - sizeof header);
            changed_.notify_all();
        }
        link->wait(pair);
    }
    void link_changed() noexcept override {
        const std::lock_guard lock{mutex_};
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_link(bool up) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return link->link_up() == up; });
    }
    [[nodiscard]] std::string wait_frame(std::chrono::milliseconds patience = kPatience) {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_for(lock, patience, [&] { return !frames_.empty(); })) return "(none)";
        std::string frame = std::move(frames_.front());
        frames_.pop_front();
        return frame;
    }
    [[nodiscard]] bool wait_unfit() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return unfit_ > 0; });
    }

    StreamLink* link = nullptr;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> frames_;
    unsigned unfit_ = 0;
};

/// A link with its client, started.
struct End {
    End(FakeContext& context, FrameStream::Headers headers, std::unique_ptr<Connector> connector,
        std::uint64_t features = 0)
        : loop{context.loop()},
          link{std::make_unique<StreamLink>(loop, context.log(), "link under test", headers, std::move(connector))} {
        client.link = link.get();
        link->attach(client);
        run_on_loop(loop, [&] {
            link->use(features, 1);
            link->wait(0);
        });
    }
    void send(std::string data, NetHeader header = {}) {
        run_on_loop(loop, [&] {
            const std::array<iovec, 2> frame{iovec{&header, sizeof header}, iovec{data.data(), data.size()}};
            (void)link->send(0, frame);
            link->flush();
        });
    }

    EventLoop& loop;
    Listener client;
    std::unique_ptr<StreamLink> link;
};

/// A program that listens, as passt does.
struct Server {
    explicit Server(std::string where) : path{std::move(where)}, listener{listen_unix(path, 0600)} {}
    ~Server() { ::unlink(path.c_str()); }
    [[nodiscard]] UniqueFd accept() const {
        pollfd wait{.fd = listener.get(), .events = POLLIN, .revents = 0};
        REQUIRE(::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds{kPatience}.count())) == 1);
        return accept_unix(listener.get());
    }
    std::string path;
    UniqueFd listener;
};

NetAddress card(const TempDir& directory, const std::string& name) {
    return {"vm-" + name + "/net", directory.path(name + ".net")};
}

std::unique_ptr<Connector> peer(FakeContext& context, const NetAddress& own, const NetAddress& other) {
    return std::make_unique<PeerConnector>(context.loop(), context.log(), own, other, 0600);
}

constexpr auto kHeaders = FrameStream::Headers::Yes;
constexpr auto kBare = FrameStream::Headers::No;

}  // namespace

TEST_CASE("a link to a program comes up when that listens, and again after it was gone") {
    const TempDir directory;
    FakeContext context;
    const std::string path = directory.path("socket");
    End end{context, kBare, std::make_unique<DialConnector>(context.loop(), context.log(), path)};
    CHECK_FALSE(end.link->link_up());
    for (int i = 0; i < 2; ++i) {
        const Server server{path};
        const UniqueFd far = server.accept();
        REQUIRE(end.client.wait_link(true));
        end.send("to the program");
        std::array<char, 32> heard{};
        pollfd wait{.fd = far.get(), .events = POLLIN, .revents = 0};
        REQUIRE(::poll(&wait, 1, 20000) == 1);
        CHECK(::recv(far.get(), heard.data(), heard.size(), 0) == 18);
        CHECK(std::string_view{heard.data(), 18} == std::string_view{"\0\0\0\x0eto the program", 18});
        const std::string_view answer{"\0\0\0\6answer", 10};
        REQUIRE(::send(far.get(), answer.data(), answer.size(), 0) == 10);
        CHECK(end.client.wait_frame() == "answer");
    }
    CHECK(end.client.wait_link(false));
}

TEST_CASE("a program that says what is no frame is hung up on") {
    const TempDir directory;
    FakeContext context;
    const Server server{directory.path("socket")};
    const End end{context, kBare, std::make_unique<DialConnector>(context.loop(), context.log(), server.path)};
    const UniqueFd far = server.accept();
    REQUIRE(::send(far.get(), "\xff\xff\xff\xff", 4, 0) == 4);
    const UniqueFd again = server.accept();  // it calls anew
    std::array<char, 4> nothing{};
    CHECK(::recv(far.get(), nothing.data(), nothing.size(), 0) == 0);
}

TEST_CASE("two guests find each other in either order, and again after one was gone") {
    const TempDir directory;
    FakeContext first, second;
    const bool lesser_first = GENERATE(true, false);
    const NetAddress one = card(directory, lesser_first ? "a" : "b"), other = card(directory, lesser_first ? "b" : "a");
    End end{first, kHeaders, peer(first, one, other)};
    CHECK_FALSE(end.link->link_up());
    for (int i = 0; i < 2; ++i) {
        End late{second, kHeaders, peer(second, other, one)};
        REQUIRE(end.client.wait_link(true));
        REQUIRE(late.client.wait_link(true));
        end.send("hello late one");
        CHECK(late.client.wait_frame() == "hello late one");
        late.send("hello early one");
        CHECK(end.client.wait_frame() == "hello early one");
        late.link.reset();
        CHECK(end.client.wait_link(false));
    }
}

TEST_CASE("two guests that start at the same time have one link") {
    const TempDir directory;
    FakeContext first, second;
    const NetAddress a = card(directory, "a"), b = card(directory, "b");
    for (int i = 0; i < 20; ++i) {
        // Both listen before either calls.
        auto one = peer(first, a, b), other = peer(second, b, a);
        std::unique_ptr<End> ends[2];
        std::thread parallel{[&] { ends[0] = std::make_unique<End>(first, kHeaders, std::move(one)); }};
        ends[1] = std::make_unique<End>(second, kHeaders, std::move(other));
        parallel.join();
        // A frame that was sent into the connection that is given up is lost, as in a network.
        std::string heard = "(none)";
        for (int tries = 0; tries < 1000 && heard == "(none)"; ++tries) {
            REQUIRE(ends[0]->client.wait_link(true));
            REQUIRE(ends[1]->client.wait_link(true));
            ends[0]->send("ping");
            heard = ends[1]->client.wait_frame(std::chrono::milliseconds{50});
        }
        CHECK(heard == "ping");
    }
}

TEST_CASE("a caller that is not the peer gets no link") {
    const TempDir directory;
    FakeContext first, second;
    const NetAddress a = card(directory, "a"), b = card(directory, "b"), c = card(directory, "c");
    const End end{first, kHeaders, peer(first, a, b)};
    const End stranger{second, kHeaders, peer(second, c, a)};
    const UniqueFd noise = connect_unix(a.path);
    REQUIRE(::send(noise.get(), "who is there?", 13, MSG_NOSIGNAL) == 13);
    std::array<char, 512> bytes{};
    pollfd wait{.fd = noise.get(), .events = POLLRDHUP, .revents = 0};
    REQUIRE(::poll(&wait, 1, 20000) == 1);  // both have been hung up on
    CHECK(::recv(noise.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) != 0);
    run_on_loop(first.loop(), [] {});
    CHECK_FALSE(end.link->link_up());
    CHECK_FALSE(stranger.link->link_up());
}

TEST_CASE("a card's node has the access rights that it is given, and goes with it") {
    const TempDir directory;
    FakeContext context;
    const NetAddress a = card(directory, "a"), b = card(directory, "b");
    struct stat status {};
    {
        const PeerConnector connector{context.loop(), context.log(), a, b, 0660};
        REQUIRE(::stat(a.path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0660);
        CHECK_THROWS_WITH((PeerConnector{context.loop(), context.log(), a, b, 0600}), Catch::Contains(a.path));
    }
    CHECK(::stat(a.path.c_str(), &status) != 0);
}

TEST_CASE("what a guest leaves open is done for a guest that does not do it") {
    const TempDir directory;
    FakeContext first, second;
    const NetAddress a = card(directory, "a"), b = card(directory, "b");
    End able{first, kHeaders, peer(first, a, b), net_feature::kOffloads};
    End plain{second, kHeaders, peer(second, b, a)};
    REQUIRE(able.client.wait_link(true));
    REQUIRE(plain.client.wait_link(true));

    const NetHeader open{.flags = NetHeader::kNeedsCsum, .csum_start = 20, .csum_offset = 2};
    able.send(std::string(40, '\1'), open);
    const std::string done = plain.client.wait_frame();
    CHECK(done.size() == 40);
    CHECK(done.substr(22, 2) != "\1\1");
    plain.send(std::string(40, '\1'), open);
    CHECK(able.client.wait_frame() == std::string(40, '\1'));

    able.send(std::string(4000, '\1'), {.flags = NetHeader::kNeedsCsum, .gso_type = NetHeader::kTcp4});
    CHECK(plain.client.wait_unfit());
}
