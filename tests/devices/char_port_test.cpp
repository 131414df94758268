// SPDX-License-Identifier: Apache-2.0
// The host's end of character vdevs, on real descriptors (qvmconf 3.4).
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "devices/host/open_char_port.hpp"
#include "devices/host/output_queue.hpp"
#include "support/fake_context.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;
using test::kPatience;

constexpr OptionSpec kHostdev[]{
    {.name = "hostdev", .type = ArgType::HostDev, .help = "host's end", .repeatable = true}};
constexpr VdevSyntax kSyntax{.type = "uart", .summary = "for the test", .options = kHostdev};
constexpr int kPatienceMs = 20'000;

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "qvm-char-port-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        path_ = name;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(std::string_view name) const { return (path_ / name).string(); }

private:
    fs::path path_;
};

[[nodiscard]] std::string contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

[[nodiscard]] bool readable(int fd) {
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&item, 1, kPatienceMs) == 1;
}

/// Reads until `count` bytes have come or nothing more does.
[[nodiscard]] std::string read_exactly(int fd, std::size_t count) {
    std::string text;
    while (text.size() < count && readable(fd)) {
        std::array<char, 4096> part;
        const auto got = ::read(fd, part.data(), std::min(part.size(), count - text.size()));
        if (got <= 0) break;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
}

/// The device's side: takes input up to a limit.
class Client final : public CharClient {
public:
    std::size_t receive(std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        const std::size_t taken = std::min(data.size(), limit_ - std::min(limit_, text_.size()));
        for (const std::byte byte : data.first(taken)) text_.push_back(static_cast<char>(byte));
        ++calls_;
        changed_.notify_all();
        return taken;
    }
    void writable() noexcept override {
        const std::lock_guard lock{mutex_};
        ++writable_;
        changed_.notify_all();
    }
    [[nodiscard]] std::string wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, kPatience, [&] { return text_.size() >= count; });
        return text_;
    }
    [[nodiscard]] bool wait_writable() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return writable_ > 0; });
    }
    void limit(std::size_t bytes) {
        const std::lock_guard lock{mutex_};
        limit_ = bytes;
    }
    [[nodiscard]] unsigned calls() {
        const std::lock_guard lock{mutex_};
        return calls_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
    std::size_t limit_ = SIZE_MAX;
    unsigned calls_ = 0;
    unsigned writable_ = 0;
};

/// A descriptor replaced for the time of a test.
class Replaced {
public:
    Replaced(int fd, int by) : fd_{fd}, saved_{::fcntl(fd, F_DUPFD_CLOEXEC, 100)} { ::dup2(by, fd); }
    ~Replaced() { ::dup2(saved_.get(), fd_); }
    Replaced(const Replaced&) = delete;
    Replaced& operator=(const Replaced&) = delete;

private:
    int fd_;
    UniqueFd saved_;
};

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe"};
        reading = UniqueFd{ends[0]};
        writing = UniqueFd{ends[1]};
    }
    UniqueFd reading, writing;
};

struct Host {
    [[nodiscard]] std::unique_ptr<CharPort> open(std::vector<HostDev> devs) {
        test::FakeSpec spec{kSyntax};
        std::uint32_t line = 1;
        for (HostDev& dev : devs) spec.with("hostdev", std::move(dev), Location{.line = line++});
        return open_char_port(spec.get(), {.loop = loop, .log = log});
    }
    [[nodiscard]] std::unique_ptr<CharPort> attached(std::vector<HostDev> devs) {
        auto port = open(std::move(devs));
        port->attach(client);
        return port;
    }
    EventLoop loop{"test io"};
    Log log{"test", test::silence()};
    Client client;
};

void put_all(CharPort& port, std::string_view text) {
    for (const char c : text) REQUIRE(port.put(static_cast<std::byte>(c)));
}

[[nodiscard]] HostDev path(std::string target, HostDev::Direction direction = HostDev::Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Path, .target = std::move(target)};
}
[[nodiscard]] HostDev stdio(HostDev::Direction direction = HostDev::Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Stdio, .target = {}};
}
[[nodiscard]] HostDev command(std::string text) {
    return {.direction = HostDev::Direction::Output, .kind = HostDev::Kind::Command, .target = std::move(text)};
}

/// Messages on stderr, by way of a pipe.
class Messages {
public:
    Messages() : replaced_{STDERR_FILENO, pipe_.writing.get()} { ::fcntl(pipe_.reading.get(), F_SETFL, O_NONBLOCK); }
    /// Waits for the next line.
    [[nodiscard]] std::string line() const {
        std::string text;
        while (!text.ends_with('\n')) {
            const std::string next = read_exactly(pipe_.reading.get(), 1);
            if (next.empty()) break;
            text += next;
        }
        return text;
    }
    /// What has come and was not taken yet.
    [[nodiscard]] std::string rest() const {
        std::array<char, 4096> buffer{};
        const auto got = ::read(pipe_.reading.get(), buffer.data(), buffer.size());
        return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }

private:
    Pipe pipe_;
    Replaced replaced_;
};

}  // namespace

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
        const auto port = open_char_port(spec.get(), {.loop = loop, .log = log});
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
    const auto port = open_char_port(spec.get(), {.loop = loop, .log = log});
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

}  // namespace qvm
