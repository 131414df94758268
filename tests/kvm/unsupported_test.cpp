// SPDX-License-Identifier: Apache-2.0
// `unsupported` and what a real kernel makes of it (qvmconf specification 2.10).
#include <catch2/catch.hpp>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

Outcome run_with(const std::string& more) {
    return run_text(config_text({.kernel = guest_file("unsupported.elf"), .more = more}));
}

constexpr Ending kEndedWell{0};
constexpr Ending kAborted{5};

}  // namespace

TEST_CASE("by default references are ignored, registers and instructions fail") {
    const auto ended = run_with("");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.value("port") == 0xff);
    CHECK(ended.value("memory") == 0xffffffff);
    CHECK(ended.value("faults_after_memory") == 0);
    CHECK(ended.value("faults_after_register") == 1);
    CHECK(ended.value("invalid_opcodes") == 1);
}

TEST_CASE("unsupported reference fail: each unclaimed access is #GP") {
    const auto ended = run_with("unsupported reference fail\n");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.value("faults_after_port") == 1);
    CHECK(ended.value("faults_after_memory") == 2);
}

TEST_CASE("unsupported register ignore: it reads as zero and nothing happens") {
    const auto ended = run_with("unsupported register ignore\n");
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.value("register") == 0);
    CHECK(ended.value("faults_after_register") == 0);
}

TEST_CASE("unsupported ... abort ends the VM with 5 and the state of the vCPU") {
    const auto [type, first_missing] = GENERATE(table<std::string, std::string>(
        {{"reference", "port="}, {"register", "register="}, {"instruction", "invalid_opcodes="}}));
    const auto ended = run_with("unsupported " + type + " abort\n");
    CAPTURE(type, ended.out, ended.err);
    CHECK(ended.ending == kAborted);
    CHECK(ended.out.find(first_missing) == std::string::npos);
    CHECK(ended.complains("the guest did what the configuration forbids"));
    CHECK(ended.complains("vCPU 0 in 32-bit protected mode"));
}

TEST_CASE("set exit-on-halt off and host-halt-poll change nothing for a guest that halts") {
    const auto ended = run_text(config_text(
        {.kernel = guest_file("ioapic_edge.elf"), .more = "set exit-on-halt off\nset host-halt-poll 10000\n"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
}

}  // namespace qvm::test
