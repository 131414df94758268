// SPDX-License-Identifier: Apache-2.0
// Everything a vdev may touch, without a board, a kernel or a host.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "devices/host/char_port.hpp"
#include "devices/vdev.hpp"
#include "support/fake_pci.hpp"

namespace qvm::test {

/// How long a test waits for something that must happen.
inline constexpr std::chrono::seconds kPatience{20};

/// A wire that remembers.
class RecordingIrq final : public IrqLine {
public:
    void set(bool high) noexcept override {
        const std::lock_guard lock{mutex_};
        if (high && !high_) ++rises_;
        high_ = high;
        changed_.notify_all();
    }
    [[nodiscard]] bool high() const {
        const std::lock_guard lock{mutex_};
        return high_;
    }
    [[nodiscard]] unsigned rises() const {
        const std::lock_guard lock{mutex_};
        return rises_;
    }
    [[nodiscard]] bool wait_high() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [this] { return high_; });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool high_ = false;
    unsigned rises_ = 0;
};

/// The host's end of a vdev, as the test wants it. Not thread-safe.
struct FakeHostEnd {
    CharClient* client = nullptr;
    std::string output;
    std::size_t room = SIZE_MAX;  ///< bytes of output that are still taken
    unsigned resumed = 0;
    bool used = false;
    std::function<void()> changed{};  ///< called when one of these has; may be empty

    /// Offers input; returns how much the vdev took.
    std::size_t type(std::string_view text) { return client->receive(std::as_bytes(std::span{text})); }
    void make_room(std::size_t bytes) {
        room = bytes;
        client->writable();
    }
};

class FakeCharPort final : public CharPort {
public:
    explicit FakeCharPort(FakeHostEnd& host) : host_{host} {}
    void attach(CharClient& client) override { host_.client = &client; }
    void use() noexcept override {
        host_.used = true;
        if (host_.changed) host_.changed();
    }
    [[nodiscard]] std::size_t write(std::span<const std::byte> data) noexcept override {
        const std::size_t taken = std::min(host_.room, data.size());
        host_.room -= taken;
        for (const std::byte value : data.first(taken)) host_.output.push_back(static_cast<char>(value));
        if (host_.changed) host_.changed();
        return taken;
    }
    void resume_input() noexcept override {
        ++host_.resumed;
        if (host_.changed) host_.changed();
    }

private:
    FakeHostEnd& host_;
};

/// Its functions may be called from several threads; who looks at what they left behind makes sure that none runs.
class FakeMsiRouter final : public MsiRouter {
public:
    unsigned reserve(unsigned count) override { return std::exchange(next_, next_ + count); }
    void route(unsigned gsi, MsiMessage message) noexcept override {
        const std::lock_guard lock{mutex_};
        routes[gsi] = message;
        ++route_calls;
    }
    /// As a kernel does: nothing is sent without a route, and what is masked waits.
    void signal(unsigned gsi) noexcept override {
        const std::lock_guard lock{mutex_};
        send(gsi);
    }
    void mask(unsigned gsi) noexcept override {
        const std::lock_guard lock{mutex_};
        masked.insert(gsi);
    }
    void unmask(unsigned gsi) noexcept override {
        const std::lock_guard lock{mutex_};
        if (masked.erase(gsi) != 0 && waiting.erase(gsi) != 0) send(gsi);
    }
    [[nodiscard]] bool pending(unsigned gsi) noexcept override {
        const std::lock_guard lock{mutex_};
        return waiting.contains(gsi);
    }
    [[nodiscard]] int trigger(unsigned) noexcept override { return -1; }

    std::set<unsigned> masked;
    std::set<unsigned> waiting;
    std::map<unsigned, MsiMessage> routes;
    unsigned route_calls = 0;
    std::vector<MsiMessage> sent;

private:
    void send(unsigned gsi) {
        if (masked.contains(gsi)) return void(waiting.insert(gsi));
        if (const auto found = routes.find(gsi); found != routes.end()) sent.push_back(found->second);
    }

    std::mutex mutex_;
    unsigned next_ = 0;
};

/// Stands still until it is moved.
class FakeClock final : public Clock {
public:
    [[nodiscard]] std::chrono::nanoseconds monotonic() const noexcept override { return now_; }
    [[nodiscard]] std::chrono::nanoseconds realtime() const noexcept override { return now_; }
    void set(std::chrono::nanoseconds time) noexcept { now_ = time; }
    void advance(std::chrono::nanoseconds time) noexcept { now_ = now_.load() + time; }

private:
    std::atomic<std::chrono::nanoseconds> now_{std::chrono::nanoseconds{0}};
};

class RecordingControl final : public VmControl {
public:
    void end(EndCause cause) noexcept override {
        const std::lock_guard lock{mutex_};
        if (!first_) first_ = cause;
        changed_.notify_all();
    }
    void dump(std::optional<EndCause> then) noexcept override {
        const std::lock_guard lock{mutex_};
        ++dumps_;
        if (then && !first_) first_ = then;
        changed_.notify_all();
    }
    [[nodiscard]] std::optional<EndCause> cause() const {
        const std::lock_guard lock{mutex_};
        return first_;
    }
    [[nodiscard]] unsigned dumps() const {
        const std::lock_guard lock{mutex_};
        return dumps_;
    }
    [[nodiscard]] bool wait() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [this] { return first_.has_value(); });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<EndCause> first_;
    unsigned dumps_ = 0;
};

