// SPDX-License-Identifier: Apache-2.0
// A guest's sockets between a driver of the test's and programs of the host, which are the test's, too.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/vsock.hpp"
#include "support/fake_virtio.hpp"
#include "support/temp_dir.hpp"

namespace qvm::test {

/// A program of the host with a socket.
class HostSocket {
public:
    explicit HostSocket(UniqueFd fd) : fd_{std::move(fd)} {
        if (!fd_) throw std::runtime_error{"no connection"};
    }
    void send(std::string_view text) const {
        if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
            throw std::runtime_error{"the host cannot send"};
    }
    /// As many bytes as the socket takes of `text`.
    [[nodiscard]] std::size_t send_some(std::string_view text) const {
        const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        return sent < 0 ? 0 : static_cast<std::size_t>(sent);
    }
    /// So many bytes; fewer if the other end ends before.
    [[nodiscard]] std::string read(std::size_t size) const {
        std::string text(size, '\0');
        std::size_t done = 0;
        while (done < size) {
            const std::size_t got = read_some(&text[done], size - done);
            if (got == 0) break;
            done += got;
        }
        return text.substr(0, done);
    }
    /// Whether the other end is gone, or will send no more.
    [[nodiscard]] bool at_end() const {
        char byte = 0;
        return read_some(&byte, 1) == 0;
    }
    /// Reads what is there, up to `size`.
    void skip(std::size_t size) const {
        std::string text(size, '\0');
        (void)::recv(fd_.get(), text.data(), size, MSG_DONTWAIT);
    }
    void end_output() const { ::shutdown(fd_.get(), SHUT_WR); }

private:
    std::size_t read_some(char* to, std::size_t size) const {
        pollfd readable{fd_.get(), POLLIN, 0};
        const auto patience = static_cast<int>(std::chrono::milliseconds{kPatience}.count());
        if (::poll(&readable, 1, patience) != 1) throw std::runtime_error{"the host waits in vain"};
        const ssize_t got = ::recv(fd_.get(), to, size, 0);
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
    UniqueFd fd_;
};

struct VsockBench {
    static constexpr std::uint64_t kCid = 7;
    static constexpr std::uint32_t kGuestPort = 1024;
    static constexpr std::uint32_t kHostPort = 52;
    static constexpr std::uint32_t kRoom = 256 * 1024;

    struct Packet {
        VsockHeader header;
        std::string data;
    };

    VsockBench() : path{directory.path("v")}, vsock{context, "vsock", kCid, path}, driver{context, vsock} {}
    ~VsockBench() { driver.stop(); }
    VsockBench(const VsockBench&) = delete;
    VsockBench& operator=(const VsockBench&) = delete;

    /// DRIVER_OK, with buffers for packets from the host.
    void start(unsigned buffers = 32, std::uint32_t size = 4096) {
        driver.start();
        buffers_.clear();
        for (unsigned i = 0; i < buffers; ++i) give(driver.heap.writable(size));
    }
    void give(const Buffer& buffer) { buffers_[driver.queue(0).send({buffer})] = buffer; }

    /// From the guest's port to the host's, unless it says otherwise.
    [[nodiscard]] static VsockHeader header(VsockOp op, std::uint32_t length = 0) {
        return {.src_cid = kCid,
                .dst_cid = kVsockHostCid,
                .src_port = kGuestPort,
                .dst_port = kHostPort,
                .len = length,
                .op = op,
                .buf_alloc = kRoom};
    }
    void send(const VsockHeader& head, std::string_view data = {}) {
        std::string bytes(kVsockHeaderSize + data.size(), '\0');
        std::memcpy(bytes.data(), &head, kVsockHeaderSize);
        std::copy(data.begin(), data.end(), bytes.begin() + kVsockHeaderSize);
        const Gpa at = room_for(bytes.size());
        if (!context.ram.write(at, std::as_bytes(std::span{bytes}))) throw std::logic_error{"no such memory"};
        driver.queue(1).send({{at, static_cast<std::uint32_t>(bytes.size()), false}});
        (void)driver.queue(1).wait_used();
    }
    void send(VsockOp op, std::uint32_t flags = 0) {
        VsockHeader head = header(op);
        head.flags = flags;
        send(head);
    }
    void send_data(std::string_view data) { send(header(VsockOp::Rw, static_cast<std::uint32_t>(data.size())), data); }

    /// The next packet for the guest; its buffer is given again.
    Packet next() {
        const auto used = driver.queue(0).wait_used();
        const Buffer buffer = buffers_.at(used.id);
        buffers_.erase(used.id);
        const std::string text = driver.heap.text(buffer);
        Packet packet;
        std::ranges::copy(std::as_bytes(std::span{text}.first(kVsockHeaderSize)),
                          std::as_writable_bytes(std::span{&packet.header, 1}).begin());
        packet.data = text.substr(kVsockHeaderSize, used.written - kVsockHeaderSize);
        if (packet.header.len != packet.data.size()) throw std::runtime_error{"a packet with a wrong length"};
        give(buffer);
        return packet;
    }
    /// The next one that is not about credit.
    Packet next_but_credit() {
        while (true) {
            Packet packet = next();
            if (packet.header.op != VsockOp::CreditUpdate && packet.header.op != VsockOp::CreditRequest) return packet;
        }
    }
    void settle() {
        for (int i = 0; i < 3; ++i) run_on_loop(context.loop(), [] {});
    }

    /// A connection that the guest has made, seen by the host.
    [[nodiscard]] HostSocket connect_from_guest() {
        if (!host_listener) host_listener.emplace(path + "_52");
        send(VsockOp::Request);
        HostSocket host{host_listener->accept()};
        if (next().header.op != VsockOp::Response) throw std::runtime_error{"no response"};
        return host;
    }
    /// What the host says to be connected to the guest's port.
    [[nodiscard]] HostSocket connect_from_host() {
        HostSocket host{connect_unix(path)};
        host.send("CONNECT 1024\n");
        const Packet request = next();
        if (request.header.op != VsockOp::Request) throw std::runtime_error{"no request"};
        last_host_port = request.header.src_port;
        return host;
    }

    FakeContext context;
    TempDir directory;
    std::string path;
    UnixVsock vsock;
    FakeVirtio driver;
    std::optional<UnixListener> host_listener;
    std::uint32_t last_host_port = 0;

private:
    [[nodiscard]] Gpa room_for(std::size_t size) {
        constexpr std::size_t kScratch = 256 * 1024;
        if (!scratch_) scratch_ = driver.heap.take(kScratch);
        if (size > kScratch) throw std::logic_error{"too large for a packet"};
        return *scratch_;
    }
    std::optional<Gpa> scratch_;
    std::map<std::uint16_t, Buffer> buffers_;
};

}  // namespace qvm::test
