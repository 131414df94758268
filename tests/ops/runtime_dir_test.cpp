// SPDX-License-Identifier: Apache-2.0
#include "ops/runtime_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

namespace fs = std::filesystem;
constexpr uid_t kNobody = 65534;

RuntimeRoot root_at(const fs::path& path) {
    std::string why_not;
    auto root = open_runtime_root({path.string()}, why_not);
    CAPTURE(why_not);
    REQUIRE(root);
    return std::move(*root);
}

std::string refusal(const std::vector<std::string>& candidates) {
    std::string why_not;
    CHECK_FALSE(open_runtime_root(candidates, why_not));
    return why_not;
}

mode_t mode_of(const fs::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

/// A process that holds the name until it is killed.
class Holder {
public:
    Holder(const fs::path& root, const std::string& name) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const RuntimeDir directory{root_at(root), name, RuntimeDir::Last::Keep};
            directory.write("env", "{}");
            (void)!::write(ends[1], "x", 1);
            while (true) ::pause();
        }
        char byte = 0;
        CHECK(::read(ends[0], &byte, 1) == 1);
        ::close(ends[0]);
        ::close(ends[1]);
    }
    ~Holder() { kill(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    pid_t pid_ = -1;
};

/// Sets a variable of the environment for as long as it lives.
class Variable {
public:
    Variable(const char* name, const char* value) : name_{name} {
        if (const char* const old = std::getenv(name)) old_ = old;
        value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
    std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("the candidates for the runtime root are those of the service, of root and of the user") {
    const Variable service{"RUNTIME_DIRECTORY", "/run/a:/run/b"};
    const Variable user{"XDG_RUNTIME_DIR", "/run/user/7"};
    CHECK(runtime_root_candidates() == std::vector<std::string>{"/run/a", "/run/qvm", "/run/user/7/qvm"});
}

TEST_CASE("relative and empty variables name no runtime root") {
    const Variable service{"RUNTIME_DIRECTORY", "a"};
    const Variable user{"XDG_RUNTIME_DIR", ""};
    CHECK(runtime_root_candidates() == std::vector<std::string>{"/run/qvm"});
}

TEST_CASE("a runtime root is made if only its last component is missing") {
    const TempDir scratch;
    const RuntimeRoot root = root_at(scratch.root() / "qvm");
    CHECK(root.path == (scratch.root() / "qvm").string());
    CHECK((mode_of(root.path) & 0022) == 0);
    CHECK(refusal({(scratch.root() / "a/b").string()}).find("No such file") != std::string::npos);
}

TEST_CASE("the first usable runtime root is taken") {
    const TempDir scratch;
    std::string why_not;
    const auto root = open_runtime_root({(scratch.root() / "a/b").string(), (scratch.root() / "c").string()}, why_not);
    REQUIRE(root);
    CHECK(root->path == (scratch.root() / "c").string());
}

TEST_CASE("a runtime root that is a link, or that everybody may write to, is none") {
    const TempDir scratch;
    fs::create_directory(scratch.root() / "real");
    fs::create_directory_symlink(scratch.root() / "real", scratch.root() / "link");
    CHECK_FALSE(refusal({(scratch.root() / "link").string()}).empty());
    fs::permissions(scratch.root() / "real", fs::perms{0777});
    CHECK(refusal({(scratch.root() / "real").string()}).find("everybody may write") != std::string::npos);
}

TEST_CASE("a runtime root of somebody else is none") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can make one");
        return;
    }
    const TempDir scratch;
    fs::create_directory(scratch.root() / "theirs");
    REQUIRE(::chown((scratch.root() / "theirs").c_str(), kNobody, kNobody) == 0);
    CHECK(refusal({(scratch.root() / "theirs").string()}).find("belongs to somebody else") != std::string::npos);
}

TEST_CASE("a runtime directory has a lock that only its owner can open, and goes away with all that is in it") {
    const TempDir scratch;
    {
        const RuntimeDir directory{root_at(scratch.root()), "demo", RuntimeDir::Last::None};
        CHECK(directory.path() == (scratch.root() / "demo").string());
        CHECK(mode_of(scratch.root() / "demo/lock") == 0600);
        CHECK(read_file(scratch.root() / "demo/lock") == std::to_string(::getpid()) + "\n");
        directory.write("env", "one");
        directory.write("env", "two");
        CHECK(read_file(scratch.root() / "demo/env") == "two");
        directory.write("other", "x");
        directory.remove("other");
        CHECK_FALSE(fs::exists(scratch.root() / "demo/other"));
        fs::create_directory(scratch.root() / "demo/folder");
    }
    CHECK(fs::is_empty(scratch.root()));
}

TEST_CASE("a name is taken while its VM runs, and the refusal names the pid and harms nothing") {
    const TempDir scratch;
    const Holder first{scratch.root(), "demo"};
    std::optional<pid_t> holder;
    try {
        const RuntimeDir second{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep};
    } catch (const NameTaken& taken) {
        holder = taken.holder();
    }
    CHECK(holder == first.pid());
    CHECK(read_file(scratch.root() / "demo/env") == "{}");
    CHECK(fs::exists(scratch.root() / "demo@last"));
    const RuntimeDir other{root_at(scratch.root()), "demo2", RuntimeDir::Last::None};
}

TEST_CASE("what a killed VM has left hinders nobody") {
    const TempDir scratch;
    Holder killed{scratch.root(), "demo"};
    killed.kill();
    CHECK(fs::exists(scratch.root() / "demo/env"));
    CHECK(read_file(scratch.root() / "demo@last").empty());
    {
        const RuntimeDir next{root_at(scratch.root()), "demo", RuntimeDir::Last::None};
        CHECK_FALSE(fs::exists(scratch.root() / "demo/env"));
        CHECK(read_file(scratch.root() / "demo/lock") == std::to_string(::getpid()) + "\n");
    }
    CHECK_FALSE(fs::exists(scratch.root() / "demo"));
}

TEST_CASE("killed VMs without a name are swept away, and nothing else is") {
    const TempDir scratch;
    Holder killed{scratch.root(), "qvm-guest-1"};
    killed.kill();
    const Holder alive{scratch.root(), "qvm-guest-2"};
    Holder named{scratch.root(), "qvm-guest-x"};
    named.kill();
    fs::create_directory(scratch.root() / "qvm-guest-3");  // as a VM with `user` leaves it
    fs::create_directories(scratch.root() / "qvm-guest-4/of somebody else");
    sweep_unnamed(root_at(scratch.root()));
    CHECK_FALSE(fs::exists(scratch.root() / "qvm-guest-1"));
    CHECK(read_file(scratch.root() / "qvm-guest-2/env") == "{}");
    CHECK(fs::exists(scratch.root() / "qvm-guest-x"));
    CHECK_FALSE(fs::exists(scratch.root() / "qvm-guest-3"));
    CHECK(fs::exists(scratch.root() / "qvm-guest-4/of somebody else"));
}

TEST_CASE("the last word of a VM stays; without one there is no file") {
    const TempDir scratch;
    const auto last = scratch.root() / "demo@last";
    {
        RuntimeDir directory{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep};
        CHECK(fs::exists(last));
        CHECK(read_file(last).empty());
        directory.write_last("that was it");
        directory.write_last("twice");
    }
    CHECK(read_file(last) == "that was it");
    { const RuntimeDir next{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep}; }
    CHECK_FALSE(fs::exists(last));
}

TEST_CASE("no link in a runtime directory is followed") {
    const TempDir scratch;
    const auto victim = scratch.root() / "victim";
    std::ofstream{victim} << "untouched";
    const auto demo = scratch.root() / "demo";
    const auto attempt = [&] { const RuntimeDir directory{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep}; };
    SECTION("the directory itself") {
        fs::create_directory(scratch.root() / "elsewhere");
        fs::create_directory_symlink(scratch.root() / "elsewhere", demo);
        CHECK_THROWS_AS(attempt(), HostError);
    }
    SECTION("the lock, symbolic") {
        fs::create_directory(demo);
        fs::create_symlink(victim, demo / "lock");
        CHECK_THROWS_AS(attempt(), HostError);
    }
    SECTION("the lock, hard") {
        fs::create_directory(demo);
        fs::create_hard_link(victim, demo / "lock");
        CHECK_THROWS_AS(attempt(), HostError);
    }
    SECTION("a file that is to be written") {
        const RuntimeDir directory{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep};
        fs::create_symlink(victim, demo / "env");
        directory.write("env", "new");
        CHECK(read_file(demo / "env") == "new");
    }
    SECTION("a stale file, and the last word") {
        fs::create_directory(demo);
        fs::create_symlink(victim, demo / "env");
        fs::create_symlink(victim, scratch.root() / "demo@last");
        attempt();
        CHECK_FALSE(fs::is_symlink(scratch.root() / "demo@last"));
    }
    CHECK(read_file(victim) == "untouched");
}

TEST_CASE("after give_to() the other user can end the VM's directory") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can become somebody else");
        return;
    }
    const TempDir scratch;
    const pid_t pid = ::fork();
    if (pid == 0) {
        bool good = true;
        try {
            RuntimeDir directory{root_at(scratch.root()), "demo", RuntimeDir::Last::Keep};
            directory.write("status", "building");
            directory.give_to(kNobody, kNobody);
            good = ::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0;
            directory.write("status", "running");
            directory.write_last("ended");
        } catch (...) {
            good = false;
        }
        ::_exit(good ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(fs::is_empty(scratch.root() / "demo"));  // the root is closed to nobody
    CHECK(read_file(scratch.root() / "demo@last") == "ended");
    { const RuntimeDir next{root_at(scratch.root()), "demo", RuntimeDir::Last::None}; }
    CHECK_FALSE(fs::exists(scratch.root() / "demo"));
}

TEST_CASE("of many that want a name at the same time, never do two have it, and nothing is left") {
    const TempDir scratch;
    std::atomic<int> holders{0};
    std::atomic<int> turns{0};
    std::atomic<bool> shared{false};
    const auto contend = [&] {
        for (int i = 0; i < 300; ++i) {
            try {
                std::string why_not;
                const RuntimeDir directory{std::move(*open_runtime_root({scratch.root().string()}, why_not)), "demo",
                                           RuntimeDir::Last::None};
                if (++holders != 1) shared = true;
                ++turns;
                --holders;
            } catch (const NameTaken&) {
            } catch (const HostError&) {
            }
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(contend);
    for (auto& thread : threads) thread.join();
    CHECK_FALSE(shared);
    CHECK(turns > 0);
    CHECK(fs::is_empty(scratch.root()));
}

}  // namespace qvm::test
