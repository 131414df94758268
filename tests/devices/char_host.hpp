// SPDX-License-Identifier: Apache-2.0
// Host ends on real descriptors, and a vdev that uses them.
#pragma once

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

#include "devices/host/open_char_port.hpp"
#include "devices/host/output_queue.hpp"
#include "support/fake_context.hpp"
#include "support/temp_dir.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

inline constexpr OptionSpec kHostdev[]{
    {.name = "hostdev", .type = ArgType::HostDev, .help = "host's end", .repeatable = true},
    {.name = "delayed", .type = ArgType::Delay, .help = "opened late"}};
inline constexpr VdevSyntax kSyntax{.type = "uart", .summary = "for the test", .options = kHostdev};
inline constexpr int kPatienceMs = 20'000;

struct Folder : TempDir {
    [[nodiscard]] std::string operator/(std::string_view name) const { return path(name); }
};

[[nodiscard]] inline std::string contents(const std::string& path) { return read_file(path); }

[[nodiscard]] inline bool readable(int fd) {
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&item, 1, kPatienceMs) == 1;
}

/// Reads until `count` bytes have come or nothing more does.
[[nodiscard]] inline std::string read_exactly(int fd, std::size_t count) {
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
    void connected(bool somebody) noexcept override {
        const std::lock_guard lock{mutex_};
        connected_ = somebody;
        changed_.notify_all();
    }
    void resized(TerminalSize size) noexcept override {
        const std::lock_guard lock{mutex_};
        size_ = size;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_connected(bool somebody) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return connected_ == somebody; });
    }
    [[nodiscard]] bool wait_size(TerminalSize size) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return size_ == size; });
    }
    [[nodiscard]] std::string wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, kPatience, [&] { return text_.size() >= count; });
        return text_;
    }
    [[nodiscard]] bool wait_writable() {
        std::unique_lock lock{mutex_};
        const bool told = changed_.wait_for(lock, kPatience, [&] { return writable_ > 0; });
        writable_ = 0;
        return told;
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
    bool connected_ = false;
    TerminalSize size_{};
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
        FakeSpec spec{kSyntax};
        if (delay) spec.with("delayed", *delay);
        std::uint32_t line = 1;
        for (HostDev& dev : devs) spec.with("hostdev", std::move(dev), Location{.line = line++});
        return open_char_port(char_end(spec.get()), {.loop = loop, .log = log});
    }
    [[nodiscard]] std::unique_ptr<CharPort> attached(std::vector<HostDev> devs) {
        auto port = open(std::move(devs));
        port->attach(client);
        return port;
    }
    std::optional<Delay> delay;
    EventLoop loop{"test io"};
    Log log{"test", silence()};
    Client client{};
};

inline void put_all(CharPort& port, std::string_view text) {
    for (const char c : text) REQUIRE(port.put(static_cast<std::byte>(c)));
}

[[nodiscard]] inline HostDev path(std::string target, HostDev::Direction direction = HostDev::Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Path, .target = std::move(target)};
}
[[nodiscard]] inline HostDev stdio(HostDev::Direction direction = HostDev::Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Stdio, .target = {}};
}
[[nodiscard]] inline HostDev command(std::string text) {
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

}  // namespace qvm::test
