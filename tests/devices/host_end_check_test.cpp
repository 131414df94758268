// SPDX-License-Identifier: Apache-2.0
// `hostdev` options judged without their host ends.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "devices/host/open_char_port.hpp"
#include "support/fake_context.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;
using Direction = HostDev::Direction;

constexpr OptionSpec kHostdev[]{
    {.name = "hostdev", .type = ArgType::HostDev, .help = "host's end", .repeatable = true}};
constexpr VdevSyntax kSyntax{.type = "uart", .summary = "for the test", .options = kHostdev};

/// All vdevs of one check; each call is one vdev.
class Checked {
public:
    [[nodiscard]] std::string judge(std::vector<HostDev> devs) {
        test::FakeSpec spec{kSyntax};
        std::uint32_t line = 1;
        for (HostDev& dev : devs) spec.with("hostdev", std::move(dev), Location{.line = line++});
        try {
            const auto port = open_char_port(char_end(spec.get()), {.loop = loop_, .log = log_, .check = &check_});
            return port->put(std::byte{'x'}) ? "swallows" : "refuses";
        } catch (const ConfigError& error) {
            return error.what();
        }
    }

private:
    EventLoop loop_{EventLoop::NeverRuns{}};
    Log log_{"test", test::silence()};
    HostEndCheck check_;
};

[[nodiscard]] HostDev path(std::string target, Direction direction = Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Path, .target = std::move(target)};
}
[[nodiscard]] HostDev stdio(Direction direction = Direction::Both) {
    return {.direction = direction, .kind = HostDev::Kind::Stdio, .target = {}};
}
[[nodiscard]] HostDev command(std::string text, Direction direction = Direction::Output) {
    return {.direction = direction, .kind = HostDev::Kind::Command, .target = std::move(text)};
}

/// A path that nothing is at.
[[nodiscard]] std::string nowhere() {
    return (fs::temp_directory_path() / ("qvm-check-" + std::to_string(::getpid()))).string();
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a check opens and makes no host end") {
    Checked checked;
    const std::string file = nowhere();
    CHECK(checked.judge({path(file)}) == "swallows");
    CHECK(checked.judge({path(file + "/deeper")}) == "swallows");
    CHECK(checked.judge({command("touch " + file)}) == "swallows");
    CHECK(checked.judge({path("/dev/ptmx")}) == "swallows");
    CHECK(checked.judge({path("unix-listen:" + file)}) == "swallows");
    CHECK(checked.judge({stdio()}) == "swallows");
    CHECK(checked.judge({}) == "swallows");
    CHECK_FALSE(fs::exists(file));
}

TEST_CASE("a check finds two host ends for one direction") {
    Checked checked;
    CHECK_THAT(checked.judge({path("/dev/null", Direction::Input), stdio()}), Contains("the input already"));
    CHECK_THAT(checked.judge({command("cat"), stdio()}), Contains("the output already"));
    CHECK(checked.judge({path("/dev/null", Direction::Input), stdio(Direction::Output)}) == "swallows");
}

TEST_CASE("a check takes a regular file in both directions for output only, as a run does") {
    CHECK(Checked{}.judge({path(nowhere()), path("/dev/null", Direction::Input)}) == "swallows");
}

TEST_CASE("a check finds a second reader of stdin") {
    Checked checked;
    CHECK(checked.judge({stdio()}) == "swallows");
    CHECK(checked.judge({stdio(Direction::Output)}) == "swallows");
    CHECK_THAT(checked.judge({stdio()}), Contains("another vdev reads stdin already"));
}

TEST_CASE("a check finds a directory as host end, and a command for input") {
    Checked checked;
    CHECK_THAT(checked.judge({path("/")}), Contains("Is a directory"));
    CHECK_THAT(checked.judge({command("true", Direction::Input)}), Contains("a command can take output only"));
}

}  // namespace qvm
