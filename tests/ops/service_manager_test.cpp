// SPDX-License-Identifier: Apache-2.0
#include "ops/service_manager.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <string>

#include "support/fake_context.hpp"
#include "support/notify_socket.hpp"

namespace qvm::test {
namespace {

using namespace std::chrono_literals;

NotifySettings settings_of(const char* socket, const char* limit, const char* pid) {
    const auto set = [](const char* name, const char* value) {
        value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    };
    set("NOTIFY_SOCKET", socket);
    set("WATCHDOG_USEC", limit);
    set("WATCHDOG_PID", pid);
    return take_notify_settings();
}

}  // namespace

TEST_CASE("what the service manager asked for is taken out of the environment") {
    const auto settings = settings_of("/run/x", "20000000", std::to_string(::getpid()).c_str());
    CHECK(settings.socket == "/run/x");
    CHECK(settings.watchdog == 20s);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) CHECK(std::getenv(name) == nullptr);
}

TEST_CASE("a watchdog without a pid is for whoever has the socket, one for another pid is not for us") {
    CHECK(settings_of("/run/x", "5", nullptr).watchdog == 5us);
    CHECK_FALSE(settings_of("/run/x", "5", std::to_string(::getpid() + 1).c_str()).watchdog);
    CHECK_FALSE(settings_of("/run/x", "5", "x").watchdog);
    CHECK_FALSE(settings_of("/run/x", nullptr, nullptr).watchdog);
    CHECK_FALSE(settings_of(nullptr, "5", nullptr).watchdog);
    for (const char* wrong : {"", "0", "-1", "5x", "99999999999999999999"})
        CHECK_FALSE(settings_of("/run/x", wrong, nullptr).watchdog);
}

TEST_CASE("messages are single datagrams, to paths and to abstract names") {
    const bool abstract = GENERATE(false, true);
    NotifySocket socket{abstract ? NotifySocket::Kind::Abstract : NotifySocket::Kind::Path};
    const ServiceManager manager{{.socket = socket.name()}};
    REQUIRE(manager.is_there());
    manager.status("building");
    manager.ready("up");
    manager.alive();
    manager.stopping("the end");
    CHECK(socket.receive() == "STATUS=building");
    CHECK(socket.receive() == "READY=1\nSTATUS=up\nMAINPID=" + std::to_string(::getpid()));
    CHECK(socket.receive() == "WATCHDOG=1");
    CHECK(socket.receive() == "STOPPING=1\nSTATUS=the end");
}

TEST_CASE("without a service manager nothing happens") {
    const std::string socket =
        GENERATE(std::string{}, std::string{"@"}, std::string{"relative"}, std::string{"/no/such/socket"},
                 std::string{"vsock:2:1234"}, "/" + std::string(200, 'x'));
    const ServiceManager manager{{.socket = socket}};
    CHECK_FALSE(manager.is_there());
    manager.ready("up");
}

TEST_CASE("a service manager that goes away or does not listen delays nobody for long") {
    std::optional<NotifySocket> socket{NotifySocket::Kind::Path};
    const ServiceManager manager{{.socket = socket->name()}};
    socket->fill();
    const auto start = std::chrono::steady_clock::now();
    manager.alive();
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    socket.reset();
    manager.alive();
}

TEST_CASE("a sign of life is due at half of the limit") {
    FakeClock clock;
    clock.set(100s);
    WatchdogSchedule schedule{10s, clock};
    CHECK(schedule.poll_timeout() == 0);
    CHECK(schedule.due());
    CHECK_FALSE(schedule.due());
    CHECK(schedule.poll_timeout() == 5000);
    clock.advance(4999ms + 1us);
    CHECK(schedule.poll_timeout() == 1);
    CHECK_FALSE(schedule.due());
    clock.advance(1ms);
    CHECK(schedule.due());
    clock.advance(60s);  // a late one is not made up for
    CHECK(schedule.poll_timeout() == 0);
    CHECK(schedule.due());
    CHECK_FALSE(schedule.due());
}

TEST_CASE("without a limit no sign of life is ever due") {
    FakeClock clock;
    WatchdogSchedule never{std::nullopt, clock};
    CHECK(never.poll_timeout() == -1);
    CHECK_FALSE(never.due());
    WatchdogSchedule late{std::chrono::hours{24 * 365 * 200}, clock};
    CHECK(late.due());
    CHECK(late.poll_timeout() == std::numeric_limits<int>::max());
}

}  // namespace qvm::test
