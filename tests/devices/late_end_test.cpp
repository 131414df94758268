// SPDX-License-Identifier: Apache-2.0
// `delayed` (qvmconf 3.4): the host's end is opened when the guest begins to use the device.
#include "devices/char_host.hpp"
#include "devices/host/unix_listener.hpp"

namespace qvm {

using namespace test;

namespace {

constexpr Delay kForever{};

/// Waits for a line with this in it.
[[nodiscard]] bool says(const Messages& messages, std::string_view what) {
    for (std::string line = messages.line(); !line.empty(); line = messages.line())
        if (line.find(what) != std::string::npos) return true;
    return false;
}

}  // namespace

TEST_CASE("a delayed host end is not touched before the guest begins, and then opened") {
    const Folder folder;
    const std::string out = folder / "out";
    Host host{.delay = kForever};
    { put_all(*host.attached({command("cat >" + out)}), "to nobody"); }
    CHECK_FALSE(std::filesystem::exists(out));
    {
        const auto port = host.attached({command("cat >" + out)});
        put_all(*port, "early, ");
        port->use();
        port->use();
        CHECK(host.client.wait_connected(true));
        put_all(*port, "late");
    }
    CHECK(contents(out) == "early, late");
}

TEST_CASE("a delayed path is waited for and not made, and what was said meanwhile is not lost") {
    const Folder folder;
    const Delay delay = GENERATE(Delay{kForever}, Delay{20});
    Host host{.delay = delay};
    const std::string fifo = folder / "fifo";
    {
        const auto port = host.attached({path(fifo)});
        port->use();
        put_all(*port, "while nobody was there");
        REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
        CHECK(host.client.wait_connected(true));
        const UniqueFd other{::open(fifo.c_str(), O_RDWR | O_CLOEXEC)};
        // Both ends may read a FIFO that is opened both ways: what is asked is only that it got there.
        CHECK(host.client.wait_for(1).starts_with("w"));
    }
    CHECK(std::filesystem::is_fifo(fifo));
}

TEST_CASE("a delayed file in both directions is a record of the output, as one that is not delayed") {
    const Folder folder;
    (void)folder.write("log", "before ");
    Host host{.delay = kForever};
    {
        const auto port = host.attached({path(folder / "log")});
        port->use();
        CHECK(host.client.wait_connected(true));
        put_all(*port, "after");
    }
    CHECK(contents(folder / "log") == "before after");
    CHECK(host.client.calls() == 0);
}

TEST_CASE("delayed 0 tries once, and the VM goes on without the host's end") {
    const Messages messages;
    const Folder folder;
    EventLoop loop{"test io"};
    Log log{"test", {}};
    FakeSpec spec{kSyntax};
    spec.with("delayed", Delay{0}).with("hostdev", path(folder / "missing"));
    Client client;
    const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log});
    port->attach(client);
    port->use();
    CHECK(says(messages, "missing': cannot open: No such file or directory; it is given up"));
    for (std::size_t i = 0; i < 3 * OutputQueue::kCapacity; ++i) REQUIRE(port->put(std::byte{'x'}));
}

TEST_CASE("delayed N gives up after N seconds, and not before it has tried again") {
    const Messages messages;
    const Folder folder;
    EventLoop loop{"test io"};
    Log log{"test", {}};
    FakeSpec spec{kSyntax};
    spec.with("delayed", Delay{1}).with("hostdev", path(folder / "missing"));
    Client client;
    const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log});
    port->attach(client);
    const auto begin = std::chrono::steady_clock::now();
    port->use();
    CHECK(says(messages, "it is tried again for 1 s"));
    CHECK(says(messages, "it is given up"));
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds{1});
}

TEST_CASE("a delayed socket whose peer has gone is connected to again") {
    const Folder folder;
    Host host{.delay = kForever};
    const auto port = host.attached({path(folder / "socket")});
    port->use();
    std::string said;
    for (const std::string word : {"one", "two"}) {
        const UnixListener listener{folder / "socket"};
        REQUIRE(readable(listener.fd()));
        const UniqueFd peer = listener.accept();
        REQUIRE(peer);
        CHECK(host.client.wait_connected(true));
        put_all(*port, word);
        CHECK(read_exactly(peer.get(), 3) == word);
        REQUIRE(::write(peer.get(), word.data(), word.size()) == 3);
        said += word;
        CHECK(host.client.wait_for(said.size()) == said);
    }
    CHECK(host.client.wait_connected(false));
}

TEST_CASE("what is always there is not delayed: stdout, a socket of qvm's own") {
    const Folder folder;
    const Pipe output;
    const Replaced out{STDOUT_FILENO, output.writing.get()};
    Host host{.delay = kForever};
    const auto port = host.attached(
        {path("unix-listen:" + (folder / "socket"), HostDev::Direction::Input), stdio(HostDev::Direction::Output)});
    CHECK(std::filesystem::is_socket(folder / "socket"));
    put_all(*port, "at once");
    CHECK(read_exactly(output.reading.get(), 7) == "at once");
}

TEST_CASE("delayed ports can be made, used and destroyed at any moment") {
    const Folder folder;
    Host host{.delay = kForever};
    for (int i = 0; i < 50; ++i) {
        const auto port = host.attached({i % 2 == 0 ? path(folder / "missing") : command("cat >/dev/null")});
        if (i % 3 != 0) port->use();
        for (int n = 0; n < i; ++n) (void)port->put(std::byte{'x'});
    }
}

}  // namespace qvm
