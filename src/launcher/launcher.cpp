// SPDX-License-Identifier: Apache-2.0
#include "launcher/launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <functional>
#include <iterator>
#include <utility>

#include "config/passed_memory.hpp"
#include "config/settings.hpp"
#include "devices/host/terminal.hpp"
#include "devices/platform/kept_memory.hpp"
#include "launcher/balloon_check.hpp"
#include "launcher/end_latch.hpp"
#include "launcher/life.hpp"
#include "launcher/memory_setup.hpp"
#include "launcher/passed_devices.hpp"
#include "launcher/passed_ram_check.hpp"
#include "launcher/placed_board.hpp"
#include "launcher/thread_places.hpp"
#include "ops/core_dump.hpp"
#include "ops/signals.hpp"
#include "ops/user.hpp"
#include "ops/vmcoreinfo.hpp"
#include "vcpu/exit_stats.hpp"
#include "vcpu/system_sleep.hpp"
#include "vcpu/vcpu_group.hpp"
#include "vmm/error.hpp"
#include "vmm/token_bucket.hpp"

namespace qvm {
namespace {

/// In the order in which Judgement::device counts them.
std::vector<std::string> device_names(const Buses& buses) {
    std::vector<std::string> names;
    for (const Bus* bus : {&buses.pio, &buses.mmio})
        for (const Bus::Entry& entry : bus->entries()) names.push_back(entry.owner);
    return names;
}

/// The VM. Member order is teardown order, last member first: the vCPU threads are joined before anything else goes.
class RunningVm final : public Vm {
public:
    RunningVm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan, const ThreadPlan& threads,
              Diagnostics& diagnostics)
        : config_{config},
          threads_{threads},
          log_{config.system, config.loggers},
          life_{config, log_, notify_},
          loop_{"io/main", settings_of(config).io_poll.value_or(default_io_poll(threads))},
          terminal_{latch_},
          board_{config, catalog, plan, char_host_, latch_, diagnostics} {
        if (diagnostics.has_errors()) return;
        make_memory(config, board_.memory, log_);
        make_vcpus(config, board_.machine->boot(board_.assembled.placed));
        board_.assembled.passed->start(board_.memory);
        place_own_threads(threads_, best_effort(config));
        lock_rest(config, board_.memory, log_);
        if (config.user) {
            const Identity user = find_identity(*config.user);
            life_.give_to(user);
            become(user);
        }
    }

    EndCause run() override {
        board_.assembled.vdevs.start();
        show_environment();
        vcpus_.release();
        place_kernel_workers(threads_, log_);
        life_.running();
        while (!latch_.cause()) wait();
        life_.stopping(*latch_.cause());
        vcpus_.stop();
        const EndCause cause = *latch_.cause();
        if (!facts_of(cause).alarm) log_.info(facts_of(cause).text);
        return cause;
    }

private:
    /// All vCPUs, and what counts the time that they are given.
    class GuestPause {
    public:
        explicit GuestPause(RunningVm& vm) : vdevs_{vm.board_.assembled.vdevs}, vcpus_{vm.vcpus_.pause()} {
            vdevs_.pause();
        }
        ~GuestPause() { vdevs_.resume(); }
        GuestPause(const GuestPause&) = delete;
        GuestPause& operator=(const GuestPause&) = delete;

    private:
        VdevStack& vdevs_;
        VcpuGroup::Pause vcpus_;
    };

    void make_vcpus(const VmConfig& config, std::vector<std::unique_ptr<Vcpu>> vcpus) {
        install_kick_handler();
        const VcpuWorld world{
            board_.buses,  *board_.machine, latch_, log_, unsupported_actions(config), best_effort(config) != nullptr,
            &sleep_.bell()};
        const auto count = static_cast<unsigned>(vcpus.size());
        stats_.emplace(stats_file(), count, device_names(board_.buses), board_.machine->ticks_per_second());
        for (unsigned i = 0; i < count; ++i)
            vcpus_.add(std::make_unique<VcpuThread>(i, std::move(vcpus[i]), config.cpus[i], world, stats_->vcpu(i)));
    }

    /// Where refusals of places go that must not end the VM; null if they must.
    [[nodiscard]] Log* best_effort(const VmConfig& config) {
        return settings_of(config).best_effort_sched ? &log_ : nullptr;
    }

    void show_environment() {
        const std::string map =
            guest_map_to_json(make_guest_map(config_, board_.buses, board_.irqs, board_.machine->pci()));
        const std::string plan = thread_plan_to_json(threads_);
        life_.built({.version = QVM_VERSION, .plan = plan, .map = map, .pseudo_terminals = pseudo_terminals()});
    }

