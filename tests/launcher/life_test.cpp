// SPDX-License-Identifier: Apache-2.0
#include "launcher/life.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "support/fake_context.hpp"
#include "support/notify_socket.hpp"
#include "support/temp_dir.hpp"

namespace qvm::test {
namespace {

/// A VM's life among directories and a service manager of the test's own.
struct World {
    World() { ::setenv("RUNTIME_DIRECTORY", run.root().c_str(), 1); }
    ~World() { ::unsetenv("RUNTIME_DIRECTORY"); }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(run.path(name)); }
    [[nodiscard]] bool says(const std::string& name, const std::string& part) const {
        return read_file(run.path(name)).find(part) != std::string::npos;
    }

    TempDir run;
    NotifySocket manager;
    // So short a limit that a sign of life is always due.
    NotifySettings settings{.socket = manager.name(), .watchdog = std::chrono::microseconds{1}};
    Log log{"test", silence()};
    VmConfig config{.system = "demo"};
};

}  // namespace

TEST_CASE("each phase of a VM's life is told in both places") {
    World world;
    std::optional<Life> life{std::in_place, world.config, world.log, world.settings};
    CHECK(world.manager.receive() == "STATUS=building the VM");
    CHECK(world.says("demo/status", "\"building\""));
    CHECK_FALSE(world.has("demo/env"));
    life->built({.version = "1", .map = "{}"});
    CHECK(world.says("demo/env", "\"threads\":[{\"name\":"));
    life->running();
    CHECK(world.manager.receive().starts_with("READY=1\n"));
    CHECK(world.says("demo/status", "\"running\""));
    life->asleep();
    CHECK(world.manager.receive() == "STATUS=the guest has suspended itself");
    CHECK(world.says("demo/status", "\"suspended\""));
    life->awake();
    CHECK(world.manager.receive() == "STATUS=the guest runs");
    CHECK(world.says("demo/status", "\"running\""));
    life->stopping(EndCause::VdevError);
    CHECK(world.manager.receive() == "STOPPING=1\nSTATUS=a vdev failed");
    CHECK(world.says("demo/status", "\"stopping\""));
    CHECK(world.says("demo/status", "\"exit_cause\":\"vdev-error\",\"exit_code\":6"));
    life.reset();
    CHECK_FALSE(world.has("demo"));
    CHECK(world.says("demo@last", "\"ended\""));
}

TEST_CASE("a VM that is given up while it is built leaves nothing") {
    World world;
    { const Life life{world.config, world.log, world.settings}; }
    CHECK(std::filesystem::is_empty(world.run.root()));
}

TEST_CASE("a name that is taken is an error at its place") {
    World world;
    const Life first{world.config, world.log, world.settings};
    world.config.system_where = Location{.source = 0, .line = 1, .column = 8, .length = 4};
    try {
        const Life second{world.config, world.log, world.settings};
        FAIL("two have the name");
    } catch (const ConfigError& error) {
        CHECK(error.where().column == 8);
        CHECK(std::string{error.what()}.starts_with("a VM named 'demo' is running: pid "));
    }
    CHECK(world.says("demo/status", "\"building\""));
}

TEST_CASE("while a vCPU is stuck in the host there is no sign of life") {
    World world;
    Life life{world.config, world.log, world.settings};
    CHECK(world.manager.receive() == "STATUS=building the VM");
    const auto tick = [&life](bool live) {
        while (life.poll_timeout() != 0) {
        }
        life.tick([live] { return live; });
    };
    tick(false);
    tick(false);
    life.note("here");
    CHECK(world.manager.receive() == "STATUS=here");
    tick(true);
    CHECK(world.manager.receive() == "WATCHDOG=1");
}

TEST_CASE("nobody is told of a dry run") {
    World world;
    world.config.dryrun = Place{};
    Life life{world.config, world.log, world.settings};
    life.built({.version = "1", .map = "{}"});
    CHECK(std::filesystem::is_empty(world.run.root()));
    CHECK(life.directory() == nullptr);
}

}  // namespace qvm::test
