// SPDX-License-Identifier: Apache-2.0
// Bare guests with a driver for virtio-net. None of it needs privileges.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <future>
#include <memory>

#include "devices/host/unix_socket.hpp"
#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr std::size_t kFrame = 60;
constexpr std::size_t kRecord = 4 + kFrame;

std::string config_of(const std::string& guest, const std::string& number, const std::string& options) {
    return config_text(
        {.kernel = guest_file(guest + ".elf"),
         .cmdline = number,
         .more = "vdev virtio-net\n  name net0\n  loc 0xfeb00000\n  intr ioapic:5\n  " + options + '\n'});
}

UniqueFd accept(int listener) {
    pollfd wait{.fd = listener, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 30000) != 1) return {};
    UniqueFd fd = accept_unix(listener);
    // From here on it may wait.
    const int flags = ::fcntl(fd.get(), F_GETFL);
    ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

}  // namespace

TEST_CASE("frames that a bare guest sends reach a program on a socket") {
    const TempDir dir;
    const std::string path = dir.path("socket");
    const UniqueFd listener = listen_unix(path, 0600);
    auto heard = std::async(std::launch::async, [&] {
        const UniqueFd fd = accept(listener.get());
        std::string all(kRecord * 100 + 1, '\0');
        all.resize(
            static_cast<std::size_t>(std::max<ssize_t>(::recv(fd.get(), all.data(), all.size(), MSG_WAITALL), 0)));
        return all;
    });
    const auto ended = run_text(config_of("net_send", "100", "peer unix:" + path));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    const std::string record =
        std::string{"\0\0\0\x3c\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5", 18} + std::string(46, '\x5a');
    std::string expected;
    for (int i = 0; i < 100; ++i) expected += record;
    CHECK(heard.get() == expected);
}

TEST_CASE("frames that a program on a socket sends reach a bare guest") {
    const TempDir dir;
    const std::string path = dir.path("socket");
    const UniqueFd listener = listen_unix(path, 0600);
    auto said = std::async(std::launch::async, [&] {
        const UniqueFd fd = accept(listener.get());
        const std::string record = std::string{"\0\0\0\x3c", 4} + std::string(kFrame, '\x5a');
        std::size_t count = 0;
        // More than the guest waits for: it ends in between.
        while (::send(fd.get(), record.data(), record.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kRecord)) ++count;
        return count;
    });
    const auto ended = run_text(config_of("net_receive", "1000", "peer unix:" + path));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    CHECK(said.get() >= 1000);
}

TEST_CASE("two bare guests are each other's peers, whoever starts first") {
    const TempDir files, meeting_place;
    const bool receiver_first = GENERATE(true, false);
    const auto start = [&](const std::string& system, const std::string& peer, const std::string& guest,
                           const std::string& number) {
        const auto file = files.write(system, "system " + system + "\nlogger info stderr\n" +
                                                  config_of(guest, number, "peer /dev/qvm/" + peer + "/net0"));
        return std::make_unique<Child>(std::vector<std::string>{
            "/usr/bin/env", "RUNTIME_DIRECTORY=" + meeting_place.root().string(), QVM_PROGRAM, "-f", file});
    };
    // The sender goes on as long as it is let: what is sent before the link is up is lost, as in a network.
    const auto send = [&] { return start("sender", "receiver", "net_send", "4000000000"); };
    const auto receive = [&] { return start("receiver", "sender", "net_receive", "1000"); };
    std::unique_ptr<Child> receiver, sender;
    if (receiver_first) receiver = receive();
    sender = send();
    if (receiver_first)
        receiver->wait_for_error("the link is up");
    else
        receiver = receive();
    CAPTURE(receiver->err(), sender->err());
    CHECK(receiver->wait() == Ending{0});
    sender->wait_for_error("the link is down");
    sender->signal(SIGQUIT);
    CHECK(sender->wait() == Ending{3});
}

}  // namespace qvm::test
