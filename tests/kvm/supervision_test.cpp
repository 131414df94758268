// SPDX-License-Identifier: Apache-2.0
// What a running VM tells others: the runtime directory and the service manager. Each case has a runtime root of its
// own.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "config/json_check.hpp"
#include "kvm/guest.hpp"
#include "support/notify_socket.hpp"

namespace qvm::test {
namespace {

namespace fs = std::filesystem;
constexpr Ending kEndedWell{0};
constexpr Ending kForced{3};
constexpr Ending kHostError{64};
constexpr Ending kConfigError{65};

/// A runtime root, and qvm in an environment that names it.
struct Root {
    [[nodiscard]] std::vector<std::string> command(const std::string& text,
                                                   const std::vector<std::string>& variables = {}) const {
        std::vector<std::string> words{"/usr/bin/env", "-u", "NOTIFY_SOCKET",
                                       "RUNTIME_DIRECTORY=" + run.root().string()};
        words.insert(words.end(), variables.begin(), variables.end());
        for (const auto& word : qvm_command(files, text)) words.push_back(word);
        return words;
    }
    [[nodiscard]] std::string file(const std::string& name) const { return run.path(name); }
    [[nodiscard]] std::string read(const std::string& name) const { return read_file(run.path(name)); }
    [[nodiscard]] bool has(const std::string& name) const { return fs::exists(run.path(name)); }
    [[nodiscard]] bool empty() const { return fs::is_empty(run.root()); }

