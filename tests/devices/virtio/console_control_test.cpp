// SPDX-License-Identifier: Apache-2.0
// A console with several ports. Places in the specification: virtio 1.2, 5.3.6.2.
#include <catch2/catch.hpp>
#include <deque>

#include "devices/virtio/console_bench.hpp"

namespace qvm {

using namespace test;

namespace {

struct Control {
    std::uint32_t id = 0;
    std::uint16_t event = 0;
    std::uint16_t value = 0;
    bool operator==(const Control&) const = default;
};
constexpr std::uint16_t kDeviceReady = 0, kPortAdd = 1, kPortReady = 3, kConsolePort = 4, kResize = 5, kPortOpen = 6,
                        kPortName = 7;
constexpr unsigned kToDriver = 2, kFromDriver = 3;

struct Heard {
    Control control;
    std::string rest;
};

/// A driver of several ports that always has a buffer for messages.
struct ControlBench : ConsoleBench {
    explicit ControlBench(const std::vector<std::string>& names, ConsoleHostEnd has_console = ConsoleHostEnd::Yes)
        : ConsoleBench{names, Backpressure::No, has_console} {
        driver.start();
        for (int i = 0; i < 16; ++i) listen();
    }

    void listen(std::uint32_t size = 64) {
        const Buffer buffer = driver.heap.writable(size);
        buffers_[queue(kToDriver).send({buffer})] = buffer;
    }
    void say(const Control& message) { send(kFromDriver, {as_text(message)}); }
    /// The next message; throws if there is none.
    Heard hear() {
        const auto used = queue(kToDriver).wait_used();
        const Buffer buffer = buffers_.at(used.id);
        if (used.written < sizeof(Control)) throw std::runtime_error{"no whole message"};
        Heard heard{driver.heap.value<Control>(buffer), driver.heap.text(buffer).substr(0, used.written)};
        heard.rest.erase(0, sizeof(Control));
        listen();
        return heard;
    }
    [[nodiscard]] bool is_quiet() {
        settle();
        return !queue(kToDriver).driver().collect();
    }
    /// Says that it is there, and that it has set up port after port; returns all that it hears.
    std::vector<Heard> greet(const std::vector<std::uint32_t>& ports, std::size_t messages) {
        say({0, kDeviceReady, 1});
        for (std::size_t i = 0; i < ports.size(); ++i) CHECK(hear().control == Control{ports[i], kPortAdd, 1});
        for (const std::uint32_t id : ports) say({id, kPortReady, 1});
        std::vector<Heard> all;
        while (all.size() < messages) all.push_back(hear());
        return all;
    }