    [[nodiscard]] std::vector<PseudoTerminalFacts> pseudo_terminals() const {
        std::vector<PseudoTerminalFacts> all;
        for (const auto& [vdev, path] : pseudo_terminals_) all.push_back({vdev, path});
        return all;
    }

    void wait() {
        std::array sources{pollfd{signals_.fd(), POLLIN, 0}, pollfd{latch_.fd(), POLLIN, 0},
                           pollfd{sleep_.fd(), POLLIN, 0}};
        const int timeout = life_.poll_timeout();
        const bool earlier = !settled_ && (timeout < 0 || timeout > kSettleMs);
        if (::poll(sources.data(), sources.size(), earlier ? kSettleMs : timeout) == 0 && !settled_) settle();
        if (const auto wanted = latch_.take_dump()) bite(*wanted);
        tell_sleep(sleep_.serve(vcpus_));
        life_.tick([this] { return !vcpus_.is_stuck(); });
        while (const auto request = signals_.take()) serve(*request);
    }

    void tell_sleep(SystemSleep::Change change) {
        switch (change) {
            case SystemSleep::Change::None:
                return;
            case SystemSleep::Change::Asleep:
                life_.asleep();
                told_of_sleep_ = sleeps_to_tell_.available(std::chrono::steady_clock::now().time_since_epoch()) > 0;
                if (!told_of_sleep_) return;
                sleeps_to_tell_.take(1);
                return log_.info("the guest has suspended itself; an interrupt wakes it up");
            case SystemSleep::Change::Awake:
                life_.awake();
                if (told_of_sleep_) log_.info("the guest has been woken up");
                return;
            case SystemSleep::Change::Failed:
                log_.write(Severity::Fatal, errno_text("the kernel does not let a vCPU sleep", errno));
                return latch_.end(EndCause::HostError);
        }
    }

    /// Some of the kernel's threads are made only when the vCPUs run, and no event tells of them.
    void settle() {
        settled_ = true;
        place_kernel_workers(threads_, log_);
        log_threads(log_, Severity::Debug);
    }

    void serve(Request request) {
        switch (request) {
            case Request::PowerButton:
                return press_power_button();
            case Request::Quit:
                return latch_.end(EndCause::Forced);
            case Request::Status:
                log_.info(fmt::format("{} vCPUs; accesses that no device claimed: {} by port, {} by address{}\n{}",
                                      vcpus_.size(), board_.buses.pio.unclaimed(), unclaimed_addresses(),
                                      board_.assembled.passed->report(), stats_->report()));
                return log_threads(log_, Severity::Info);
            case Request::Dump:
                return dump("SIGUSR2", [] {});
        }
    }

    [[nodiscard]] std::uint64_t unclaimed_addresses() {
        const PciHost* const pci = board_.machine->pci();
        return board_.buses.mmio.unclaimed() + (pci != nullptr ? pci->unclaimed() : 0);
    }

    /// Of a watchdog that wants a dump.
    void bite(const EndLatch::DumpRequest& wanted) {
        const auto end = [&] {
            if (wanted.then) latch_.end(*wanted.then);
        };
        dump("watchdog", end);
        end();
    }

    /// The guest waits until its memory has been read, not until the dump has reached its place. `before_it_goes_on` is
    /// done in between.
    void dump(std::string_view cause, const std::function<void()>& before_it_goes_on) {
        if (!config_.dump) return log_.warn("no dump is written: the configuration names no place for one");
        std::optional<GuestPause> pause{std::in_place, *this};
        const std::time_t now = std::time(nullptr);
        CoreImage image{board_.machine->elf_machine(), board_.memory, {about_note(config_.system, now, cause)}};
        for (const auto& vcpu : vcpus_.vcpus())
            for (CoreNote& note : vcpu->vcpu().core_notes()) image.notes.push_back(std::move(note));
        if (auto linux_note = find_vmcoreinfo(board_.memory)) image.notes.push_back(std::move(*linux_note));
        const std::span<const std::byte> exits = stats_->bytes();
        image.notes.push_back({"QVM", static_cast<std::uint32_t>(QvmNote::Recorder), {exits.begin(), exits.end()}});
        const DumpOutcome outcome = write_dump({*config_.dump, config_.system, now, image, [&] {
                                                    before_it_goes_on();
                                                    pause.reset();
                                                }});
        log_.write(outcome.written ? Severity::Info : Severity::Warn, outcome.text);
    }

    /// In the runtime directory, if there is one, for others to read.
    [[nodiscard]] UniqueFd stats_file() const {
        const RuntimeDir* const directory = life_.directory();
        if (directory == nullptr) return anonymous_stats_file();
        return UniqueFd{check(
            "cannot make the file of the exit statistics",
            ::openat(directory->fd(), kStatsFile, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kReadable))};
    }