    TempDir run;
    TempDir files;
};

std::string text_for(const std::string& guest, const std::string& more = {},
                     const std::string& before = "system demo\n") {
    return before + config_text({.kernel = guest_file(guest + ".elf"), .more = more});
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// `"name":"vcpu/0","tid":N` is a thread of the process.
bool shows_thread(const std::string& env, pid_t process, const std::string& name) {
    const std::string key = "{\"name\":\"" + name + "\",\"tid\":";
    const auto at = env.find(key);
    if (at == std::string::npos) return false;
    const auto tid = std::to_string(std::stol(env.substr(at + key.size())));
    return read_file("/proc/" + std::to_string(process) + "/task/" + tid + "/comm") == name + "\n";
}

/// Until the status of a VM that was started with this service manager says that it runs. The guest may speak earlier.
void wait_until_published(const NotifySocket& manager) { (void)manager.receive("READY=1"); }

}  // namespace

TEST_CASE("a running VM shows its environment and its status, and takes both away") {
    const NotifySocket manager;
    const Root root;
    Child qvm{root.command(
        text_for("spin", "vdev ser8250\n  name second\n  loc io:0x2f8\n  intr ioapic:3\n  hostdev /dev/ptmx\n"),
        {"NOTIFY_SOCKET=" + manager.name()})};
    wait_until_published(manager);
    const std::string env = root.read("demo/env");
    CAPTURE(env, qvm.err());
    CHECK(is_json(env));
    CHECK(
        contains(env, "\"system\":\"demo\",\"pid\":" + std::to_string(qvm.pid()) + ",\"version\":\"" QVM_VERSION "\""));
    for (const char* name : {"qvm", "vcpu/0", "io/main"}) CHECK(shows_thread(env, qvm.pid(), name));
    CHECK(contains(env, R"({"start":"0x3f8","size":"0x8","owner":"vdev ser8250")"));
    CHECK(contains(env, R"({"start":"0x0","size":"0x4000000","owner":"ram"})"));
    CHECK(contains(env, R"("controller":"ioapic","line":4)"));
    CHECK(contains(env, R"("pseudo_terminals":[{"vdev":"ser8250 second","path":"/dev/pts/)"));
    qvm.wait_for_error("ser8250 second");
    const std::string status = root.read("demo/status");
    CAPTURE(status);
    CHECK(is_json(status));
    CHECK(contains(status, R"("phase":"running")"));
    CHECK(contains(status, R"("exit_cause":null,"exit_code":null)"));
    CHECK(root.read("demo@last").empty());
    qvm.signal(SIGQUIT);
    CHECK(outcome(qvm).ending == kForced);
    CHECK_FALSE(root.has("demo"));
}

TEST_CASE("the last word of a VM tells why it ended") {
    const auto [guest, cause, code] = GENERATE(table<std::string, std::string, int>({
        {"last_word", "power-off", 0},
        {"reset_port", "reset", 0},
        {"triple_fault", "triple-fault", 0},
    }));
    const Root root;
    const auto ended = run(root.command(text_for(guest)));
    const std::string last = root.read("demo@last");
    CAPTURE(guest, ended.err, last);
    CHECK(ended.ending == Ending{code});
    CHECK(is_json(last));
    CHECK(contains(last, R"("phase":"ended")"));
    CHECK(contains(last, "\"exit_cause\":\"" + cause + "\",\"exit_code\":" + std::to_string(code)));
    CHECK_FALSE(root.has("demo"));
}

TEST_CASE("a VM without a name has a directory by its pid and leaves nothing") {
    const Root root;
    Child qvm{root.command(text_for("spin", {}, {}))};
    qvm.wait_for("spinning\n");
    CHECK(contains(root.read("qvm-guest-" + std::to_string(qvm.pid()) + "/env"), "\"system\":null"));
    qvm.signal(SIGQUIT);
    CHECK(outcome(qvm).ending == kForced);
    CHECK(root.empty());
}

TEST_CASE("a second VM of a name is refused at its place, and the first goes on") {
    const Root root;
    Child first{root.command(text_for("power_button"))};
    first.wait_for("ready\n");
    const std::string env = root.read("demo/env");
    const auto second = run(root.command(text_for("spin")));
    CAPTURE(second.err);
    CHECK(second.ending == kConfigError);
    CHECK(second.complains(":1:8: error: a VM named 'demo' is running: pid " + std::to_string(first.pid())));
    CHECK(second.out.empty());
    CHECK(root.read("demo/env") == env);
    first.signal(SIGTERM);
    CHECK(outcome(first).ending == kEndedWell);
    CHECK(contains(root.read("demo@last"), "power-off"));
}

TEST_CASE("a check and a dry run of a VM that runs disturb nobody and leave nothing") {
    const NotifySocket manager;
    const Root root;
    Child first{root.command(text_for("spin"), {"NOTIFY_SOCKET=" + manager.name()})};
    wait_until_published(manager);
    const std::string status = root.read("demo/status");
    CHECK(run(root.command(text_for("spin", "dryrun\n"))).ending == kEndedWell);
    auto check = root.command(text_for("spin"));
    check.emplace_back("--check");
    CHECK(run(check).ending == kEndedWell);
    CHECK(root.read("demo/status") == status);
    first.signal(SIGQUIT);
    CHECK(outcome(first).ending == kForced);

    const Root other;
    CHECK(run(other.command(text_for("spin", "dryrun\n"))).ending == kEndedWell);
    CHECK(other.empty());
}

TEST_CASE("what a killed VM leaves does not hinder the next one") {
    const std::string before = GENERATE(std::string{"system demo\n"}, std::string{});
    const Root root;
    Child killed{root.command(text_for("spin", {}, before))};
    killed.wait_for("spinning\n");
    killed.signal(SIGKILL);
    CHECK(killed.wait() == Ending{-SIGKILL});
    CHECK_FALSE(root.empty());
    const auto next = run(root.command(text_for("last_word", {}, before)));
    CAPTURE(before, next.err);
    CHECK(next.ending == kEndedWell);
    CHECK_FALSE(root.has("demo"));
    if (before.empty()) CHECK(root.empty());
}

TEST_CASE("a VM that cannot be built leaves no directory") {
    const Root root;
    const auto refused = run(
        root.command(text_for("spin", "vdev ser8250\n  loc io:0x2f8\n  intr ioapic:3\n  hostdev /no/such/dir/file\n")));
    CAPTURE(refused.err);
    CHECK(refused.ending == kConfigError);
    CHECK(root.empty());
    if (::geteuid() != 0) return;
    auto command = root.command(text_for("spin", "user 4321:8765\n"));
    const std::vector<std::string> powerless{"/usr/bin/setpriv", "--bounding-set=-setuid,-setgid"};
    command.insert(command.begin(), powerless.begin(), powerless.end());
    CHECK(run(command).ending == kHostError);
    CHECK_FALSE(root.has("demo@last"));
    CHECK_FALSE(root.has("demo"));
}

TEST_CASE("with `user`, the directory is that user's and the last word is said all the same") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can become somebody else");
        return;
    }
    const Root root;
    Child qvm{root.command(text_for("spin", "user 4321:8765\n"))};
    qvm.wait_for("spinning\n");
    struct stat status {};
    REQUIRE(::stat(root.file("demo/env").c_str(), &status) == 0);
    CHECK(status.st_uid == 4321);
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CAPTURE(ended.err);
    CHECK(ended.ending == kForced);
    CHECK_FALSE(ended.complains("not up to date"));
    CHECK(contains(root.read("demo@last"), "forced"));
    CHECK(fs::is_empty(root.file("demo")));  // only root may remove it
    CHECK(run(root.command(text_for("last_word"))).ending == kEndedWell);
    CHECK_FALSE(root.has("demo"));
}

TEST_CASE("a named VM that has no runtime directory says so and runs, one without a name just runs") {
    if (::geteuid() != 0) {
        WARN("skipped: who is not root cannot be kept out of /run/qvm alone");
        return;
    }
    // An empty, read-only /run.
    const std::vector<std::string> closed{
        "/usr/bin/unshare",
        "--mount",
        "/bin/sh",
        "-c",
        "mount -t tmpfs -o ro none /run && exec env -u XDG_RUNTIME_DIR -u RUNTIME_DIRECTORY \"$@\"",
        "sh"};
    const TempDir files;
    const std::string before = GENERATE(std::string{"system demo\n"}, std::string{});
    auto command = qvm_command(files, text_for("last_word", {}, before));
    command.insert(command.begin(), closed.begin(), closed.end());
    const auto ended = run(command);
    if (ended.complains("unshare failed") || ended.complains("mount:")) {
        WARN("skipped: this machine allows no mount in a namespace of its own");
        return;
    }
    CAPTURE(before, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.complains("no runtime directory") == !before.empty());
}

TEST_CASE("the service manager hears of the start, the button and the end") {
    const bool abstract = GENERATE(false, true);
    const NotifySocket manager{abstract ? NotifySocket::Kind::Abstract : NotifySocket::Kind::Path};
    const Root root;
    Child qvm{root.command(text_for("power_button"), {"NOTIFY_SOCKET=" + manager.name()})};
    CHECK(manager.receive() == "STATUS=building the VM");
    CHECK(manager.receive() == "READY=1\nSTATUS=the guest runs\nMAINPID=" + std::to_string(qvm.pid()));
    qvm.wait_for("ready\n");
    qvm.signal(SIGTERM);
    CHECK(manager.receive() == "STATUS=power button pressed");
    CHECK(manager.receive() == "STOPPING=1\nSTATUS=the guest powered off");
    CHECK(outcome(qvm).ending == kEndedWell);
}

TEST_CASE("signs of life come twice as often as the service manager wants them") {
    const NotifySocket manager;
    const Root root;
    Child qvm{root.command(text_for("spin"), {"NOTIFY_SOCKET=" + manager.name(), "WATCHDOG_USEC=200000"})};
    (void)manager.receive("READY=1");
    const auto start = std::chrono::steady_clock::now();
    constexpr int kSigns = 6;
    for (int i = 0; i < kSigns; ++i) CHECK(manager.receive() == "WATCHDOG=1");
    // The first is due at once. Never faster than asked; how late this machine is may vary.
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds{100 * (kSigns - 1) - 50});
    qvm.signal(SIGQUIT);
    CHECK(manager.receive("STOPPING=1") == "STOPPING=1\nSTATUS=ended at once, as asked");
    CHECK(outcome(qvm).ending == kForced);
}

TEST_CASE("no program that qvm starts is told of the service manager") {
    const NotifySocket manager;
    const Root root;
    const std::string more =
        "vdev ser8250\n  loc io:0x2f8\n  intr ioapic:3\n  hostdev \"|env >" + root.files.path("seen") + "\"\n";
    const auto ended = run(root.command(text_for("last_word", more),
                                        {"NOTIFY_SOCKET=" + manager.name(), "WATCHDOG_USEC=1000000", "MARK=1"}));
    CAPTURE(ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(manager.receive("STOPPING=1") == "STOPPING=1\nSTATUS=the guest powered off");
    const std::string seen = read_file(root.files.path("seen"));
    CHECK(contains(seen, "MARK=1"));
    CHECK_FALSE(contains(seen, "NOTIFY_SOCKET"));
    CHECK_FALSE(contains(seen, "WATCHDOG"));
}

TEST_CASE("a service manager that cannot be reached is worth a warning") {
    const Root root;
    const auto ended = run(root.command(text_for("last_word"), {"NOTIFY_SOCKET=/no/such/socket"}));
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.complains("cannot reach the service manager at '/no/such/socket'"));
}

}  // namespace qvm::test
