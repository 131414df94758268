// SPDX-License-Identifier: Apache-2.0
#include "launcher/launcher.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <utility>

#include "devices/host/terminal.hpp"
#include "launcher/end_latch.hpp"
#include "launcher/memory_setup.hpp"
#include "launcher/placed_board.hpp"
#include "ops/signals.hpp"
#include "ops/user.hpp"
#include "vcpu/vcpu_thread.hpp"

namespace qvm {
namespace {

/// The VM. Member order is teardown order, last member first: the vCPU threads are joined before anything else goes.
class RunningVm final : public Vm {
public:
    RunningVm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan, Diagnostics& diagnostics)
        : log_{config.system, config.loggers}, loop_{"io/main"}, terminal_{latch_}, board_{config, catalog,
                                                                                           plan,   char_host_,
                                                                                           latch_, diagnostics} {
        if (diagnostics.has_errors()) return;
        make_memory(config, board_.memory, log_);
        make_vcpus(config, board_.machine->boot(board_.assembled.placed));
        lock_rest(config, board_.memory, log_);
        if (config.user) become(find_identity(*config.user));
    }

    EndCause run() override {
        board_.assembled.vdevs.start();
        for (auto& vcpu : vcpus_) vcpu->release();
        while (!latch_.cause()) wait();
        vcpus_.clear();
        const EndCause cause = *latch_.cause();
        if (!worth_an_alarm(cause)) log_.info(describe(cause));
        return cause;
    }

private:
    void make_vcpus(const VmConfig& config, std::vector<std::unique_ptr<Vcpu>> vcpus) {
        install_kick_handler();
        const VcpuWorld world{board_.buses, *board_.machine, latch_, log_};
        for (unsigned i = 0; i < vcpus.size(); ++i)
            vcpus_.push_back(std::make_unique<VcpuThread>(i, std::move(vcpus[i]), config.cpus[i], world));
    }

    void wait() {
        std::array<pollfd, 2> sources{pollfd{signals_.fd(), POLLIN, 0}, pollfd{latch_.fd(), POLLIN, 0}};
        ::poll(sources.data(), sources.size(), -1);
        while (const auto request = signals_.take()) serve(*request);
    }

    void serve(Request request) {
        switch (request) {
            case Request::PowerButton:
                return press_power_button();
            case Request::Quit:
                return latch_.end(EndCause::Forced);
            case Request::Status:
                return log_.info(fmt::format("{} vCPUs; accesses that no device claimed: {} by port, {} by address",
                                             vcpus_.size(), board_.buses.pio.unclaimed(),
                                             board_.buses.mmio.unclaimed()));
            case Request::Dump:
                return log_.warn("no dump is written: the configuration names no place for one");
        }
    }

    void press_power_button() {
        if (std::exchange(button_pressed_, true)) return latch_.end(EndCause::Forced);
        if (board_.machine->press_power_button())
            log_.info("power button pressed; a second signal ends the VM at once");
        else
            log_.warn("power button pressed, but the guest does not listen to it; a second signal ends the VM at once");
    }

    Signals signals_;  // first: threads inherit the blocked signals
    EndLatch latch_;
    Log log_;
    EventLoop loop_;
    Terminal terminal_;
    CharHost char_host_{loop_, log_, &terminal_};
    PlacedBoard board_;
    std::vector<std::unique_ptr<VcpuThread>> vcpus_;
    bool button_pressed_ = false;
};

/// What can be known of the host without starting anything.
void check_host(const VmConfig& config, Diagnostics& diagnostics) {
    check_memory(config, diagnostics);
    if (!config.user) return;
    try {
        (void)find_identity(*config.user);
    } catch (const ConfigError& error) {
        diagnostics.error(error);
    }
}

}  // namespace

Catalog make_catalog() { return Catalog{common_vdev_types(), board_vdev_types()}; }

std::unique_ptr<BoardPlan> plan_vm(const VmConfig& config, const Catalog& catalog, Purpose purpose,
                                   Diagnostics& diagnostics) {
    const auto foreign = foreign_sign(config, this_board());
    report_unavailable(config, catalog, foreign, purpose, diagnostics);
    if (foreign) return plan_foreign(config, foreign->board, diagnostics);
    if (!config.damage.memory && !config.damage.loads) return plan_board(config, diagnostics);
    // Where images would lie in a part of the memory, or what a part of them lacks, is of no interest.
    check_images(config, diagnostics);
    Diagnostics unsaid;
    return plan_board(config, unsaid);
}

std::unique_ptr<Vm> build_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan,
                             Diagnostics& diagnostics) {
    check_host(config, diagnostics);
    if (diagnostics.has_errors()) return nullptr;
    try {
        prepare_process(config);
        auto vm = std::make_unique<RunningVm>(config, catalog, plan, diagnostics);
        if (!diagnostics.has_errors()) return vm;
    } catch (const ConfigError& error) {
        diagnostics.error(error);
    }
    return nullptr;
}

std::optional<GuestMap> check_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan,
                                 Diagnostics& diagnostics) {
    check_host(config, diagnostics);
    EndLatch nobody;
    Log silent{config.system, {{{Severity::Fatal}, LogDestination::None}}};
    EventLoop loop{EventLoop::NeverRuns{}};
    HostEndCheck host_ends;
    const CharHost char_host{loop, silent, nullptr, &host_ends};
    const PlacedBoard board{config, catalog, plan, char_host, nobody, diagnostics};
    if (diagnostics.has_errors()) return std::nullopt;
    return make_guest_map(config, board.buses, board.irqs);
}

int exit_code(EndCause cause) noexcept {
    switch (cause) {
        case EndCause::PowerOff:
        case EndCause::Reset:
        case EndCause::TripleFault:
            return 0;
        case EndCause::Forced:
            return 3;
        case EndCause::Watchdog:
            return 4;
        case EndCause::UnsupportedAbort:
            return 5;
        case EndCause::VdevError:
            return 6;
        case EndCause::Unexpected:
            return 7;
        case EndCause::HostError:
            return 96;
    }
    return 7;
}

bool worth_an_alarm(EndCause cause) noexcept { return cause == EndCause::TripleFault || exit_code(cause) != 0; }

std::string_view describe(EndCause cause) noexcept {
    switch (cause) {
        case EndCause::PowerOff:
            return "the guest powered off";
        case EndCause::Reset:
            return "the guest asked for a reset";
        case EndCause::TripleFault:
            return "the guest ended in a triple fault";
        case EndCause::Forced:
            return "ended at once, as asked";
        case EndCause::Watchdog:
            return "a watchdog ended the VM";
        case EndCause::UnsupportedAbort:
            return "the guest did what the configuration forbids";
        case EndCause::VdevError:
            return "a vdev failed";
        case EndCause::Unexpected:
            return "a vCPU could not go on";
        case EndCause::HostError:
            return "the host failed";
    }
    return "unknown";
}

}  // namespace qvm
