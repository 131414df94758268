// SPDX-License-Identifier: Apache-2.0
// Options about what happens before the guest's first instruction: dryrun, user.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <set>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kEndedWell{0};
constexpr Ending kHostError{64};

std::string spinning(const std::string& more) { return config_text({.kernel = guest_file("spin.elf"), .more = more}); }

/// What /proc says in these lines about each thread of the process; one entry if all say the same.
std::set<std::string> identities(pid_t process) {
    std::set<std::string> all;
    for (const auto& task : std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"}) {
        const std::string status = read_file(task.path().string() + "/status");
        std::string lines;
        for (const char* key : {"\nUid:", "\nGid:", "\nGroups:"}) {
            const std::size_t at = status.find(key);
            lines += status.substr(at, status.find('\n', at + 1) - at);
        }
        all.insert(lines);
    }
    return all;
}

}  // namespace

TEST_CASE("dryrun builds the VM and does not start it") {
    const auto ended = run_text(spinning("dryrun\n"));
    CAPTURE(ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.out == "Exiting: dryrun completed\n");
}

TEST_CASE("user: every thread runs as that user before the guest's first instruction") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can become somebody else");
        return;
    }
    const TempDir dir;
    Child qvm{qvm_command(dir, spinning("user 4321:8765,99\n"))};
    qvm.wait_for("spinning\n");
    CHECK(identities(qvm.pid()) == std::set<std::string>{"\nUid:\t4321\t4321\t4321\t4321\nGid:\t8765\t8765\t8765\t8765"
                                                         "\nGroups:\t99 8765 "});
    qvm.signal(SIGQUIT);
    CHECK(qvm.wait() == Ending{3});
}

TEST_CASE("user: who may not become another user is told so, and nothing starts") {
    const TempDir dir;
    auto command = qvm_command(dir, spinning("user 4321:8765\n"));
    if (::geteuid() == 0) {
        const std::vector<std::string> powerless{"/usr/bin/setpriv", "--bounding-set=-setuid,-setgid"};
        command.insert(command.begin(), powerless.begin(), powerless.end());
    }
    const auto ended = run(command);
    CAPTURE(ended.err);
    CHECK(ended.ending == kHostError);
    CHECK(ended.complains("CAP_SETUID"));
    CHECK(ended.out.empty());
}

}  // namespace qvm::test
