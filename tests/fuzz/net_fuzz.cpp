// SPDX-License-Identifier: Apache-2.0
// The queues of a network card (virtio 1.2, 5.1.6): frames with any header, buffers of any size, any command, and a
// host that sends anything.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "devices/virtio/net_control.hpp"
#include "devices/virtio/net_offloads.hpp"
#include "fuzz/input.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kMemory = 512 * kKiB;
constexpr std::uint16_t kQueueSize = 32;

class Host final : public NetBackend {
public:
    explicit Host(std::uint64_t features) : features_{features} {}

    [[nodiscard]] std::uint64_t offloads() const noexcept override { return net_feature::kOffloads; }
    [[nodiscard]] bool link_up() const noexcept override { return true; }
    void attach(NetClient&) override {}
    void use(std::uint64_t, unsigned) noexcept override {}
    [[nodiscard]] Sent send(unsigned, std::span<const iovec> frame) noexcept override {
        promise(frame.size() > 1 && frame[0].iov_len == sizeof(NetHeader), "a frame has its header first");
        NetHeader header;
        std::memcpy(&header, frame[0].iov_base, sizeof header);
        judge(header);
        std::size_t size = 0;
        for (const iovec& part : frame.subspan(1)) size += touch(part);
        promise(size >= kMinFrame && size <= kMaxFrame, "a frame has a possible size");
        return static_cast<Sent>(size % 3);
    }
    [[nodiscard]] std::optional<std::size_t> receive(unsigned, std::span<const iovec> room) noexcept override {
        if (!offered_) return std::nullopt;
        std::size_t left = *std::exchange(offered_, std::nullopt);
        const std::size_t size = left;
        for (const iovec& part : room) {
            const std::size_t count = std::min(left, part.iov_len);
            std::memset(part.iov_base, 0x5a, count);
            left -= count;
        }
        return size;
    }
    void wait(unsigned) noexcept override {}

    void offer(std::size_t size) { offered_ = size; }

private:
    void judge(const NetHeader& header) const {
        promise((header.flags & ~NetHeader::kNeedsCsum) == 0 && header.num_buffers == 0, "headers are cleaned");
        promise(header.flags == 0 || (features_ & net_feature::kCsum) != 0, "open checksums are negotiated");
        promise(header.gso_type == 0 || (features_ & (net_feature::kHostTso | net_feature::kHostUfo)) != 0,
                "joined segments are negotiated");
    }
    [[nodiscard]] static std::size_t touch(const iovec& part) noexcept {
        const auto* const bytes = static_cast<const volatile std::byte*>(part.iov_base);
        for (std::size_t i = 0; i < part.iov_len; ++i) (void)bytes[i];
        return part.iov_len;
    }

    std::uint64_t features_;
    std::optional<std::size_t> offered_;
};

class End final : public QueueEnd {
public:
    explicit End(const QueueSetup& setup) : setup_{setup} {}
    [[nodiscard]] bool enabled() const noexcept override { return true; }
    [[nodiscard]] const QueueSetup& setup() const noexcept override { return setup_; }
    [[nodiscard]] const EventFd& kick() const noexcept override { return kick_; }
    void interrupt() noexcept override {}
    [[nodiscard]] int interrupt_fd() noexcept override { return -1; }

private:
    QueueSetup setup_;
    EventFd kick_;
};

class Transport final : public VirtioTransport {
public:
    void config_changed() noexcept override {}
    void needs_reset(std::string_view why) noexcept override { promise(!why.empty(), "a reset has a reason"); }
    void demand_reset() noexcept override {}
};

class Commands final : public NetCommands {
public:
    [[nodiscard]] bool set_pairs(unsigned pairs) noexcept override { return pairs == 1; }
    void set_mac(const MacAddress&) noexcept override {}
};

/// A queue with its driver.
struct Side {
    Side(GuestHeap& heap, std::uint64_t features)
        : driver{make_queue_driver(heap, kQueueSize, features)}, end{driver->setup()} {}
    void collect() const {
        while (driver->collect()) {
        }
    }
    std::unique_ptr<QueueDriver> driver;
    End end;
};

/// What is there for all inputs.
struct World {
    World() { memory.add(Range::make(0, kMemory).value(), GuestMemory::Kind::Ram); }
    GuestMemory memory;
    Log log{"fuzz", {{{Severity::Warn}, LogDestination::None}}};
    EventLoop loop{EventLoop::NeverRuns{}};
};

class NetFuzz {
public:
    NetFuzz(World& world, FuzzInput& input)
        : world_{world}, input_{input}, features_{choose_features(input)}, host_{features_} {}

