// SPDX-License-Identifier: Apache-2.0
// What signals do to a running VM, and in which state it leaves the terminal.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kEndedWell{0};
constexpr Ending kForced{3};

std::string text_for(std::string_view guest) {
    return config_text({.kernel = guest_file(std::string{guest} + ".elf")});
}

bool same(const termios& a, const termios& b) {
    return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag &&
           std::memcmp(a.c_cc, b.c_cc, sizeof a.c_cc) == 0;
}

/// A guest on a terminal, up to where it says `ready`.
struct OnTerminal {
    OnTerminal(std::string_view guest, std::string_view ready)
        : qvm{qvm_command(dir, text_for(guest)), {.console = Console::Terminal}} {
        qvm.wait_for(ready);
    }
    [[nodiscard]] bool restored() const { return same(qvm.terminal_before(), qvm.terminal()); }

    TempDir dir;
    Child qvm;
};

}  // namespace

TEST_CASE("SIGTERM and SIGINT press the power button") {
    const int number = GENERATE(SIGTERM, SIGINT);
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for("power_button"))};
    qvm.wait_for("ready\n");
    qvm.signal(number);
    const auto ended = outcome(qvm);
    CAPTURE(number, ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK((ended.value("status") & 0x100) != 0);
    CHECK((ended.value("status_after") & 0x100) == 0);
    CHECK(ended.value("interrupts") >= 1);
    if (ended.value("in_service") == 1) CHECK(ended.value("interrupts") == 1);
}

TEST_CASE("a second SIGTERM or SIGINT ends a guest that does not listen") {
    const int number = GENERATE(SIGTERM, SIGINT);
    const auto* const guest = GENERATE("spin", "hlt_forever");
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for(guest))};
    qvm.wait_for(std::string_view{guest} == "spin" ? "spinning\n" : "halted\n");
    qvm.signal(number);
    // Two pending signals of one number are one: the second must not be sent before the first was taken.
    qvm.wait_for_error("the guest does not listen");
    qvm.signal(number);
    const auto ended = outcome(qvm);
    CAPTURE(number, guest, ended.out, ended.err);
    CHECK(ended.ending == kForced);
}

TEST_CASE("SIGTERM, then SIGINT, ends the VM at once") {
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for("spin"))};
    qvm.wait_for("spinning\n");
    qvm.signal(SIGTERM);
    qvm.signal(SIGINT);
    const auto ended = outcome(qvm);
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kForced);
}

TEST_CASE("SIGUSR1 tells the VM's state and SIGUSR2 that there is no place for a dump, and the guest goes on") {
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for("spin"))};
    qvm.wait_for("spinning\n");
    qvm.signal(SIGUSR1);
    qvm.wait_for_error("1 vCPUs; accesses that no device claimed: ");
    qvm.wait_for_error("vCPU 0: ");
    qvm.wait_for_error("port out");
    qvm.wait_for_error("vdev ser8250");
    qvm.signal(SIGUSR2);
    qvm.wait_for_error("no dump is written");
    qvm.signal(SIGQUIT);
    CHECK(outcome(qvm).ending == kForced);
}

TEST_CASE("SIGUSR2 writes a dump of the running guest, which goes on") {
    const TempDir dir;
    Child qvm{qvm_command(dir, config_text({.kernel = guest_file("spin.elf"),
                                            .cmdline = "a known pattern",
                                            .more = "dump " + dir.path(".") + "\n"}))};
    qvm.wait_for("spinning\n");
    for (const unsigned number : {1U, 2U}) {
        qvm.signal(SIGUSR2);
        qvm.wait_for_error("the guest's dump is in ", number);
    }
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CAPTURE(ended.err);
    CHECK(ended.ending == kForced);
    unsigned dumps = 0;
    for (const auto& entry : std::filesystem::directory_iterator{dir.path(".")}) {
        if (entry.path().extension() != ".gcore") continue;
        ++dumps;
        const std::string core = read_file(entry.path());
        CHECK(
            core.starts_with("\x7f"
                             "ELF"));
        CHECK(core.find("a known pattern") != std::string::npos);
        CHECK(core.find("QVMEXITS") != std::string::npos);
    }
    CHECK(dumps == 2);
}

