// SPDX-License-Identifier: Apache-2.0
// `vdev vhost-user` and `vdev virtio-fs` between a driver and a back end.
#include <catch2/catch.hpp>
#include <chrono>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/mmio.hpp"
#include "devices/virtio/vhost_user_device.hpp"
#include "support/fake_back_end.hpp"
#include "support/mmio_driver.hpp"
#include "support/temp_dir.hpp"

namespace qvm {

extern const VdevType kVhostUser;
extern const VdevType kVirtioFs;

namespace {

using namespace test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Request = VhostUserRequest;
using Odd = FakeBackEnd::Odd;
using Manners = FakeBackEnd::Manners;

constexpr std::uint8_t kNeedsReset = virtio_status::kNeedsReset;
constexpr std::uint64_t kType = 20;  // some device with 13 bytes of configuration

class Bench {
public:
    explicit Bench(Manners manners = {}) : back_end{std::in_place, path(), context.ram, std::move(manners)} {}
    Bench& with(std::string_view option, ArgValue value) {
        spec.with(option, std::move(value));
        return *this;
    }
    void plug_in() { vdev = kVhostUser.make(spec.get(), context); }
    /// Patience of its own, without the options.
    void plug_in(std::chrono::milliseconds patience) {
        VirtioVhostUser::Settings settings{.label = "test", .kind = {.type = kType}, .patience = patience};
        use_socket(settings, *spec.get().find("socket"));
        vdev = std::make_unique<VirtioMmio>(context, "test",
                                            std::make_unique<VirtioVhostUser>(context, std::move(settings)));
    }
    void restart(Manners manners = {}) {
        back_end.reset();
        std::filesystem::remove(path());
        back_end.emplace(path(), context.ram, std::move(manners));
    }
    [[nodiscard]] std::string path() const { return directory.path("back-end"); }

    /// Sends `text` through a queue; what comes back.
    std::string exchange(std::size_t queue, std::string_view text, Layout layout = Layout::Direct) {
        const Buffer out = driver.heap.readable(text);
        const Buffer in = driver.heap.writable(static_cast<std::uint32_t>(text.size()));
        driver.send(queue, {out, in}, layout);
        if (driver.wait_used(queue).written != text.size()) throw std::runtime_error{"not all was written"};
        return driver.heap.text(in);
    }
    /// By the driver; waits until the device has stopped.
    void reset() const {
        driver.reset();
        while (driver.read(MmioDriver::kStatus) != 0) std::this_thread::yield();
    }
    [[nodiscard]] bool wait_needs_reset() {
        while (context.line.wait_high()) {
            if ((driver.read(MmioDriver::kStatus) & kNeedsReset) != 0) return true;
            driver.write(MmioDriver::kInterruptAck, driver.read(MmioDriver::kInterruptStatus));
        }
        return false;
    }

