// SPDX-License-Identifier: Apache-2.0
#include "launcher/life.hpp"

#include <fmt/format.h>

#include <utility>

#include "config/diagnostics.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr const char* kEnv = "env";
constexpr const char* kStatus = "status";

ConfigError name_taken(const VmConfig& config, const NameTaken& taken) {
    const std::string who = taken.holder() != 0 ? fmt::format(": pid {}", taken.holder()) : "";
    return {config.system_where, fmt::format("a VM named {} is running{}", quoted(config.system), who),
            "end that one first, or give this one another name"};
}

}  // namespace

Life::Life(const VmConfig& config, Log& log, const NotifySettings& settings)
    : system_{config.system},
      log_{log},
      manager_{config.dryrun ? NotifySettings{} : settings},
      watchdog_{settings.watchdog, clock_},
      start_{clock_.realtime()} {
    if (!settings.socket.empty() && !config.dryrun && !manager_.is_there())
        log_.warn(fmt::format("cannot reach the service manager at {}", quoted(settings.socket)));
    if (config.dryrun) return;
    take_directory(config);
    enter(Phase::Building);
    manager_.status("building the VM");
}

Life::~Life() {
    if (!cause_) return;
    publish([this](RuntimeDir& directory) { directory.write_last(status(Phase::Ended)); });
}

void Life::take_directory(const VmConfig& config) {
    std::string why_not;
    try {
        auto root = open_runtime_root(runtime_root_candidates(), why_not);
        if (root && config.system.empty()) {
            sweep_unnamed(*root);
            directory_.emplace(std::move(*root), RuntimeDir::unnamed(), RuntimeDir::Last::None);
        } else if (root) {
            directory_.emplace(std::move(*root), config.system, RuntimeDir::Last::Keep);
        }
    } catch (const NameTaken& taken) {
        if (!config.system.empty()) throw name_taken(config, taken);
    } catch (const HostError& error) {
        why_not = error.what();
    }
    if (directory_ || config.system.empty()) return;
    log_.warn(fmt::format("no runtime directory, so a second VM named {} would not be noticed: {}",
                          quoted(config.system), why_not));
}

void Life::give_to(const Identity& user) {
    publish([&user](RuntimeDir& directory) { directory.give_to(user.user, user.group); });
}

void Life::built(EnvFacts facts) {
    facts.system = system_;
    facts.start = start_;
    facts.threads = threads_of_this_process();
    publish([&facts](RuntimeDir& directory) { directory.write(kEnv, env_to_json(facts) + '\n'); });
}

void Life::running() {
    enter(Phase::Running);
    manager_.ready("the guest runs");
}

void Life::asleep() {
    enter(Phase::Suspended);
    manager_.status("the guest has suspended itself");
}

void Life::awake() {
    enter(Phase::Running);
    manager_.status("the guest runs");
}

void Life::stopping(EndCause cause) {
    cause_ = cause;
    manager_.stopping(facts_of(cause).text);
    enter(Phase::Stopping);
}

void Life::tick(const std::function<bool()>& vcpus_live) {
    if (!watchdog_.due()) return;
    if (vcpus_live()) {
        stuck_ = false;
        return manager_.alive();
    }
    if (!std::exchange(stuck_, true))
        log_.warn("a vCPU is stuck in the host: the service manager gets no sign of life");
}

void Life::enter(Phase phase) {
    publish([this, phase](RuntimeDir& directory) { directory.write(kStatus, status(phase)); });
}

std::string Life::status(Phase phase) const {
    return status_to_json({.system = system_, .phase = phase, .since = clock_.realtime(), .cause = cause_}) + '\n';
}

template <typename Work>
void Life::publish(Work work) noexcept {
    if (!directory_) return;
    try {
        work(*directory_);
    } catch (const std::exception& error) {
        log_.warn(fmt::format("the runtime directory {} is not up to date: {}", directory_->path(), error.what()));
    }
}

}  // namespace qvm
