// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net_options.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "devices/catalog.hpp"
#include "support/fake_context.hpp"
#include "support/network_namespace.hpp"
#include "support/temp_dir.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

const VdevSyntax& syntax() {
    static const Catalog catalog{common_vdev_types()};
    return catalog.find("virtio-net")->syntax;
}

constexpr VmIdentity kVm{.system = "guest1"};

FakeSpec spec() { return FakeSpec{syntax()}; }
FakeSpec with_peer(std::string path) { return spec().with("peer", std::move(path)); }

}  // namespace

TEST_CASE("virtio-net: who the peer is") {
    const auto tap = net_peer(with_peer("/dev/vdevpeers/vp0").get());
    CHECK(tap.kind == NetPeer::Kind::Tap);
    CHECK(tap.name == "vp0");
    const auto old = net_peer(spec().with("tapdev", std::string{"tap3"}).get());
    CHECK(old.kind == NetPeer::Kind::Tap);
    CHECK(old.name == "tap3");
    const auto guest = net_peer(with_peer("/dev/qvm/other/net0").get());
    CHECK(guest.kind == NetPeer::Kind::Guest);
    CHECK(guest.system == "other");
    CHECK(guest.name == "net0");
    const auto program = net_peer(with_peer("unix:/tmp/passt_1.socket").get());
    CHECK(program.kind == NetPeer::Kind::Socket);
    CHECK(program.name == "/tmp/passt_1.socket");
    CHECK(net_peer(spec().get()).kind == NetPeer::Kind::None);
}

TEST_CASE("virtio-net: what is no peer is an error at its place") {
    for (const char* const text : {"vp0", "/dev/vdevpeers/", "/dev/qvm/", "/dev/qvm/other", "/dev/qvm/other/",
                                   "/dev/qvm//net0", "/dev/qvm/a/b/c", "unix:", "/tmp/socket"})
        CHECK_THROWS_WITH(net_peer(with_peer(text).get()), Contains("/dev/vdevpeers/INTERFACE"));
    for (const char* const text :
         {"/dev/vdevpeers/a.name.of.sixteen", "/dev/vdevpeers/a/b", "/dev/vdevpeers/..", "/dev/vdevpeers/eth0:1"})
        CHECK_THROWS_WITH(net_peer(with_peer(text).get()), Contains("name of a network interface"));
    CHECK_THROWS_WITH(net_peer(with_peer("unix:/a").with("tapdev", std::string{"tap0"}).get()),
                      Contains("peer and tapdev"));
}

TEST_CASE("virtio-net: settings") {
    const auto settings = net_settings(spec()
                                           .with("peer", std::string{"/dev/vdevpeers/vp0"})
                                           .with("name", std::string{"net0"})
                                           .with("mac", std::string{"02:00:00:12:34:ff"})
                                           .with("peerfeats", std::uint64_t{0x7fc3})
                                           .with("queues", std::uint64_t{4})
                                           .with("mtu", std::uint64_t{9000})
                                           .get(),
                                       kVm);
    CHECK(settings.name == "virtio-net net0");
    CHECK(settings.mac == MacAddress{2, 0, 0, 0x12, 0x34, 0xff});
    CHECK(settings.offloads == net_feature::kOffloads);
    CHECK(settings.pairs == 4);
    CHECK(settings.mtu == 9000);
    const auto plain = net_settings(spec().get(), kVm);
    CHECK(plain.offloads == 0);
    CHECK(plain.pairs == 1);
    CHECK(plain.mtu == 0);
}