    void run() {
        for (unsigned steps = 0; !input_.empty() && steps < 1024; ++steps) step();
    }

private:
    [[nodiscard]] static std::uint64_t choose_features(FuzzInput& input) {
        std::uint64_t features = with_conditions_met(input.word() & net_feature::kOffloads) | net_feature::kMq;
        const std::uint8_t more = input.byte();
        if ((more & 1) != 0) features |= net_feature::kMrgRxbuf;
        if ((more & 2) != 0) features |= virtio_feature::kVersion1;
        if ((more & 4) != 0) features |= virtio_feature::kVersion1 | virtio_feature::kRingPacked;
        if ((more & 8) != 0) features |= virtio_feature::kEventIdx;
        if ((more & 16) != 0) features |= virtio_feature::kIndirectDesc;
        return features;
    }

    void step() {
        switch (input_.byte() % 8) {
            case 0:
            case 1:
                return place(sending_, false);
            case 2:
            case 3:
                return place(receiving_, true);
            case 4:
                return place(controlling_, false);
            case 5:
                return host_.offer((input_.byte() & 1) != 0 ? input_.dword() : input_.word());
            case 6:
                return scribble();
            default:
                return turn();
        }
    }

    /// A chain with any bytes in the readable buffers, which come first, and any sizes.
    void place(Side& side, bool receiving) {
        std::vector<Buffer> chain;
        const std::uint8_t count = input_.byte();
        for (unsigned i = 0; i < (count & 7U); ++i) chain.push_back(buffer(receiving));
        if ((count & 8) != 0) chain.push_back(buffer(!receiving));
        std::stable_partition(chain.begin(), chain.end(), [](const Buffer& each) { return !each.writable; });
        const Layout layout =
            (count & 16) != 0 && (features_ & virtio_feature::kIndirectDesc) != 0 ? Layout::Indirect : Layout::Direct;
        if (!chain.empty() && side.driver->has_room(chain.size(), layout)) side.driver->add(chain, layout);
    }
    [[nodiscard]] Buffer buffer(bool writable) {
        const std::uint8_t choice = input_.byte();
        const std::uint32_t size = (choice & 0x80) != 0 ? 1 + input_.word() : 1 + (choice & 0x3fU);
        const Gpa at{kScratch + input_.word()};
        if (!writable) (void)world_.memory.write(at, input_.bytes(std::min(size, 64U)));
        return {at, size, writable};
    }
    void scribble() {
        const Gpa at{input_.word() % (kMemory - 64)};
        (void)world_.memory.write(at, input_.bytes(1 + input_.byte() % 32U));
    }
    void turn() {
        if ((input_.byte() & 1) != 0) {
            (void)transmitter_.poll();
            (void)transmitter_.rest();
            (void)control_.poll();
            (void)control_.rest();
        }
        (void)receiver_.poll();
        collect_all();
    }
    void collect_all() {
        // What was scribbled over the rings may name chains that the driver does not know.
        try {
            for (Side* const side : {&receiving_, &sending_, &controlling_}) side->collect();
        } catch (const std::logic_error&) {
        }
    }

    static constexpr std::uint64_t kScratch = 256 * kKiB;  ///< 64 KiB and the longest buffer fit behind it

    World& world_;
    FuzzInput& input_;
    std::uint64_t features_;
    Host host_;
    GuestHeap heap_{world_.memory, Gpa{0x1000}, kScratch - 0x1000};
    Side receiving_{heap_, features_}, sending_{heap_, features_}, controlling_{heap_, features_};
    Transport transport_;
    Commands commands_;
    NetCounters counters_{world_.log, "net"};
    NetContext context_{world_.loop, world_.memory, transport_, host_, counters_, features_};
    NetReceiver receiver_{context_, receiving_.end, 0};
    NetTransmitter transmitter_{context_, sending_.end, 0};
    NetControl control_{context_, controlling_.end, commands_};
};

void fuzz_adaptation(FuzzInput& input) {
    auto header = input.take<NetHeader>();
    const std::uint64_t features = with_conditions_met(input.word());
    const auto bytes = input.bytes(200);
    std::vector<std::byte> frame{bytes.begin(), bytes.end()};
    if (!adapt_to_receiver(header, frame, features)) return;
    promise(header.flags == 0 || (features & net_feature::kGuestCsum) != 0, "a driver gets no open checksum unasked");
}

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    static World world;
    FuzzInput input{data, size};
    fuzz_adaptation(input);
    NetFuzz{world, input}.run();
    return 0;
}
