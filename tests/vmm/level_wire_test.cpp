// SPDX-License-Identifier: Apache-2.0
#include "vmm/level_wire.hpp"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

using namespace qvm;

namespace {

class Input final : public IrqLine {
public:
    void set(bool high) noexcept override { is_high = high; }
    std::atomic<bool> is_high = false;
};

/// Says when it was told of an end.
class Listener final : public EndListener {
public:
    Listener(IrqLine& line, bool lets_go) : line_{line}, lets_go_{lets_go} {}
    void ended() noexcept override {
        if (lets_go_) line_.set(false);
        told.set_value();
    }
    std::promise<void> told;

private:
    IrqLine& line_;
    bool lets_go_;
};

struct Wired {
    Input input;
    EventLoop loop{"level"};
    LevelWire wire{input};

    /// As the kernel at the end of an interrupt.
    void end() {
        input.set(false);
        const std::uint64_t one = 1;
        REQUIRE(::write(wire.end(), &one, sizeof one) == sizeof one);
    }
    /// The callback that runs on the loop, and what was posted before, are over.
    void settle() {
        std::promise<void> done;
        loop.post([&] { done.set_value(); });
        done.get_future().wait();
    }
};

}  // namespace

TEST_CASE("who lets go at the end of a level leaves the kernel's input low") {
    Wired wired;
    Listener listener{wired.wire, true};
    REQUIRE(wired.wire.tell_end(listener));
    wired.wire.listen(wired.loop);
    wired.wire.set(true);
    CHECK(wired.input.is_high);
    wired.end();
    listener.told.get_future().wait();
    wired.settle();
    CHECK_FALSE(wired.input.is_high);
}

TEST_CASE("an input that somebody still pulls is raised again after the end") {
    Wired wired;
    Listener listener{wired.wire, false};
    REQUIRE(wired.wire.tell_end(listener));
    wired.wire.listen(wired.loop);
    wired.wire.set(true);
    wired.end();
    listener.told.get_future().wait();
    wired.settle();
    CHECK(wired.input.is_high);
    wired.wire.set(false);
    CHECK_FALSE(wired.input.is_high);
}

TEST_CASE("a quiet wire tells nobody of the end, and can still be driven") {
    Wired wired;
    Listener listener{wired.wire, false};
    REQUIRE(wired.wire.tell_end(listener));
    wired.wire.listen(wired.loop);
    wired.wire.be_quiet();
    wired.wire.set(true);
    CHECK(wired.input.is_high);
    wired.end();
    wired.settle();
    CHECK_FALSE(wired.input.is_high);
    CHECK(listener.told.get_future().wait_for(std::chrono::seconds{0}) == std::future_status::timeout);
}
