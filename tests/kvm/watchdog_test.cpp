// SPDX-License-Identifier: Apache-2.0
// A guest that hangs with its watchdog armed, and what becomes of it.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kBitten{4};
constexpr Ending kForced{3};

std::string text_for(const TempDir& dir, const std::string& action, bool dumps) {
    const std::string where = dumps ? "dump " + dir.path(".") + "\n" : "";
    return config_text({.kernel = guest_file("watchdog.elf"), .more = where + "vdev wdt-ib700 " + action + "\n"});
}

/// Those in the directory, as they are.
std::vector<std::string> dumps_in(const TempDir& dir) {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator{dir.path(".")})
        if (entry.path().extension() == ".gcore") all.push_back(read_file(entry.path()));
    return all;
}

}  // namespace

TEST_CASE("a watchdog that bites ends the VM with 4") {
    const TempDir dir;
    const auto ended = run(qvm_command(dir, text_for(dir, "", true)));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kBitten);
    CHECK(ended.says("hung"));
    CHECK(ended.complains("the guest has let its watchdog run out"));
    CHECK(ended.complains("a watchdog ended the VM"));
    CHECK(dumps_in(dir).empty());
}

TEST_CASE("a watchdog's dump is written before the VM ends") {
    const TempDir dir;
    const auto ended = run(qvm_command(dir, text_for(dir, "action dump,terminate", true)));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kBitten);
    const auto dumps = dumps_in(dir);
    REQUIRE(dumps.size() == 1);
    CHECK(dumps[0].find("cause=watchdog\n") != std::string::npos);
}

TEST_CASE("a watchdog's dump alone lets the guest go on") {
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for(dir, "action dump", true))};
    qvm.wait_for_error("the guest's dump is in ");
    qvm.signal(SIGUSR1);
    qvm.wait_for_error("1 vCPUs");
    qvm.signal(SIGQUIT);
    CHECK(outcome(qvm).ending == kForced);
    CHECK(dumps_in(dir).size() == 1);
}

TEST_CASE("a watchdog's dump without a place for dumps is warned about, and the VM ends all the same") {
    const TempDir dir;
    const auto ended = run(qvm_command(dir, text_for(dir, "action dump,terminate", false)));
    CAPTURE(ended.err);
    CHECK(ended.ending == kBitten);
    CHECK(ended.complains("warning: no dump will be written"));
}

}  // namespace qvm::test