    void press_power_button() {
        if (std::exchange(button_pressed_, true)) return latch_.end(EndCause::Forced);
        life_.note("power button pressed");
        if (board_.machine->press_power_button())
            log_.info("power button pressed; a second signal ends the VM at once");
        else
            log_.warn("power button pressed, but the guest does not listen to it; a second signal ends the VM at once");
    }

    static constexpr int kSettleMs = 1000;
    static constexpr const char* kStatsFile = "exits";
    static constexpr mode_t kReadable = 0644;

    const VmConfig& config_;
    const ThreadPlan& threads_;
    Signals signals_;                                 // before any thread: they inherit the blocked signals
    NotifySettings notify_ = take_notify_settings();  // before any thread, too
    EndLatch latch_;
    SystemSleep sleep_;
    /// A guest that does nothing but sleep and wake up is not to fill the log.
    TokenBucket sleeps_to_tell_{4, 4, std::chrono::steady_clock::now().time_since_epoch()};
    bool told_of_sleep_ = false;
    Log log_;
    Life life_;
    EventLoop loop_;
    Terminal terminal_;
    std::vector<NewPseudoTerminal> pseudo_terminals_;
    CharHost char_host_{loop_, log_, &terminal_, nullptr, &pseudo_terminals_, life_.runtime_directory()};
    PlacedBoard board_;
    std::optional<ExitStats> stats_;  ///< once the vCPUs are known; outlives them
    VcpuGroup vcpus_;
    bool button_pressed_ = false;
    bool settled_ = false;
};

/// What can be known of the host without starting anything.
void check_host(const VmConfig& config, Diagnostics& diagnostics) {
    check_memory(config, diagnostics);
    check_balloon(config, diagnostics);
    check_passed_ram(config, diagnostics);
    if (!config.user) return;
    try {
        (void)find_identity(*config.user);
    } catch (const ConfigError& error) {
        diagnostics.error(error);
    }
}

std::vector<std::string> threads_of_vdevs(const VmConfig& config, const Catalog& catalog) {
    std::vector<std::string> names;
    for (const VdevSpec& spec : config.vdevs) {
        const VdevType* const type = catalog.find(spec.syntax);
        if (type == nullptr || type->threads == nullptr) continue;
        std::ranges::move(type->threads(spec), std::back_inserter(names));
    }
    return names;
}

}  // namespace

Catalog make_catalog() { return Catalog{this_board(), {common_vdev_types(), board_vdev_types()}}; }

std::unique_ptr<BoardPlan> plan_vm(const VmConfig& config, const Catalog& catalog, Purpose purpose,
                                   Diagnostics& diagnostics) {
    const auto foreign = foreign_sign(config, this_board());
    report_unavailable(config, catalog, foreign, purpose, diagnostics);
    if (foreign) return plan_foreign(config, foreign->board, diagnostics);
    // A check may be made on another host than the one whose memory holds images.
    std::optional<KeptMemory> host;
    const bool reads = purpose == Purpose::Run && !diagnostics.has_errors() && !passed_images(config).empty();
    if (reads) host.emplace(settings_of(config).host_devmem);
    if (!config.damage.memory && !config.damage.loads) return plan_board(config, diagnostics, host ? &*host : nullptr);
    // Where images would lie in a part of the memory, or what a part of them lacks, is of no interest.
    check_images(config, diagnostics);
    Diagnostics unsaid;
    return plan_board(config, unsaid);
}

ThreadPlan plan_threads(const VmConfig& config, const Catalog& catalog, Purpose purpose, Diagnostics& diagnostics) {
    Diagnostics found;
    ThreadPlan plan = make_thread_plan(config, this_host_threads(), found, threads_of_vdevs(config, catalog));
    // A host of the other architecture has CPUs of its own.
    if (foreign_sign(config, this_board())) return plan;
    // A check may be made on another host than the one that the file is for.
    if (purpose == Purpose::Check) found.soften();
    diagnostics.add(found);
    return plan;
}

std::unique_ptr<Vm> build_vm(const VmConfig& config, const Catalog& catalog, BoardPlan& plan, const ThreadPlan& threads,
                             Diagnostics& diagnostics) {
    check_host(config, diagnostics);
    if (diagnostics.has_errors()) return nullptr;
    try {
        prepare_process(config);
        auto vm = std::make_unique<RunningVm>(config, catalog, plan, threads, diagnostics);
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
    return make_guest_map(config, board.buses, board.irqs, board.machine->pci());
}

}  // namespace qvm
