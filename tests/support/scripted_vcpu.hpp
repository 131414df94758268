// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "vcpu/vcpu.hpp"

namespace qvm {

/// Plays a list of exits. At its end it behaves like a guest in HLT: run() returns only when kicked.
class ScriptedVcpu final : public Vcpu {
public:
    explicit ScriptedVcpu(std::deque<Exit> script) : script_{std::move(script)} {}

    [[nodiscard]] Exit run() noexcept override {
        std::unique_lock lock{mutex_};
        if (script_.empty()) changed_.wait(lock, [this] { return kicked_; });
        if (kicked_) return Resume{};
        const Exit exit = script_.front();
        script_.pop_front();
        return exit;
    }
    void kick() noexcept override {
        const std::scoped_lock lock{mutex_};
        kicked_ = true;
        changed_.notify_all();
    }
    void unkick() noexcept override {
        const std::scoped_lock lock{mutex_};
        kicked_ = false;
    }
    [[nodiscard]] bool raise(Fault fault) noexcept override {
        raised.push_back(fault);
        return takes_faults;
    }
    std::vector<Fault> raised{};
    bool takes_faults = true;

    [[nodiscard]] bool is_off() const noexcept override { return off; }
    [[nodiscard]] Sleep sleep(bool alone) noexcept override {
        was_alone = alone;
        return sleeps;
    }
    [[nodiscard]] bool wake_up() noexcept override { return wakes; }
    bool off = false;
    Sleep sleeps = Sleep::Begun;
    bool was_alone = false;
    bool wakes = true;

    [[nodiscard]] std::vector<CoreNote> core_notes() override { return {}; }
    [[nodiscard]] std::string state() override { return "scripted"; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Exit> script_;
    bool kicked_ = false;
};

}  // namespace qvm
