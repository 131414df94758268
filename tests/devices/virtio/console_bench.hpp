// SPDX-License-Identifier: Apache-2.0
// A virtio console between a driver and host ends, all of them the test's.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/console.hpp"
#include "support/fake_virtio.hpp"

namespace qvm::test {

/// A host end of the context's, seen from the test's thread.
class WatchedHostEnd {
public:
    WatchedHostEnd(EventLoop& loop, FakeHostEnd& end) : loop_{loop}, end_{end} {
        end_.changed = [this] {
            const std::lock_guard lock{mutex_};
            output_ = end_.output;
            resumed_ = end_.resumed;
            used_ = end_.used;
            changed_.notify_all();
        };
    }

    [[nodiscard]] std::string text() {
        const std::lock_guard lock{mutex_};
        return output_;
    }
    [[nodiscard]] bool wait_text(const std::string& text) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return output_ == text; });
    }
    [[nodiscard]] unsigned resumed() {
        const std::lock_guard lock{mutex_};
        return resumed_;
    }
    [[nodiscard]] bool wait_resumed(unsigned before) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return resumed_ > before; });
    }
    [[nodiscard]] bool used() {
        const std::lock_guard lock{mutex_};
        return used_;
    }

    /// How much output is still taken; the device is not told.
    void room(std::size_t bytes) {
        run_on_loop(loop_, [&] { end_.room = bytes; });
    }
    void make_room(std::size_t bytes) {
        run_on_loop(loop_, [&] { end_.make_room(bytes); });
    }
    /// Input; returns how much the device took.
    std::size_t type(std::string_view text) {
        std::size_t taken = 0;
        run_on_loop(loop_, [&] { taken = end_.type(text); });
        return taken;
    }
    void connect(bool somebody) {
        run_on_loop(loop_, [&] { end_.client->connected(somebody); });
    }
    void resize(TerminalSize size) {
        run_on_loop(loop_, [&] { end_.client->resized(size); });
    }

private:
    EventLoop& loop_;
    FakeHostEnd& end_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string output_;
    unsigned resumed_ = 0;
    bool used_ = false;
};

inline constexpr OptionSpec kConsoleOptions[]{{.name = "hostdev", .type = ArgType::HostDev, .repeatable = true},
                                              {.name = "port", .type = ArgType::String, .repeatable = true},
                                              {.name = "tx-backpressure", .type = ArgType::Flag}};
inline constexpr VdevSyntax kConsoleSyntax{.type = "virtio-console", .summary = {}, .options = kConsoleOptions};

enum class Backpressure { No, Yes };
enum class ConsoleHostEnd { No, Yes };

/// A console with a host end at each port, which is the context's of the port's name.
[[nodiscard]] inline std::unique_ptr<Console> make_console(FakeContext& context, const std::vector<std::string>& names,
                                                           Backpressure backpressure, ConsoleHostEnd has_console) {
    FakeSpec spec{kConsoleSyntax};
    const HostDev somewhere{.direction = {}, .kind = HostDev::Kind::Path, .target = "/somewhere"};
    if (has_console == ConsoleHostEnd::Yes) spec.with("hostdev", somewhere);
    for (const std::string& name : names) spec.with("port", name).with("hostdev", somewhere);
    if (backpressure == Backpressure::Yes) spec.with("tx-backpressure", std::monostate{});
    return std::make_unique<Console>(spec.get(), context);
}

struct ConsoleBench {
    explicit ConsoleBench(const std::vector<std::string>& names = {}, Backpressure backpressure = Backpressure::No,
                          ConsoleHostEnd has_console = ConsoleHostEnd::Yes)
        : console{make_console(context, names, backpressure, has_console)},
          driver{context, *console},
          host{context.loop(), context.ports[""]} {
        for (const std::string& name : names)
            named.emplace(name, std::make_unique<WatchedHostEnd>(context.loop(), context.ports[name]));
        console->attach();
    }
    ~ConsoleBench() { driver.stop(); }
    ConsoleBench(const ConsoleBench&) = delete;
    ConsoleBench& operator=(const ConsoleBench&) = delete;

    [[nodiscard]] WatchedHostEnd& port(const std::string& name) { return *named.at(name); }
    [[nodiscard]] DrivenQueue& queue(unsigned number) { return driver.queue(number); }

    /// Sends one chain and waits until the device has given it back.
    void send(unsigned queue_number, const std::vector<std::string>& pieces, Layout layout = Layout::Direct) {
        std::vector<Buffer> chain;
        for (const std::string& piece : pieces) chain.push_back(driver.heap.readable(piece));
        queue(queue_number).send(chain, layout);
        (void)queue(queue_number).wait_used();
    }
    /// A buffer for input.
    Buffer offer(unsigned queue_number, std::uint32_t size) {
        const Buffer buffer = driver.heap.writable(size);
        queue(queue_number).send({buffer});
        return buffer;
    }
    /// What was on its way has arrived.
    void settle() {
        for (int i = 0; i < 3; ++i) run_on_loop(context.loop(), [] {});
    }

    FakeContext context;
    std::unique_ptr<Console> console;
    FakeVirtio driver;
    WatchedHostEnd host;  ///< of the console
    std::map<std::string, std::unique_ptr<WatchedHostEnd>> named;
};

}  // namespace qvm::test
