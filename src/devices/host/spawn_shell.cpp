// SPDX-License-Identifier: Apache-2.0
#include "devices/host/spawn_shell.hpp"

#include <spawn.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "vmm/error.hpp"

namespace qvm {

namespace {

/// What posix_spawn is told about the child; frees itself.
class SpawnPlan {
public:
    explicit SpawnPlan(int stdin_fd) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_adddup2(&actions_, stdin_fd, STDIN_FILENO);
        ::posix_spawnattr_init(&attributes_);
        // Signals that qvm ignores or blocks are no business of the command's.
        sigset_t all, none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    [[nodiscard]] pid_t run(const std::string& command) const {
        std::string shell = "sh", option = "-c", text = command;
        std::array<char*, 4> arguments{shell.data(), option.data(), text.data(), nullptr};
        pid_t pid = 0;
        const int failed = ::posix_spawn(&pid, "/bin/sh", &actions_, &attributes_, arguments.data(), environ);
        if (failed != 0) throw HostError{errno_text("cannot start /bin/sh", failed)};
        return pid;
    }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

}  // namespace

pid_t spawn_shell(const std::string& command, int stdin_fd) { return SpawnPlan{stdin_fd}.run(command); }

}  // namespace qvm
