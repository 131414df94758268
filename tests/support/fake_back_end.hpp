// SPDX-License-Identifier: Apache-2.0
// A vhost-user back end on a thread of its own, with manners or without. It serves rings by answering each chain with
// the readable bytes turned round; guest memory it reaches as the message said, through the descriptors it was given.
#pragma once

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "devices/host/unix_socket.hpp"
#include "devices/host/vhost_user_message.hpp"
#include "devices/virtio/virtqueue.hpp"
#include "support/fake_context.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm::test {

class FakeBackEnd {
public:
    using Request = VhostUserRequest;
    using Message = VhostUserMessage;
    /// What it does in place of the answer to some request.
    enum class Odd : std::uint8_t {
        Nothing,
        Close,
        Short,
        Long,
        Endless,
        WrongType,
        NoReplyBit,
        Refuse,
        Descriptors,
        Twice
    };

    static constexpr std::uint64_t kFeatures = virtio_feature::kVersion1 | virtio_feature::kIndirectDesc |
                                               virtio_feature::kEventIdx | vhost_user_feature::kProtocolFeatures;
    struct Manners {
        std::uint64_t features = kFeatures;
        std::uint64_t protocol = vhost_user_feature::kMq | vhost_user_feature::kReplyAck |
                                 vhost_user_feature::kBackendReq | vhost_user_feature::kConfig;
        std::uint64_t queues = 2;
        std::string config = "configuration";
        std::map<Request, Odd> odd{};
        bool serves = true;  ///< the rings
    };

    /// `memory` is the guest's, for the rings; looked at from SET_MEM_TABLE on.
    FakeBackEnd(const std::string& path, const GuestMemory& memory, Manners manners)
        : memory_{memory}, manners_{std::move(manners)}, listener_{listen_unix(path, 0600)}, thread_{[this] {
              run();
          }} {}
    ~FakeBackEnd() {
        stop_.signal();
        thread_.join();
    }
    FakeBackEnd(const FakeBackEnd&) = delete;
    FakeBackEnd& operator=(const FakeBackEnd&) = delete;

    /// Runs on its thread before it does anything else.
    void change(std::function<void(Manners&)> how) {
        const std::lock_guard lock{mutex_};
        changes_.push_back(std::move(how));
        poke_.signal();
    }
    void hang_up() {
        act([this] { lose(); });
    }
    /// Says something that it was not asked.
    void say(const Message& message) {
        act([this, message] { (void)reply(message); });
    }
    /// The same on the connection for that.
    void event(const Message& message) {
        act([this, message] {
            (void)::send(events_.get(), message.bytes().data(), message.bytes().size(), MSG_NOSIGNAL);
        });
    }
    /// The answers that came on it.
    [[nodiscard]] bool wait_event_answer() {
        return wait([this] { return event_answers_ > 0; });
    }
    /// How often it was asked that.
    [[nodiscard]] unsigned asked(Request request) {
        const std::lock_guard lock{mutex_};
        return seen_[request];
    }
    [[nodiscard]] bool wait_asked(Request request, unsigned times = 1) {
        return wait([this, request, times] { return seen_[request] >= times; });
    }
    [[nodiscard]] Message last(Request request) {
        const std::lock_guard lock{mutex_};
        return last_[request];
    }
    /// Whether the memory that it was given is the guest's.
    [[nodiscard]] bool saw_memory() {
        const std::lock_guard lock{mutex_};
        return saw_memory_;
    }

private:
    struct Ring {
        QueueSetup setup{};
        UniqueFd kick{};
        UniqueFd call{};
        std::unique_ptr<Virtqueue> queue{};
    };