/// A log that says nothing.
[[nodiscard]] inline std::vector<LogRule> silence() {
    return {{{Severity::Fatal, Severity::Internal, Severity::Error, Severity::Warn, Severity::Info, Severity::Debug,
              Severity::Verbose},
             LogDestination::None}};
}

/// `vdev type` with options as the parser would make it.
class FakeSpec {
public:
    explicit FakeSpec(const VdevSyntax& syntax) { spec_.syntax = &syntax; }

    FakeSpec& with(std::string_view option, ArgValue value, Location where = {}) {
        spec_.options.push_back({.spec = &named(option), .where = where, .value = std::move(value)});
        return *this;
    }
    [[nodiscard]] const VdevSpec& get() const { return spec_; }

private:
    [[nodiscard]] const OptionSpec& named(std::string_view option) {
        for (const OptionSpec& candidate : spec_.syntax->options) {
            if (candidate.name == option) return candidate;
        }
        for (const OptionSpec& candidate : common_vdev_options()) {
            if (candidate.name == option) return candidate;
        }
        return own_.emplace_back(OptionSpec{.name = option});
    }
    VdevSpec spec_;
    std::deque<OptionSpec> own_;
};

/// Maps every vdev at kBase of the space that it asks for.
class FakeContext final : public VdevContext {
    Log log_{"test", silence()};

public:
    static constexpr std::uint64_t kBase = 0x1000;
    static constexpr std::uint64_t kPciWindow = 0xe000'0000;

    void map(GuestLocation::Space space, std::uint64_t size, IoDevice& registers) override {
        bus_ = space == GuestLocation::Space::Io ? &buses.pio : &buses.mmio;
        const auto range = Range::make(kBase, size);
        if (!range || bus_->attach(*range, registers, "vdev under test")) throw std::logic_error{"map"};
        window = size;
    }
    void doorbell(const Doorbell& bell, int fd) override { doorbells.emplace_back(bell, fd); }
    [[nodiscard]] bool on_pci() const override { return pci_wanted; }
    PciFunction& pci(const PciIdentity& of_vdev) override {
        pci_host.emplace(PciHost::Setup{router, pci_bells, log_, Range::make(kPciWindow, kMiB), {{line, 16}}});
        return pci_host->add({1, 0}, of_vdev, {"vdev under test", {}});
    }
    IrqLine& irq() override { return line; }
    void provide(InterruptController& controller) override { provided = &controller; }
    std::unique_ptr<CharPort> char_port() override { return std::make_unique<FakeCharPort>(host); }
    std::unique_ptr<CharPort> char_port(std::string_view name, std::span<const OptionValue>) override {
        return std::make_unique<FakeCharPort>(ports[std::string{name}]);
    }
    [[nodiscard]] VmIdentity vm() const override { return identity; }
    MsiRouter& msi() override { return router; }
    const GuestMemory& memory() override { return ram; }
    EventLoop& loop() override {
        if (!loop_) loop_ = std::make_unique<EventLoop>("test loop");
        return *loop_;
    }
    Log& log() override { return log_; }
    const Clock& clock() override { return real_time ? static_cast<const Clock&>(host_clock_) : fake_clock; }
    VmControl& control() override { return ended; }

    /// As the guest sees the vdev; `width` is 1 to 8.
    [[nodiscard]] std::uint64_t read(std::uint64_t offset, unsigned width = 1) const {
        std::array<std::byte, 8> data{};
        if (!bus_->read(kBase + offset, std::span{data}.first(width))) throw std::logic_error{"nobody there"};
        std::uint64_t value = 0;
        for (unsigned i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(data[i]) << (8 * i);
        return value;
    }
    void write(std::uint64_t offset, std::uint64_t value, unsigned width = 1) const {
        std::array<std::byte, 8> data{};
        for (unsigned i = 0; i < width; ++i) data[i] = static_cast<std::byte>(value >> (8 * i));
        if (!bus_->write(kBase + offset, std::span{data}.first(width))) throw std::logic_error{"nobody there"};
    }

    /// What the guest does to the vdev's PCI function, once it is made.
    [[nodiscard]] PciDriver pci_driver() {
        if (!std::exchange(pci_connected_, true)) pci_host->connect();
        return {*pci_host, {1, 0}, kPciWindow};
    }

    Buses buses;
    std::uint64_t window = 0;
    bool pci_wanted = false;  ///< the vdev is to be a PCI function; its pin leads to `line`
    RecordingDoorbells pci_bells;
    std::optional<PciHost> pci_host;
    std::vector<std::pair<Doorbell, int>> doorbells;
    GuestMemory ram;  ///< empty until the test adds some
    RecordingIrq line;
    VmIdentity identity{};
    InterruptController* provided = nullptr;
    FakeHostEnd host;
    std::map<std::string, FakeHostEnd> ports;  ///< by their names, if there are several
    FakeMsiRouter router;
    FakeClock fake_clock;
    bool real_time = false;  ///< clock() is the host's
    RecordingControl ended;

private:
    Bus* bus_ = nullptr;
    bool pci_connected_ = false;
    HostClock host_clock_;
    std::unique_ptr<EventLoop> loop_;
};

}  // namespace qvm::test
