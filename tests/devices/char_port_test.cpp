// SPDX-License-Identifier: Apache-2.0
// The host's end of character vdevs, on real descriptors (qvmconf 3.4).
#include "devices/char_host.hpp"

#include <pty.h>
#include <sys/ioctl.h>

#include <future>

namespace qvm {

using namespace test;

TEST_CASE("a character vdev without hostdev swallows its output") {
    Host host;
    const auto port = host.attached({});
    for (std::size_t i = 0; i < 3 * OutputQueue::kCapacity; ++i) REQUIRE(port->put(std::byte{'x'}));
}

TEST_CASE("hostdev to a regular file makes it, appends to it, and has all of it written at the end") {
    const Folder folder;
    const std::string file = folder / "log";
    for (const char* text : {"first\n", "second\n"}) {
        Host host;
        put_all(*host.attached({path(file)}), text);
    }
    CHECK(contents(file) == "first\nsecond\n");
}

TEST_CASE("hostdev <file reads it once, and its end is no event") {
    const Folder folder;
    std::ofstream{folder / "in"} << "input of a file";
    Host host;
    const auto port = host.attached({path(folder / "in", HostDev::Direction::Input)});
    CHECK(host.client.wait_for(15) == "input of a file");
    CHECK(port->put(std::byte{'x'}));
}

TEST_CASE("input stops when the vdev takes no more, and goes on at its word with nothing lost") {
    const Folder folder;
    const std::string text(10'000, 'i');
    std::ofstream{folder / "in"} << text;
    Host host;
    host.client.limit(16);
    const auto port = host.attached({path(folder / "in", HostDev::Direction::Input)});
    for (std::size_t taken = 16; taken < text.size(); taken += 16) {
        REQUIRE(host.client.wait_for(taken).size() == taken);
        host.client.limit(taken + 16);
        port->resume_input();
    }
    CHECK(host.client.wait_for(text.size()) == text);
}

TEST_CASE("two hostdev options give input and output separately") {
    const Folder folder;
    std::ofstream{folder / "in"} << "question";
    Host host;
    {
        const auto port = host.attached(
            {path(folder / "in", HostDev::Direction::Input), path(folder / "out", HostDev::Direction::Output)});
        CHECK(host.client.wait_for(8) == "question");
        put_all(*port, "answer");
    }
    CHECK(contents(folder / "out") == "answer");
}

TEST_CASE("hostdev with a FIFO works in both directions") {
    const Folder folder;
    const std::string in = folder / "in", out = folder / "out";
    REQUIRE(::mkfifo(in.c_str(), 0600) == 0);
    REQUIRE(::mkfifo(out.c_str(), 0600) == 0);
    Host host;
    const auto port = host.attached({path(in, HostDev::Direction::Input), path(out, HostDev::Direction::Output)});
    const UniqueFd reader{::open(out.c_str(), O_RDONLY | O_CLOEXEC)};
    for (const char* text : {"one", "two"}) {  // the first writer's end does not end the input
        const UniqueFd writer{::open(in.c_str(), O_WRONLY | O_CLOEXEC)};
        REQUIRE(::write(writer.get(), text, 3) == 3);
    }
    CHECK(host.client.wait_for(6) == "onetwo");
    put_all(*port, "back");
    CHECK(read_exactly(reader.get(), 4) == "back");
}

TEST_CASE("hostdev with a unix socket connects to it") {
    const Folder folder;
    const std::string name = folder / "socket";
    const UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    Host host;
    const auto port = host.attached({path(name)});
    const UniqueFd peer{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    put_all(*port, "to the peer");
    CHECK(read_exactly(peer.get(), 11) == "to the peer");
    REQUIRE(::write(peer.get(), "and back", 8) == 8);
    CHECK(host.client.wait_for(8) == "and back");
}

TEST_CASE("hostdev - uses stdin and stdout and leaves their blocking mode alone") {
    const Pipe input, output;
    Host host;
    {
        const Replaced in{STDIN_FILENO, input.reading.get()};
        const Replaced out{STDOUT_FILENO, output.writing.get()};
        const auto port = host.attached({stdio()});
        put_all(*port, "console");
        CHECK(read_exactly(output.reading.get(), 7) == "console");
        REQUIRE(::write(input.writing.get(), "keys", 4) == 4);
        CHECK(host.client.wait_for(4) == "keys");
        CHECK((::fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK) == 0);
        CHECK((::fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK) == 0);
    }
}

TEST_CASE("the end of stdin is taken once, and output goes on") {
    Pipe input, output;
    Host host;
    const Replaced in{STDIN_FILENO, input.reading.get()};
    const Replaced out{STDOUT_FILENO, output.writing.get()};
    const auto port = host.attached({stdio()});
    REQUIRE(::write(input.writing.get(), "last", 4) == 4);
    input.writing = UniqueFd{};
    CHECK(host.client.wait_for(4) == "last");
    put_all(*port, "on");
    CHECK(read_exactly(output.reading.get(), 2) == "on");
    CHECK(host.client.calls() == 1);
}

TEST_CASE("a full host end is refused and announced, and every byte that was taken arrives") {
    const Pipe output;
    Host host;
    const Replaced out{STDOUT_FILENO, output.writing.get()};
    const auto port = host.attached({stdio(HostDev::Direction::Output)});
    std::size_t sent = 0;
    while (port->put(static_cast<std::byte>(sent % 251))) ++sent;
    CHECK(sent >= OutputQueue::kCapacity);
    const std::string got = read_exactly(output.reading.get(), sent);
    REQUIRE(got.size() == sent);
    bool in_order = true;
    for (std::size_t i = 0; i < sent; ++i) in_order = in_order && static_cast<unsigned char>(got[i]) == i % 251;
    CHECK(in_order);
    CHECK(host.client.wait_writable());
    CHECK(port->put(std::byte{0}));
}

TEST_CASE("a reader that reads nothing does not hold up the end") {
    const Pipe output;
    ::fcntl(output.writing.get(), F_SETFL, O_NONBLOCK);
    const std::array<char, 4096> filler{};
    while (::write(output.writing.get(), filler.data(), filler.size()) > 0) {
    }
    Host host;
    const Replaced out{STDOUT_FILENO, output.writing.get()};
    const auto begin = std::chrono::steady_clock::now();
    {
        const auto port = host.attached({stdio(HostDev::Direction::Output)});
        while (port->put(std::byte{'x'})) {
        }
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took >= OutputQueue::kFlushTime);
    CHECK(took < kPatience);
}

TEST_CASE("a host end that dies is reported once by name and reason, and then swallows") {
    const Messages messages;
    Pipe output;
    {
        EventLoop loop{"test io"};
        Log log{"test", {}};
        const Replaced out{STDOUT_FILENO, output.writing.get()};
        output.writing = UniqueFd{};
        output.reading = UniqueFd{};
        test::FakeSpec spec{kSyntax};
        spec.with("hostdev", stdio(HostDev::Direction::Output));
        Client client;
        const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log});
        port->attach(client);
        for (std::size_t i = 0; i < 3 * OutputQueue::kCapacity; ++i) {
            if (!port->put(std::byte{'x'})) REQUIRE(client.wait_writable());
        }
    }
    CHECK_THAT(messages.line(), Catch::Matchers::Contains(
                                    "uart: hostdev '-': cannot write, so output is lost from here on: Broken pipe"));
    CHECK_THAT(messages.rest(), !Catch::Matchers::Contains("Broken pipe"));
}

TEST_CASE("hostdev |command gives the output to a shell command, which has ended when the port has") {
    const Folder folder;
    const std::string file = folder / "out";
    Host host;
    put_all(*host.attached({command("tr a-z A-Z > " + file + "; echo done >> " + file)}), "shout");
    CHECK(contents(file) == "SHOUTdone\n");
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("hostdev |command does not leave a command behind that ignores its end of input") {
    Host host;
    { const auto port = host.attached({command("trap '' TERM; while :; do sleep 100; done")}); }
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("hostdev |command that ends early neither kills qvm nor stays as a zombie") {
    Host host;
    const auto port = host.attached({command("exec true")});
    while (::waitpid(-1, nullptr, WNOHANG | WNOWAIT) == 0) ::poll(nullptr, 0, 1);
    for (std::size_t i = 0; i < 2 * OutputQueue::kCapacity; ++i) {
        if (!port->put(std::byte{'x'})) REQUIRE(host.client.wait_writable());
    }
}

TEST_CASE("hostdev /dev/ptmx makes a pseudo-terminal, names it, and passes bytes unchanged") {
    const Messages messages;
    EventLoop loop{"test io"};
    Log log{"test", {}};
    test::FakeSpec spec{kSyntax};
    spec.with("name", std::string{"com1"}).with("hostdev", path("/dev/ptmx"));
    Client client;
    const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log});
    port->attach(client);
    const std::string text = messages.line();
    const std::string before = "uart com1: the other end is ";
    const std::size_t at = text.find(before);
    REQUIRE(at != std::string::npos);
    const std::string name = text.substr(at + before.size(), text.size() - at - before.size() - 1);

    put_all(*port, "before anyone came\n");
    std::string typed;
    for (const std::string word : {"one\r", "two\n", "six\n"}) {  // and again after everyone has left
        const UniqueFd user{::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
        REQUIRE(user);
        if (typed.empty()) CHECK(read_exactly(user.get(), 19) == "before anyone came\n");
        REQUIRE(::write(user.get(), word.data(), word.size()) == 4);
        typed += word;
        CHECK(client.wait_for(typed.size()) == typed);
        put_all(*port, word);
        CHECK(read_exactly(user.get(), 4) == word);
    }
}

TEST_CASE("hostdev /dev/ptmx that nobody opens never stops the guest") {
    Host host;
    const auto port = host.attached({path("/dev/ptmx")});
    for (std::size_t i = 0; i < 3 * OutputQueue::kCapacity; ++i) REQUIRE(port->put(std::byte{'x'}));
}

TEST_CASE("a hostdev that cannot be opened is an error at the argument, with its reason and what to do") {
    const Folder folder;
    Host host;
    const auto failure = [&](HostDev dev) -> std::string {
        try {
            (void)host.open({path("/dev/null", HostDev::Direction::Input), std::move(dev)});
            return "opened";
        } catch (const ConfigError& error) {
            CHECK(error.where().line == 2);
            return std::string{error.what()} + "; " + error.hint();
        }
    };
    using Catch::Matchers::Contains;
    CHECK_THAT(failure(path(folder / "no/such", HostDev::Direction::Output)),
               Contains("no/such': cannot open: No such file or directory") && Contains("not its folder"));
    CHECK_THAT(failure(path(folder / "", HostDev::Direction::Output)), Contains("Is a directory"));
    CHECK_THAT(failure(path(folder / "other", HostDev::Direction::Input)), Contains("the input already"));
    CHECK_THAT(failure(stdio()), Contains("the input already"));
    CHECK_THAT(failure({.direction = HostDev::Direction::Input, .kind = HostDev::Kind::Command, .target = "true"}),
               Contains("a command can take output only"));
}

TEST_CASE("a hostdev socket without a listener says so") {
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
    CHECK_THROWS_WITH(host.open({path(name)}), Catch::Matchers::Contains("Connection refused"));
}

TEST_CASE("ports can be made, used and destroyed at any moment") {
    const Folder folder;
    Host host;
    for (int i = 0; i < 50; ++i) {
        const auto port = host.attached({i % 2 == 0 ? path("/dev/ptmx") : path(folder / "log")});
        for (int n = 0; n < i; ++n) (void)port->put(std::byte{'x'});
        if (i % 3 == 0) port->resume_input();
    }
}

TEST_CASE("output that is given at once is taken as far as there is room") {
    const Pipe output;
    ::fcntl(output.writing.get(), F_SETFL, O_NONBLOCK);
    const std::array<char, 4096> filler{};
    while (::write(output.writing.get(), filler.data(), filler.size()) > 0) {
    }
    Host host;
    const Replaced out{STDOUT_FILENO, output.writing.get()};
    const auto port = host.attached({stdio(HostDev::Direction::Output)});
    const std::vector<std::byte> text(3 * OutputQueue::kCapacity);
    CHECK(port->write(text) == OutputQueue::kCapacity);
    CHECK(port->write(text) == 0);
    CHECK(port->write({}) == 0);
}

TEST_CASE("output from the loop's own thread goes past the queue, which is no limit then") {
    const Folder folder;
    Host host;
    const std::string text(5 * OutputQueue::kCapacity, 't');
    std::promise<std::size_t> taken;
    {
        const auto port = host.attached({path(folder / "log")});
        host.loop.post([&] { taken.set_value(port->write(std::as_bytes(std::span{text}))); });
        CHECK(taken.get_future().get() == text.size());
        CHECK(contents(folder / "log") == text);
    }
    CHECK(contents(folder / "log") == text);
}

TEST_CASE("the vdev is told the size of a terminal, and of a new one when somebody types") {
    int master = -1, slave = -1;
    const winsize before{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, &before) == 0);
    const UniqueFd keyboard{master}, terminal{slave};
    Host host;
    const auto port = host.attached({path(::ttyname(slave))});
    CHECK(host.client.wait_size({80, 24}));
    const winsize after{.ws_row = 50, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(terminal.get(), TIOCSWINSZ, &after) == 0);
    REQUIRE(::write(keyboard.get(), "x", 1) == 1);
    CHECK(host.client.wait_size({132, 50}));
}

TEST_CASE("the vdev is told when somebody opens the other side of /dev/ptmx, and when he has gone") {
    Host host;
    std::vector<NewPseudoTerminal> made;
    FakeSpec spec{kSyntax};
    spec.with("hostdev", path("/dev/ptmx"));
    const auto port =
        open_char_port(char_end(spec.get()), {.loop = host.loop, .log = host.log, .pseudo_terminals = &made});
    port->attach(host.client);
    for (int i = 0; i < 3; ++i) {
        {
            const UniqueFd user{::open(made.at(0).path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
            CHECK(host.client.wait_connected(true));
        }
        CHECK(host.client.wait_connected(false));
    }
}

TEST_CASE("one port of several says which one it is") {
    Host host;
    FakeSpec spec{kSyntax};
    spec.with("name", std::string{"io"}).with("hostdev", path("/no/such/folder/at/all", HostDev::Direction::Output));
    CHECK_THROWS_WITH(open_char_port(char_end(spec.get(), "agent", std::span{spec.get().options}.last(1)),
                                     {.loop = host.loop, .log = host.log}),
                      Catch::Matchers::StartsWith("uart io port agent: hostdev '/no/such/folder/at/all': cannot open"));
}

}  // namespace qvm