    TempDir directory;
    FakeContext context;
    MmioDriver driver{context};
    std::optional<FakeBackEnd> back_end;
    FakeSpec spec = std::move(FakeSpec{kVhostUser.syntax}.with("type", kType).with("socket", path()));
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("vhost-user: chains go to the back end and come back, by every kind of ring that it offers") {
    for (const std::uint64_t ring : {std::uint64_t{0}, virtio_feature::kRingPacked}) {
        for (const std::uint64_t more : {std::uint64_t{0}, virtio_feature::kEventIdx | virtio_feature::kIndirectDesc}) {
            Bench bench{{.features = FakeBackEnd::kFeatures | virtio_feature::kRingPacked}};
            bench.plug_in();
            bench.driver.start(ring | more);
            for (unsigned i = 0; i < 20; ++i)
                for (const std::size_t queue : {0U, 1U})
                    CHECK(bench.exchange(queue, "abc", more != 0 ? Layout::Indirect : Layout::Direct) == "cba");
            CHECK(bench.back_end->saw_memory());
            const auto base = bench.back_end->last(Request::SetVringBase).as<VhostUserVringState>().value();
            CHECK(base.num == (ring != 0 ? 0x8000'8000U : 0U));
            const auto features = bench.back_end->last(Request::SetFeatures).as<std::uint64_t>().value();
            CHECK(features == (virtio_feature::kVersion1 | ring | more | vhost_user_feature::kProtocolFeatures));
        }
    }
}

TEST_CASE("vhost-user: without protocol features, or with few, it works as well") {
    Manners few;
    SECTION("none at all") { few.features &= ~vhost_user_feature::kProtocolFeatures; }
    SECTION("no acknowledgements") { few.protocol &= ~vhost_user_feature::kReplyAck; }
    SECTION("nothing but acknowledgements") { few.protocol = vhost_user_feature::kReplyAck; }
    const bool enables = (few.features & vhost_user_feature::kProtocolFeatures) != 0;
    Bench bench{few};
    bench.plug_in();
    bench.driver.start(0);
    CHECK(bench.exchange(0, "abc") == "cba");
    if (enables)
        CHECK(bench.back_end->wait_asked(Request::SetVringEnable));
    else
        CHECK(bench.back_end->asked(Request::SetVringEnable) == 0);
}

TEST_CASE("vhost-user: the guest is offered what the back end offers, less what is not the device's or not done here") {
    constexpr std::uint64_t kOwn = 1ULL << 50 | 1ULL << 23 | 1;
    Bench bench{{.features = ~0ULL}};
    bench.plug_in();
    constexpr std::uint64_t kRings =
        virtio_feature::kIndirectDesc | virtio_feature::kEventIdx | virtio_feature::kRingPacked;
    CHECK((bench.driver.offered() & kOwn) == kOwn);
    CHECK((bench.driver.offered() & 0x0003'ffff'ff00'0000) == (kRings | virtio_feature::kVersion1));
    Bench poor{{.features = virtio_feature::kVersion1}};
    poor.plug_in();
    CHECK(poor.driver.offered() == virtio_feature::kVersion1);
}

TEST_CASE("vhost-user: number of queues") {
    const auto queues = [](Bench& bench) {
        bench.plug_in();
        unsigned count = 0;
        do bench.driver.write(MmioDriver::kQueueSel, count);
        while (bench.driver.read(MmioDriver::kQueueNumMax) != 0 && ++count < 1000);
        return count;
    };
    const auto with_type = [](std::uint64_t type, std::uint64_t most) {
        auto bench = std::make_unique<Bench>(Manners{.queues = most});
        bench->with("type", type);
        return bench;
    };
    CHECK(queues(*with_type(kType, 5)) == 5);
    CHECK(queues(*with_type(kType, UINT64_MAX)) == VirtioVhostUser::kMostQueues);
    CHECK(queues(*with_type(1, 256)) == 2);
    CHECK(queues(with_type(kType, 5)->with("queues", std::uint64_t{3})) == 3);
    CHECK_THROWS_WITH(queues(with_type(kType, 5)->with("queues", std::uint64_t{6})), Contains("serves up to 5"));
    CHECK_THROWS_WITH(queues(*with_type(8, 2)), Contains("serves up to 2"));
    CHECK_THROWS_WITH(queues(*with_type(kType, 0)), Contains("serves up to 0"));
}

TEST_CASE("vhost-user: the configuration is the back end's, and changes when it says so") {
    Bench bench;
    bench.with("config", std::uint64_t{13}).plug_in();
    bench.driver.start(0);
    REQUIRE(bench.back_end->wait_asked(Request::SetVringEnable, 2));
    const auto letter = [&] { return static_cast<char>(bench.context.read(MmioDriver::kConfig + 1)); };
    CHECK(letter() == 'o');
    CHECK(bench.context.read(MmioDriver::kConfig + 13) == 0);
    bench.back_end->change([](Manners& manners) { manners.config = "another one"; });
    VhostUserMessage news = VhostUserMessage::of(VhostUserRequest{vhost_user_event::kConfigChange});
    news.header.flags |= VhostUserHeader::kNeedReply;
    bench.back_end->event(news);
    REQUIRE(bench.context.line.wait_high());
    CHECK(bench.driver.read(MmioDriver::kInterruptStatus) == 2);
    CHECK(letter() == 'n');
    CHECK(bench.back_end->wait_event_answer());
    CHECK(bench.exchange(0, "abc") == "cba");
}

TEST_CASE("vhost-user: nonsense among the back end's own messages ends them and nothing else") {
    Bench bench;
    bench.with("config", std::uint64_t{13}).plug_in();
    bench.driver.start(0);
    REQUIRE(bench.back_end->wait_asked(Request::SetVringEnable, 2));
    bench.back_end->event(VhostUserMessage::of(VhostUserRequest{99}));
    VhostUserMessage endless = VhostUserMessage::of(VhostUserRequest{vhost_user_event::kConfigChange});
    for (int i = 0; i < 1000; ++i) bench.back_end->event(endless);
    CHECK(bench.exchange(0, "abc") == "cba");
    CHECK(bench.exchange(1, "abc") == "cba");
}

TEST_CASE("vhost-user: a network card has an address of its own, of which the back end hears nothing") {
    const auto mac = [](Bench& bench) {
        bench.with("type", std::uint64_t{1}).plug_in();
        return bench.context.read(MmioDriver::kConfig, 4) |
               std::uint64_t{bench.context.read(MmioDriver::kConfig + 4, 2)} << 32;
    };
    constexpr std::uint64_t kMac = 1U << 5;
    Bench bench;
    REQUIRE((mac(bench) & 3) == 2);  // a card's, and of nobody's making
    CHECK((bench.driver.offered() & kMac) != 0);
    bench.driver.start(kMac);
    CHECK(bench.exchange(0, "abc") == "cba");
    CHECK((bench.back_end->last(Request::SetFeatures).as<std::uint64_t>().value() & kMac) == 0);

    Bench unnamed, named, named_too;
    named.with("name", std::string{"card"});
    named_too.with("name", std::string{"card"});
    const std::uint64_t by_name = mac(named);
    CHECK(mac(named_too) == by_name);
    CHECK(mac(unnamed) != by_name);
}

TEST_CASE("vhost-user: a disk has no more queues in its configuration than there are") {
    Manners disk{.queues = 4, .config = std::string(60, '\0')};
    disk.config[34] = 4;
    Bench bench{disk};
    bench.with("type", std::uint64_t{2}).with("queues", std::uint64_t{3}).plug_in();
    CHECK(bench.context.read(MmioDriver::kConfig + 34, 2) == 3);
    CHECK((bench.driver.offered() & (1U << 11)) == 0);  // VIRTIO_BLK_F_CONFIG_WCE
}

TEST_CASE("vhost-user: the driver resets the device and starts it again") {
    Bench bench;
    bench.plug_in();
    for (unsigned round = 1; round <= 3; ++round) {
        bench.driver.start(0);
        CHECK(bench.exchange(1, "abc") == "cba");
        bench.reset();
        CHECK(bench.back_end->asked(Request::GetVringBase) == 2 * round);
    }
    CHECK(bench.back_end->asked(Request::GetFeatures) == 1);
    // In any haste.
    for (int i = 0; i < 50; ++i) {
        bench.driver.heap.clear();
        bench.driver.start(0);
        bench.reset();
    }
    bench.driver.start(0);
    CHECK(bench.exchange(1, "abc") == "cba");
}

TEST_CASE("vhost-user: a back end that is lost is a reset that is needed; it is called again after that") {
    Bench bench;
    bench.plug_in();
    bench.driver.start(0);
    CHECK(bench.exchange(0, "abc") == "cba");
    SECTION("it ends") {
        bench.back_end.reset();
        CHECK(bench.wait_needs_reset());
        SECTION("and is not there at the next start, either") {
            bench.driver.start(0);
            CHECK(bench.wait_needs_reset());
        }
    }
    SECTION("it hangs up") {
        bench.back_end->hang_up();
        CHECK(bench.wait_needs_reset());
    }
    SECTION("it says what nobody asked") {
        bench.back_end->say(VhostUserMessage::of(Request::GetFeatures, std::uint64_t{0}));
        CHECK(bench.wait_needs_reset());
    }
    SECTION("it says no good-bye") {
        bench.back_end->change([](Manners& manners) { manners.odd[Request::GetVringBase] = Odd::Endless; });
        bench.reset();
    }
    bench.restart();
    bench.driver.start(0);
    CHECK(bench.exchange(0, "def") == "fed");
}

TEST_CASE("vhost-user: one that offers less when it comes back is not used") {
    Bench bench;
    bench.plug_in();
    bench.driver.start(virtio_feature::kEventIdx);
    CHECK(bench.exchange(0, "abc") == "cba");
    SECTION("fewer features") { bench.restart({.features = FakeBackEnd::kFeatures & ~virtio_feature::kEventIdx}); }
    SECTION("fewer queues") { bench.restart({.queues = 1}); }
    CHECK(bench.wait_needs_reset());
    bench.driver.start(virtio_feature::kEventIdx);
    CHECK(bench.wait_needs_reset());
    bench.restart();
    bench.driver.start(virtio_feature::kEventIdx);
    CHECK(bench.exchange(0, "def") == "fed");
}

TEST_CASE("vhost-user: a back end that misbehaves at the start is an error at its socket") {
    for (const Request request : {Request::GetFeatures, Request::GetProtocolFeatures, Request::SetOwner,
                                  Request::GetQueueNum, Request::GetConfig, Request::SetBackendReqFd}) {
        for (const Odd odd : {Odd::Close, Odd::Short, Odd::Long, Odd::Endless, Odd::WrongType, Odd::NoReplyBit}) {
            CAPTURE(vhost_user_name(request), static_cast<int>(odd));
            Bench bench{{.odd = {{request, odd}}}};
            CHECK_THROWS_AS(bench.with("config", std::uint64_t{13}).plug_in(), ConfigError);
        }
    }
    Bench refusing{{.odd = {{Request::SetOwner, Odd::Refuse}}}};
    CHECK_THROWS_WITH(refusing.plug_in(), Contains("refuses SET_OWNER"));
    Bench old{{.features = FakeBackEnd::kFeatures & ~virtio_feature::kVersion1}};
    CHECK_THROWS_WITH(old.plug_in(), Contains("virtio 1.0"));
}

TEST_CASE("vhost-user: descriptors that come with an answer are not kept") {
    Bench bench{{.odd = {{Request::GetFeatures, Odd::Descriptors}}}};
    const auto open_files = [] {
        return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"},
                             std::filesystem::directory_iterator{});
    };
    (void)bench.context.loop();
    const auto before = open_files();
    bench.plug_in();
    CHECK(open_files() < before + 100);
}

TEST_CASE("vhost-user: nobody there is an error, and so is one who does not answer") {
    Bench bench;
    bench.back_end.reset();
    CHECK_THROWS_WITH(bench.plug_in(), Contains("nobody listens"));
    Bench silent{{.odd = {{Request::GetFeatures, Odd::Nothing}}}};
    CHECK_THROWS_WITH(silent.plug_in(20ms), Contains("has not answered GET_FEATURES"));
}

TEST_CASE("vhost-user: misbehaviour while it is started or stopped is a loss, and the VM goes on") {
    for (const Request request :
         {Request::SetFeatures, Request::SetMemTable, Request::SetVringNum, Request::SetVringAddr,
          Request::SetVringBase, Request::SetVringCall, Request::SetVringKick, Request::SetVringEnable}) {
        for (const Odd odd : {Odd::Close, Odd::Short, Odd::Refuse, Odd::WrongType, Odd::Endless}) {
            CAPTURE(vhost_user_name(request), static_cast<int>(odd));
            Bench bench{{.odd = {{request, odd}}}};
            bench.plug_in();
            bench.driver.start(0);
            CHECK(bench.wait_needs_reset());
            bench.reset();
        }
    }
    for (const Odd odd : {Odd::Close, Odd::Short, Odd::Long, Odd::Refuse, Odd::WrongType, Odd::Endless, Odd::Twice}) {
        CAPTURE(static_cast<int>(odd));
        Bench bench{{.odd = {{Request::GetVringBase, odd}}}};
        bench.plug_in();
        bench.driver.start(0);
        CHECK(bench.exchange(0, "abc") == "cba");
        bench.reset();
    }
}

TEST_CASE("vhost-user: one that never says that it has stopped holds neither the guest nor the end of the VM") {
    Bench bench;
    bench.plug_in(2s);
    bench.driver.start(0);
    REQUIRE(bench.back_end->wait_asked(Request::SetVringEnable));
    bench.back_end->change([](Manners& manners) { manners.odd[Request::GetVringBase] = Odd::Nothing; });
    SECTION("a reset by the guest") { bench.reset(); }
    SECTION("the end") {}
    bench.vdev.reset();
}

TEST_CASE("vhost-user: a driver that puts a ring where there is no RAM must reset the device") {
    Bench bench;
    bench.plug_in();
    const MmioDriver& driver = bench.driver;
    for (const std::uint64_t at : {MmioDriver::kMemory - 16, MmioDriver::kMemory, UINT64_MAX - 15}) {
        driver.write(MmioDriver::kStatus, 0);
        driver.write(MmioDriver::kStatus, 3);
        driver.write(MmioDriver::kDriverFeaturesSel, 1);
        driver.write(MmioDriver::kDriverFeatures, 1);
        driver.write(MmioDriver::kStatus, 0xb);
        driver.write(MmioDriver::kQueueSel, 0);
        driver.write(MmioDriver::kQueueNum, 256);
        driver.write(MmioDriver::kQueueDesc, static_cast<std::uint32_t>(at));
        driver.write(MmioDriver::kQueueDesc + 4, static_cast<std::uint32_t>(at >> 32));
        driver.write(MmioDriver::kQueueReady, 1);
        driver.write(MmioDriver::kStatus, 0xf);
        CHECK(bench.wait_needs_reset());
    }
    CHECK(bench.back_end->asked(Request::SetMemTable) == 0);
    bench.driver.start(0);
    CHECK(bench.exchange(0, "abc") == "cba");
}

TEST_CASE("vhost-user: a VM that is only judged calls nobody") {
    Bench bench;
    bench.back_end.reset();
    bench.context.identity.check = true;
    CHECK_NOTHROW(bench.plug_in());
    FakeContext context;
    context.identity.dryrun = true;
    const FakeSpec spec =
        std::move(FakeSpec{kVirtioFs.syntax}.with("socket", bench.path()).with("tag", std::string{"a"}));
    CHECK_NOTHROW(kVirtioFs.make(spec.get(), context));
}

TEST_CASE("vhost-user: what its options cannot be") {
    const auto message = [](std::string_view option, ArgValue value) {
        Bench bench;
        try {
            bench.with(option, std::move(value)).plug_in();
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    CHECK_THAT(message("type", std::uint64_t{0}), Contains("type is from 1 to 63"));
    CHECK_THAT(message("type", std::uint64_t{64}), Contains("type is from 1 to 63"));
    CHECK_THAT(message("queues", std::uint64_t{0}), Contains("queues is from 1 to 64"));
    CHECK_THAT(message("queues", std::uint64_t{65}), Contains("queues is from 1 to 64"));
    CHECK_THAT(message("config", std::uint64_t{257}), Contains("config is from 0 to 256"));
    CHECK_THAT(message("socket", std::string(108, 'a')), Contains("1 to 107 bytes"));
    CHECK_THAT(message("socket", std::string{}), Contains("1 to 107 bytes"));
}

TEST_CASE("virtio-fs: the tag and the queues are the front end's") {
    Bench bench{{.features = ~0ULL, .queues = 3}};
    FakeSpec spec{kVirtioFs.syntax};
    spec.with("socket", bench.path()).with("name", std::string{"share"}).with("num_req_queues", std::uint64_t{2});
    bench.vdev = kVirtioFs.make(spec.get(), bench.context);
    CHECK(bench.driver.read(0x008) == 26);
    CHECK((bench.driver.offered() & 0xff'ffff) == 0);
    std::string config;
    for (unsigned i = 0; i < 40; ++i) config.push_back(static_cast<char>(bench.context.read(MmioDriver::kConfig + i)));
    CHECK(config == "share" + std::string(31, '\0') + std::string{2, 0, 0, 0});
    CHECK(bench.back_end->asked(Request::GetConfig) == 0);
    bench.driver.start(0);
    for (const std::size_t queue : {0U, 1U, 2U}) CHECK(bench.exchange(queue, "abc") == "cba");
}

TEST_CASE("vhost-user: a legacy driver has what the back end offers, less what came later") {
    Bench bench;
    bench.with("legacy", std::monostate{}).plug_in();
    REQUIRE(bench.driver.start_legacy(static_cast<std::uint32_t>(virtio_feature::kEventIdx)));
    CHECK(bench.exchange(0, "abc") == "cba");
    CHECK(bench.back_end->last(Request::SetFeatures).as<std::uint64_t>() ==
          (virtio_feature::kEventIdx | vhost_user_feature::kProtocolFeatures));
}

TEST_CASE("virtio-fs: what its options cannot be") {
    Bench bench;
    const auto message = [&](std::string_view option, ArgValue value, bool socket = true) {
        FakeSpec spec{kVirtioFs.syntax};
        if (socket) spec.with("socket", bench.path());
        try {
            (void)kVirtioFs.make(spec.with("name", std::string{"share"}).with(option, std::move(value)).get(),
                                 bench.context);
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    CHECK_THAT(message("directio", std::string{"true"}, false), Contains("needs a directory"));
    CHECK_THAT(message("tag", std::string(37, 'a')), Contains("1 to 36 bytes"));
    CHECK_THAT(message("tag", std::string{}), Contains("1 to 36 bytes"));
    CHECK_THAT(message("num_req_queues", std::uint64_t{0}), Contains("1 to 63"));
    CHECK_THAT(message("num_req_queues", std::uint64_t{64}), Contains("1 to 63"));
    CHECK_THAT(message("num_req_queues", std::uint64_t{2}), Contains("serves up to 2"));
    CHECK_THAT(message("host_path", std::string{"/no/such/directory"}, false), Contains("no directory"));
}

}  // namespace qvm