    template <typename Condition>
    [[nodiscard]] bool wait(Condition condition) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, condition);
    }
    void act(std::function<void()> what) {
        const std::lock_guard lock{mutex_};
        actions_.push_back(std::move(what));
        poke_.signal();
    }

    void run() {
        for (;;) {
            std::vector<pollfd> fds{{stop_.fd(), POLLIN, 0}, {poke_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
            if (socket_) fds.push_back({socket_.get(), POLLIN, 0});
            const std::size_t own = fds.size();
            if (events_) fds.push_back({events_.get(), POLLIN, 0});
            std::vector<unsigned> numbers;
            for (auto& [number, ring] : rings_) {
                if (!ring.queue) continue;
                fds.push_back({ring.kick.get(), POLLIN, 0});
                numbers.push_back(number);
            }
            if (::poll(fds.data(), fds.size(), -1) < 0) continue;
            if (fds[0].revents != 0) return;
            if (fds[1].revents != 0) {
                do_actions();
                continue;
            }
            const std::size_t first_ring = fds.size() - numbers.size();
            for (std::size_t i = 0; i < numbers.size(); ++i)
                if (fds[first_ring + i].revents != 0) serve(rings_[numbers[i]]);
            if (first_ring > own && fds[own].revents != 0) {
                read_event_answer();
                continue;
            }
            if (socket_ && own > 3 && fds[3].revents != 0) {
                receive();
                continue;
            }
            if (fds[2].revents != 0) socket_ = accept_unix(listener_.get());
        }
    }

    void do_actions() {
        poke_.drain();
        std::vector<std::function<void()>> actions;
        {
            const std::lock_guard lock{mutex_};
            for (const auto& change : std::exchange(changes_, {})) change(manners_);
            actions = std::exchange(actions_, {});
        }
        for (const auto& action : actions) action();
    }

    void lose() {
        rings_.clear();
        events_ = {};
        socket_ = {};
        unmap();
    }

    void receive() {
        Message message;
        std::vector<UniqueFd> fds;
        if (!receive_header(message, fds)) return lose();
        const std::span payload{message.payload.data(), message.header.size};
        if (message.header.size != 0 &&
            ::recv(socket_.get(), payload.data(), payload.size(), MSG_WAITALL) != static_cast<ssize_t>(payload.size()))
            return lose();
        Odd odd{};
        bool is_odd = false;
        {
            const std::lock_guard lock{mutex_};
            ++seen_[message.request()];
            last_[message.request()] = message;
            changed_.notify_all();
            const auto found = manners_.odd.find(message.request());
            if (is_odd = found != manners_.odd.end(); is_odd) odd = found->second;
        }
        handle(message, std::move(fds));
        if (is_odd)
            misbehave(message, odd);
        else
            answer(message);
    }

    [[nodiscard]] bool receive_header(Message& message, std::vector<UniqueFd>& fds) const {
        iovec piece{&message.header, sizeof message.header};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
        msghdr whole{};
        whole.msg_iov = &piece;
        whole.msg_iovlen = 1;
        whole.msg_control = control.data();
        whole.msg_controllen = control.size();
        if (::recvmsg(socket_.get(), &whole, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof message.header) return false;
        const cmsghdr* const header = CMSG_FIRSTHDR(&whole);
        const std::size_t count = header == nullptr ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
        return message.header.size <= message.payload.size();
    }

    void handle(const Message& message, std::vector<UniqueFd> fds) {
        const auto state = message.as<VhostUserVringState>();
        switch (message.request()) {
            case Request::SetMemTable:
                return map(message, fds);
            case Request::SetBackendReqFd:
                events_ = std::move(fds.at(0));
                return;
            case Request::SetFeatures:
                accepted_ = message.as<std::uint64_t>().value();
                return;
            case Request::SetVringNum:
                rings_[state->index].setup = {.size = static_cast<std::uint16_t>(state->num), .features = accepted_};
                return;
            case Request::SetVringAddr: {
                const auto where = message.as<VhostUserVringAddr>().value();
                QueueSetup& setup = rings_[where.index].setup;
                setup.descriptors = Gpa{where.descriptor};
                setup.driver = Gpa{where.available};
                setup.device = Gpa{where.used};
                return;
            }
            case Request::SetVringCall:
                rings_[static_cast<unsigned>(*message.as<std::uint64_t>())].call = std::move(fds.at(0));
                return;
            case Request::SetVringKick: {
                Ring& ring = rings_[static_cast<unsigned>(*message.as<std::uint64_t>())];
                ring.kick = std::move(fds.at(0));
                if (manners_.serves) ring.queue = std::make_unique<Virtqueue>(memory_, ring.setup);
                return;
            }
            case Request::GetVringBase:
                rings_.erase(state->index);
                return;
            default:
                return;
        }
    }

    void map(const Message& message, const std::vector<UniqueFd>& fds) {
        VhostUserMemTable table{};
        std::memcpy(&table, message.payload.data(), message.header.size);
        bool same = table.count == fds.size() && table.count != 0;
        for (std::size_t i = 0; same && i < fds.size(); ++i) {
            const VhostUserRegion& region = table.regions[i];
            const auto own = memory_.span(Gpa{region.guest_address}, region.size);
            void* const there = ::mmap(nullptr, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i].get(), 0);
            same = own && there != MAP_FAILED && std::memcmp(there, own->data(), kPage) == 0;
            if (there != MAP_FAILED) mapped_.emplace_back(there, region.size);
        }
        const std::lock_guard lock{mutex_};
        saw_memory_ = same;
    }
    void unmap() {
        for (const auto& [start, size] : std::exchange(mapped_, {})) ::munmap(start, size);
    }

    void answer(const Message& message) {
        std::optional<Message> out;
        switch (message.request()) {
            case Request::GetFeatures:
                out = Message::of(message.request(), manners_.features);
                break;
            case Request::GetProtocolFeatures:
                out = Message::of(message.request(), manners_.protocol);
                break;
            case Request::GetQueueNum:
                out = Message::of(message.request(), manners_.queues);
                break;
            case Request::GetVringBase:
                out = Message::of(message.request(), *message.as<VhostUserVringState>());
                break;
            case Request::GetConfig: {
                out = message;
                std::memcpy(out->payload.data() + offsetof(VhostUserConfig, bytes), manners_.config.data(),
                            std::min(manners_.config.size(), out->header.size - offsetof(VhostUserConfig, bytes)));
                break;
            }
            default:
                if ((message.header.flags & VhostUserHeader::kNeedReply) != 0)
                    out = Message::of(message.request(), std::uint64_t{0});
        }
        if (!out) return;
        out->header.flags = VhostUserHeader::kVersion | VhostUserHeader::kReply;
        (void)reply(*out);
    }

    void misbehave(const Message& message, Odd how) {
        Message out = Message::of(message.request(), std::uint64_t{1});
        out.header.flags |= VhostUserHeader::kReply;
        switch (how) {
            case Odd::Nothing:
                return;
            case Odd::Close:
                return lose();
            case Odd::Short:
                out.header.size = 3;
                break;
            case Odd::Long:
                out.header.size = Message::kMostPayload;
                break;
            case Odd::Endless:
                out.header.size = UINT32_MAX;
                (void)::send(socket_.get(), &out, sizeof out, MSG_NOSIGNAL);
                return;
            case Odd::WrongType:
                ++out.header.request;
                break;
            case Odd::NoReplyBit:
                out.header.flags = VhostUserHeader::kVersion;
                break;
            case Odd::Refuse:
                break;
            case Odd::Descriptors:
                return send_with_descriptors(message);
            case Odd::Twice:
                answer(message);
                return answer(message);
        }
        (void)reply(out);
    }

    /// The right answer, and all the descriptors that a message can bring.
    void send_with_descriptors(const Message& message) {
        constexpr std::size_t kMany = 253;
        Message out = Message::of(message.request(), manners_.features);
        out.header.flags |= VhostUserHeader::kReply;
        iovec piece{&out, out.bytes().size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(kMany * sizeof(int))> control{};
        msghdr whole{};
        whole.msg_iov = &piece;
        whole.msg_iovlen = 1;
        whole.msg_control = control.data();
        whole.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(kMany * sizeof(int));
        const std::vector<int> fds(kMany, 0);
        std::memcpy(CMSG_DATA(header), fds.data(), kMany * sizeof(int));
        (void)::sendmsg(socket_.get(), &whole, MSG_NOSIGNAL);
    }

    [[nodiscard]] bool reply(const Message& message) const {
        return ::send(socket_.get(), message.bytes().data(), message.bytes().size(), MSG_NOSIGNAL) > 0;
    }

    void read_event_answer() {
        Message message;
        const ssize_t got = ::recv(events_.get(), &message, sizeof message, 0);
        if (got <= 0) return void(events_ = {});
        const std::lock_guard lock{mutex_};
        ++event_answers_;
        changed_.notify_all();
    }

    static void serve(Ring& ring) {
        std::uint64_t count = 0;
        (void)!::read(ring.kick.get(), &count, sizeof count);
        do {
            while (auto chain = ring.queue->pop()) {
                std::string text(chain->readable_size(), '\0');
                (void)chain->read(0, std::as_writable_bytes(std::span{text}));
                std::ranges::reverse(text);
                const std::size_t written = chain->write(0, std::as_bytes(std::span{text}));
                ring.queue->push(std::move(*chain), static_cast<std::uint32_t>(written));
            }
        } while (ring.queue->enable_notifications());
        const std::uint64_t one = 1;
        if (ring.queue->interrupt_wanted()) (void)!::write(ring.call.get(), &one, sizeof one);
    }

    static constexpr std::size_t kPage = 4 * kKiB;

    const GuestMemory& memory_;
    std::mutex mutex_;  // guards what others ask for
    std::condition_variable changed_;
    std::vector<std::function<void(Manners&)>> changes_;
    std::vector<std::function<void()>> actions_;
    std::map<Request, unsigned> seen_;
    std::map<Request, Message> last_;
    unsigned event_answers_ = 0;
    bool saw_memory_ = false;
    Manners manners_;

    EventFd stop_;
    EventFd poke_;
    UniqueFd listener_;
    UniqueFd socket_;
    UniqueFd events_;
    std::uint64_t accepted_ = 0;
    std::map<unsigned, Ring> rings_;
    std::vector<std::pair<void*, std::size_t>> mapped_;
    std::thread thread_;  ///< last: it uses all of this
};

}  // namespace qvm::test
