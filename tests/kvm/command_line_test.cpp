// SPDX-License-Identifier: Apache-2.0
// The ways to hand qvm a configuration lead to the same VM.
#include <catch2/catch.hpp>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

/// The guest prints its command line's number, so it tells which words arrived.
void check_runs(const std::vector<std::string>& command, unsigned processors) {
    const auto ended = run(command);
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    CHECK(ended.value("processors") == processors);
}

std::string smp_text(unsigned cpus) {
    return config_text({.kernel = guest_file("smp.elf"), .cmdline = std::to_string(cpus), .cpus = cpus});
}

}  // namespace

TEST_CASE("-f FILE and @FILE are the same") {
    const TempDir dir;
    const auto file = dir.write("vm.qvmconf", smp_text(2));
    check_runs(qvm_command({"-f", file}), 2);
    check_runs(qvm_command({"@" + file}), 2);
}

TEST_CASE("words after @FILE add to it") {
    const TempDir dir;
    const auto file = dir.write("vm.qvmconf", smp_text(1));
    check_runs(qvm_command({"@" + file, "cpu", "cmdline", "2"}), 2);
}

TEST_CASE("words alone are a configuration") {
    check_runs(qvm_command({"ram", "64M", "cpu", "load", guest_file("smp.elf"), "cmdline", "1", "vdev", "ser8250",
                            "hostdev", "-"}),
               1);
}

}  // namespace qvm::test
