// SPDX-License-Identifier: Apache-2.0
// `hostdev unix-listen:PATH`: others connect to the vdev, one after the other.
#include "devices/char_host.hpp"
#include "devices/host/unix_listener.hpp"

namespace qvm {

using namespace test;

namespace {

[[nodiscard]] HostDev listening(const std::string& at, HostDev::Direction direction = HostDev::Direction::Both) {
    return path("unix-listen:" + at, direction);
}

[[nodiscard]] std::string read_to_end(int fd) { return read_exactly(fd, SIZE_MAX); }

}  // namespace

TEST_CASE("hostdev unix-listen serves those who connect, one after the other, and tells the vdev") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket")});
    std::string typed;
    for (const std::string word : {"one", "two", "six"}) {
        UniqueFd user = connect_unix(folder / "socket");
        CHECK(host.client.wait_connected(true));
        REQUIRE(::write(user.get(), word.data(), word.size()) == 3);
        typed += word;
        CHECK(host.client.wait_for(typed.size()) == typed);
        put_all(*port, word);
        CHECK(read_exactly(user.get(), 3) == word);
        user = UniqueFd{};
        CHECK(host.client.wait_connected(false));
    }
}

TEST_CASE("whoever connects while another one is there waits for the other to go") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket")});
    UniqueFd first = connect_unix(folder / "socket");
    UniqueFd second = connect_unix(folder / "socket");
    REQUIRE(::write(second.get(), "second", 6) == 6);
    REQUIRE(::write(first.get(), "first ", 6) == 6);
    CHECK(host.client.wait_for(6) == "first ");
    first = UniqueFd{};
    CHECK(host.client.wait_for(12) == "first second");
}

TEST_CASE("what the vdev says to nobody waits for the next one who connects, and no vdev waits for him") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket")});
    std::string text(2 * OutputQueue::kCapacity, '.');
    text += std::string(OutputQueue::kCapacity, 'n');
    for (std::size_t at = 0; at < text.size(); at += 1000) {
        const auto part = std::as_bytes(std::span{text}.subspan(at, std::min<std::size_t>(1000, text.size() - at)));
        REQUIRE(port->write(part) == part.size());
    }
    const UniqueFd user = connect_unix(folder / "socket");
    CHECK(read_exactly(user.get(), OutputQueue::kCapacity) == std::string(OutputQueue::kCapacity, 'n'));
}

TEST_CASE("who has said all that he wants to say still gets the answer") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket")});
    UniqueFd user = connect_unix(folder / "socket");
    REQUIRE(::write(user.get(), "question", 8) == 8);
    REQUIRE(::shutdown(user.get(), SHUT_WR) == 0);
    CHECK(host.client.wait_for(8) == "question");
    put_all(*port, "answer");
    CHECK(read_exactly(user.get(), 6) == "answer");
    user = UniqueFd{};
    put_all(*port, "more");
    CHECK(host.client.wait_connected(false));
    const UniqueFd next = connect_unix(folder / "socket");
    CHECK(host.client.wait_connected(true));
}

TEST_CASE("who has said all that he wants to say gives way to the next who connects") {
    const Folder folder;
    Host host;
    const HostDev::Direction direction = GENERATE(HostDev::Direction::Both, HostDev::Direction::Output);
    const auto port = host.attached({listening(folder / "socket", direction)});
    const UniqueFd first = connect_unix(folder / "socket");
    REQUIRE(::shutdown(first.get(), SHUT_WR) == 0);
    const UniqueFd second = connect_unix(folder / "socket");
    CHECK(read_to_end(first.get()).empty());
    put_all(*port, "for the second");
    CHECK(read_exactly(second.get(), 14) == "for the second");
}

TEST_CASE("everything that was sent before the other side went is read, however slow the vdev is") {
    const Folder folder;
    Host host;
    host.client.limit(0);
    const auto port = host.attached({listening(folder / "socket")});
    const std::string text(100'000, 't');
    {
        const UniqueFd user = connect_unix(folder / "socket");
        REQUIRE(::write(user.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    put_all(*port, "to one who has gone");
    host.client.limit(SIZE_MAX);
    port->resume_input();
    CHECK(host.client.wait_for(text.size()) == text);
}

TEST_CASE("hostdev >unix-listen notices that its reader has gone without writing to him") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket", HostDev::Direction::Output)});
    UniqueFd user = connect_unix(folder / "socket");
    CHECK(host.client.wait_connected(true));
    user = UniqueFd{};
    CHECK(host.client.wait_connected(false));
    put_all(*port, "for the next");
    user = connect_unix(folder / "socket");
    CHECK(read_exactly(user.get(), 12) == "for the next");
}

TEST_CASE("megabytes through a socket arrive whole, also when both sides are slow in turn") {
    const Folder folder;
    Host host;
    const auto port = host.attached({listening(folder / "socket")});
    const UniqueFd user = connect_unix(folder / "socket");
    std::string text;
    while (text.size() < 5'000'000) text += std::to_string(text.size()) + ' ';
    std::string got;
    std::thread reader{[&] { got = read_exactly(user.get(), text.size()); }};
    for (std::size_t sent = 0; sent < text.size();) {
        sent += port->write(std::as_bytes(std::span{text}.subspan(sent)));
        if (sent < text.size()) REQUIRE(host.client.wait_writable());
    }
    reader.join();
    CHECK(got == text);
}

TEST_CASE("the socket goes with the vdev, and one that was left over is replaced") {
    const Folder folder;
    const std::string name = folder / "socket";
    {
        const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    Host host;
    {
        const auto port = host.attached({listening(name)});
        const UniqueFd user = connect_unix(name);
        put_all(*port, "hello");
        CHECK(read_exactly(user.get(), 5) == "hello");
    }
    CHECK_FALSE(std::filesystem::exists(name));
}

TEST_CASE("a socket that is in use, or something else, is not replaced") {
    const Folder folder;
    Host host;
    const auto first = host.open({listening(folder / "socket")});
    CHECK_THROWS_WITH(host.open({listening(folder / "socket")}), Catch::Matchers::Contains("another program does"));
    (void)folder.write("file", "precious");
    CHECK_THROWS_WITH(host.open({listening(folder / "file")}), Catch::Matchers::Contains("cannot listen there"));
    CHECK(contents(folder / "file") == "precious");
    CHECK_THROWS_WITH(host.open({listening(folder / std::string(200, 'x'))}),
                      Catch::Matchers::Contains("File name too long"));
}

TEST_CASE("the last words of the guest reach who is connected") {
    const Folder folder;
    Host host;
    UniqueFd user;
    {
        const auto port = host.attached({listening(folder / "socket")});
        user = connect_unix(folder / "socket");
        REQUIRE(host.client.wait_connected(true));
        put_all(*port, "last words");
    }
    CHECK(read_to_end(user.get()) == "last words");
}

}  // namespace qvm