    static std::string as_text(const Control& message) {
        return {reinterpret_cast<const char*>(&message), sizeof message};
    }

private:
    std::map<std::uint16_t, Buffer> buffers_;
};

}  // namespace

TEST_CASE("a driver that is ready is told of the ports, what they are, their names, and who is there") {
    ControlBench bench{{"agent", "log"}};
    bench.port("agent").connect(true);
    const auto heard = bench.greet({0, 1, 2}, 6);
    CHECK(heard[0].control == Control{0, kConsolePort, 1});
    CHECK(heard[1].control == Control{0, kPortOpen, 0});
    CHECK(heard[2].control == Control{1, kPortName, 1});
    CHECK(heard[2].rest == "agent");
    CHECK(heard[3].control == Control{1, kPortOpen, 1});
    CHECK(heard[4].control == Control{2, kPortName, 1});
    CHECK(heard[4].rest == "log");
    CHECK(heard[5].control == Control{2, kPortOpen, 0});
    CHECK(bench.is_quiet());
}

TEST_CASE("a console without a host end is no port in a guest that has come for the others") {
    ControlBench bench{{"agent"}, ConsoleHostEnd::No};
    CHECK(bench.greet({1}, 2)[0].control == Control{1, kPortName, 1});
    bench.say({0, kPortReady, 1});
    CHECK(bench.is_quiet());
}

TEST_CASE("the driver is told when somebody comes to a port or goes, once it has set the port up") {
    ControlBench bench{{"agent"}};
    bench.port("agent").connect(true);
    CHECK(bench.is_quiet());
    (void)bench.greet({0, 1}, 4);
    bench.port("agent").connect(false);
    CHECK(bench.hear().control == Control{1, kPortOpen, 0});
    bench.port("agent").connect(true);
    CHECK(bench.hear().control == Control{1, kPortOpen, 1});
}

TEST_CASE("the driver is told the console's size, columns first") {
    ControlBench bench{{"agent"}};
    bench.host.resize({80, 24});
    const auto heard = bench.greet({0, 1}, 5);
    CHECK(heard[2].control == Control{0, kResize, 0});
    CHECK(heard[2].rest == std::string("\x50\x00\x18\x00", 4));
    bench.host.resize({132, 50});
    CHECK(bench.hear().rest == std::string("\x84\x00\x32\x00", 4));
    bench.port("agent").resize({1, 1});  // no console
    CHECK(bench.is_quiet());
}

TEST_CASE("input reaches a port when the guest has opened it, and not before or after") {
    ControlBench bench{{"agent"}};
    (void)bench.greet({0, 1}, 4);
    WatchedHostEnd& agent = bench.port("agent");
    (void)bench.offer(4, 16);
    CHECK(agent.type("too early") == 0);
    CHECK_FALSE(agent.used());
    const unsigned before = agent.resumed();
    bench.say({1, kPortOpen, 1});
    CHECK(agent.used());
    CHECK(agent.wait_resumed(before));
    CHECK(agent.type("now") == 3);
    CHECK(bench.queue(4).wait_used().written == 3);
    (void)bench.offer(4, 16);
    bench.say({1, kPortOpen, 0});
    CHECK(agent.type("too late") == 0);
}

TEST_CASE("each port has its own way to the host") {
    ControlBench bench{{"agent", "log"}};
    bench.send(1, {"console"});
    bench.send(5, {"agent"});
    bench.send(7, {"log"});
    CHECK(bench.host.text() == "console");
    CHECK(bench.port("agent").text() == "agent");
    CHECK(bench.port("log").text() == "log");
}

TEST_CASE("a driver of one port gets a plain console from a device that could do more (5.3.3)") {
    ConsoleBench bench{{"agent"}};
    bench.driver.own_features = 0;
    bench.driver.start();
    (void)bench.offer(0, 16);
    CHECK(bench.host.type("keys") == 4);
    bench.send(1, {"text"});
    CHECK(bench.host.text() == "text");
    CHECK(bench.port("agent").type("nobody") == 0);
}

TEST_CASE("what the driver was not there for is told once, and as it is by then") {
    ConsoleBench bench{{"agent"}};
    bench.driver.start();
    const auto say = [&](const Control& message) { bench.send(kFromDriver, {ControlBench::as_text(message)}); };
    for (int i = 0; i < 100; ++i) {
        say({0, kDeviceReady, 1});
        say({1, kPortReady, 1});
        bench.port("agent").connect(i % 2 == 1);
    }
    std::vector<Control> heard;
    for (int i = 0; i < 8; ++i) {
        const Buffer buffer = bench.driver.heap.writable(64);
        bench.queue(kToDriver).send({buffer});
        bench.settle();
        if (bench.queue(kToDriver).driver().collect()) heard.push_back(bench.driver.heap.value<Control>(buffer));
    }
    CHECK(heard == std::vector<Control>{{0, kPortAdd, 1}, {1, kPortAdd, 1}, {1, kPortName, 1}, {1, kPortOpen, 1}});
}

TEST_CASE("messages that make no sense are counted and do nothing") {
    ControlBench bench{{"agent"}};
    (void)bench.greet({0, 1}, 4);
    for (const Control& message : {Control{2, kPortReady, 1}, Control{UINT32_MAX, kPortOpen, 1},
                                   Control{1, kPortAdd, 1}, Control{1, kPortName, 1}, Control{0, kResize, 0},
                                   Control{1, 8, 1}, Control{1, UINT16_MAX, UINT16_MAX}, Control{2, kDeviceReady, 0}}) {
        bench.say(message);
    }
    bench.send(kFromDriver, {"short"});
    bench.send(kFromDriver, {"in ", "pie", "ces"});
    bench.queue(kFromDriver).send({bench.driver.heap.writable(8)});
    CHECK(bench.queue(kFromDriver).wait_used().written == 0);
    CHECK(bench.is_quiet());
    CHECK(bench.driver.transport.reset_reasons().empty());
    bench.say({1, kPortOpen, 1});
    (void)bench.offer(4, 4);
    CHECK(bench.port("agent").type("fine") == 4);
}

TEST_CASE("a port that the driver could not set up is left alone") {
    ControlBench bench{{"agent"}};
    (void)bench.greet({0, 1}, 4);
    bench.say({1, kPortReady, 0});
    bench.port("agent").connect(true);
    CHECK(bench.is_quiet());
}

TEST_CASE("a message that finds no room is not lost") {
    ConsoleBench bench{{"agent"}};
    bench.driver.start();
    bench.send(kFromDriver, {ControlBench::as_text({0, kDeviceReady, 1})});
    bench.queue(kToDriver).send({bench.driver.heap.writable(7)});
    CHECK(bench.queue(kToDriver).wait_used().written == 0);
    bench.queue(kToDriver).send({bench.driver.heap.readable("cannot be written")});
    CHECK(bench.queue(kToDriver).wait_used().written == 0);
    const Buffer enough = bench.driver.heap.writable(8);
    bench.queue(kToDriver).send({enough});
    CHECK(bench.queue(kToDriver).wait_used().written == 8);
    CHECK(bench.driver.heap.value<Control>(enough) == Control{0, kPortAdd, 1});
}

TEST_CASE("after a reset the next driver is told everything anew") {
    ControlBench bench{{"agent"}};
    (void)bench.greet({0, 1}, 4);
    bench.driver.stop();
    bench.port("agent").connect(true);
    bench.driver.start();
    for (int i = 0; i < 16; ++i) bench.listen();
    CHECK(bench.is_quiet());
    CHECK(bench.greet({0, 1}, 4).back().control == Control{1, kPortOpen, 1});
}

TEST_CASE("a driver that breaks a control queue has to reset the device") {
    ControlBench bench{{"agent"}};
    const unsigned number = GENERATE(kToDriver, kFromDriver);
    auto& driver = dynamic_cast<SplitDriver&>(bench.queue(number).driver());
    const std::uint16_t head = driver.place({bench.driver.heap.writable(4)});
    driver.write_descriptor(head, {.at = 1ULL << 60, .length = 4, .flags = 2, .next = 0});
    driver.publish();
    bench.queue(number).kick();
    if (number == kToDriver) {
        for (int i = 0; i < 9; ++i) bench.say({0, kDeviceReady, 1});
    }
    CHECK_FALSE(bench.driver.transport.wait_needs_reset().empty());
}

TEST_CASE("ports without a fit name, with the same name, or too many are errors in the file") {
    FakeContext context;
    const auto failure = [&](const std::vector<std::string>& names) -> std::string {
        FakeSpec spec{kConsoleSyntax};
        std::uint32_t line = 0;
        for (const std::string& name : names) spec.with("port", name, {.line = ++line});
        try {
            const Console console{spec.get(), context};
            return "fine";
        } catch (const ConfigError& error) {
            CHECK(error.where().line == line);
            return error.what();
        }
    };
    CHECK(failure({"org.qemu.guest_agent.0", "com.example:1-a"}) == "fine");
    for (const std::string& name : {std::string{}, std::string{"a b"}, std::string{"a/b"}, std::string(65, 'x')})
        CHECK(failure({"good", name}).find("cannot be the name of a port") != std::string::npos);
    CHECK(failure({"twice", "twice"}) == "there is a port 'twice' already");
    std::vector<std::string> many;
    for (int i = 0; i < 32; ++i) many.push_back("port" + std::to_string(i));
    CHECK(failure(many) == "a console has 31 named ports at most");
}

}  // namespace qvm