TEST_CASE("SIGUSR2 can send the dump to a command") {
    const TempDir dir;
    Child qvm{
        qvm_command(dir, config_text({.kernel = guest_file("hlt_forever.elf"),
                                      .more = "dump \"|head -c 4 >" + dir.path("magic") + "; cat >/dev/null\"\n"}))};
    qvm.wait_for("halted\n");
    qvm.signal(SIGUSR2);
    qvm.wait_for_error("dump");
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CAPTURE(ended.err);
    CHECK(ended.ending == kForced);
    CHECK(read_file(dir.path("magic")) ==
          "\x7f"
          "ELF");
}

TEST_CASE("SIGQUIT ends the VM at once, whatever the guest does") {
    const auto* const guest = GENERATE("spin", "hlt_forever", "hlt_irq", "power_button");
    const auto* const ready = std::string_view{guest} == "spin"          ? "spinning\n"
                              : std::string_view{guest} == "hlt_forever" ? "halted\n"
                                                                         : "ready\n";
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for(guest))};
    qvm.wait_for(ready);
    qvm.signal(SIGQUIT);
    const auto ended = outcome(qvm);
    CAPTURE(guest, ended.out, ended.err);
    CHECK(ended.ending == kForced);
}

TEST_CASE("SIGQUIT ends a VM of 16 spinning processors") {
    const TempDir dir;
    Child qvm{qvm_command(dir, config_text({.kernel = guest_file("spin.elf"), .cpus = 16}))};
    qvm.wait_for("spinning\n");
    qvm.signal(SIGQUIT);
    CHECK(qvm.wait() == kForced);
}

TEST_CASE("the terminal carries bytes as they are while the guest runs, and is restored at the guest's end") {
    OnTerminal on{"hlt_irq", "ready"};
    CHECK((on.qvm.terminal().c_lflag & (ICANON | ECHO)) == 0);
    on.qvm.send("A");
    const auto ended = outcome(on.qvm);
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kEndedWell);
    CHECK(ended.says("got=00000041"));
    CHECK(on.restored());
}

TEST_CASE("the terminal is restored after a power button that the guest heard") {
    OnTerminal on{"power_button", "ready"};
    on.qvm.signal(SIGTERM);
    CHECK(on.qvm.wait() == kEndedWell);
    CHECK(on.restored());
}

TEST_CASE("the terminal is restored after a forced end") {
    OnTerminal on{"spin", "spinning"};
    on.qvm.signal(SIGQUIT);
    CHECK(on.qvm.wait() == kForced);
    CHECK(on.restored());
}

TEST_CASE("the terminal is restored after two signals") {
    OnTerminal on{"hlt_forever", "halted"};
    on.qvm.signal(SIGTERM);
    on.qvm.signal(SIGINT);
    CHECK(on.qvm.wait() == kForced);
    CHECK(on.restored());
}

TEST_CASE("the terminal is restored even after SIGKILL") {
    OnTerminal on{"hlt_forever", "halted"};
    on.qvm.signal(SIGKILL);
    CHECK(on.qvm.wait() == Ending{-SIGKILL});
    on.qvm.wait_for_hangup();  // whoever restores it has the terminal open until then
    CHECK(on.restored());
}

TEST_CASE("the terminal is as it was after an error of the configuration") {
    const TempDir dir;
    Child qvm{qvm_command(dir, text_for("no_such_guest")), {.console = Console::Terminal}};
    CHECK(qvm.wait() == Ending{65});
    CHECK(same(qvm.terminal_before(), qvm.terminal()));
}

}  // namespace qvm::test