TEST_CASE("virtio-net: settings that cannot be") {
    const auto error_of = [](std::string_view option, ArgValue value) {
        const FakeSpec made = with_peer("/dev/vdevpeers/vp0").with(option, std::move(value));
        try {
            (void)net_settings(made.get(), kVm);
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    CHECK_THAT(error_of("mac", std::string{"01:00:5e:00:00:01"}), Contains("a group"));
    CHECK_THAT(error_of("peerfeats", std::uint64_t{0x8000}), Contains("0x8000"));
    CHECK_THAT(error_of("queues", std::uint64_t{0}), Contains("from 1 to 16"));
    CHECK_THAT(error_of("queues", std::uint64_t{17}), Contains("from 1 to 16"));
    CHECK_THAT(error_of("mtu", std::uint64_t{67}), Contains("from 68"));
    CHECK_THAT(error_of("mtu", std::uint64_t{65536}), Contains("65535"));
    CHECK_THROWS_WITH(net_settings(with_peer("unix:/a").with("queues", std::uint64_t{2}).get(), kVm),
                      Contains("interface of the host"));
}

TEST_CASE("virtio-net: an address that was not given follows from the names alone") {
    const auto mac = made_up_mac("guest1", "net0");
    CHECK(mac == made_up_mac("guest1", "net0"));
    CHECK(mac != made_up_mac("guest1", "net1"));
    CHECK(mac != made_up_mac("guest2", "net0"));
    CHECK(made_up_mac("a", "bc") != made_up_mac("ab", "c"));
    CHECK((mac[0] & 3) == 2);
    // Files of guests count on it.
    CHECK(mac == MacAddress{0x9a, 0x43, 0x42, 0xd4, 0x84, 0xe8});
    const auto named = [](const char* name) { return net_settings(spec().with("name", std::string{name}).get(), kVm); };
    CHECK(named("net0").mac == mac);
    CHECK(net_settings(with_peer("/dev/vdevpeers/vp0").get(), kVm).mac == made_up_mac("guest1", "vp0"));
}

TEST_CASE("virtio-net: a check opens nothing, but finds what is wrong in any case") {
    FakeContext context;
    context.identity = {.system = "guest1", .runtime_directory = "/nonexistent/guest1", .check = true};
    const auto open = [&](const FakeSpec& made) {
        return open_net_host(made.get(), net_settings(made.get(), context.identity), context);
    };
    const auto named = [](std::string peer) { return with_peer(std::move(peer)).with("name", std::string{"net0"}); };
    CHECK(open(named("/dev/vdevpeers/lo")).backend);
    CHECK(open(named("/dev/qvm/other/net0")).backend);
    CHECK(open(named("unix:/nonexistent/socket")).backend);
    CHECK_THROWS_WITH(open(with_peer("/dev/qvm/other/net0")), Contains("needs a name"));
    CHECK_THROWS_WITH(open(named("/dev/qvm/guest1/net0")), Contains("its own peer"));
    CHECK_THROWS_WITH(open(named("unix:/" + std::string(200, 'x'))), Contains("too long"));
    CHECK_THROWS_WITH(open(named("unix:/a").with("vhost", std::string{"on"})), Contains("interface of the host"));
    CHECK_THROWS_WITH(open(named("/dev/qvm/other/net0").with("bind-mode", std::uint64_t{01000})), Contains("01000"));
    context.identity.system = {};
    CHECK_THROWS_WITH(open(named("/dev/qvm/other/net0")), Contains("needs a name for this VM"));
}

TEST_CASE("virtio-net: another guest's card needs a runtime directory") {
    const TempDir directory;
    FakeContext context;
    const std::string runtime = directory.path("guest1");
    context.identity = {.system = "guest1", .dryrun = true};
    const FakeSpec made = with_peer("/dev/qvm/other/net0").with("name", std::string{"net0"});
    const auto settings = net_settings(made.get(), context.identity);
    CHECK(open_net_host(made.get(), settings, context).backend);  // nobody is to find it
    context.identity.dryrun = false;
    CHECK_THROWS_WITH(open_net_host(made.get(), settings, context), Contains("no runtime directory"));
    context.identity.runtime_directory = runtime;
    CHECK_THROWS_WITH(open_net_host(made.get(), settings, context), Contains(runtime + "/net0.net"));
    REQUIRE(::mkdir(runtime.c_str(), 0755) == 0);
    const NetHost host = open_net_host(made.get(), settings, context);
    CHECK_FALSE(host.backend->link_up());
    CHECK_THROWS_WITH(open_net_host(made.get(), settings, context), Contains("in use"));
}

TEST_CASE("virtio-net: an interface that cannot be had is an error at the peer") {
    const std::string why_not = in_own_network([] {
        FakeContext context;
        const FakeSpec made = FakeSpec{syntax()}.with("peer", std::string{"/dev/vdevpeers/lo"}, Location{1, 2, 3});
        try {
            (void)open_net_host(made.get(), net_settings(made.get(), kVm), context);
            FAIL("lo is no TAP");
        } catch (const ConfigError& error) {
            CHECK(error.where().column == 3);
        }
    });
    if (!why_not.empty()) WARN("skipped: " << why_not);
}
