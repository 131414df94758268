// SPDX-License-Identifier: Apache-2.0
// The questions that qvm answers without starting a VM: --check, --print, --diagnostics, --help-vdev, `?`.
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kGood{0};
constexpr Ending kConfigError{65};

/// A sound configuration and more lines, which begin at line 7.
std::string sound(const std::string& more = {}) {
    return config_text({.kernel = guest_file("spin.elf"), .more = more});
}

/// `qvm -f FILE` with further arguments.
Outcome run_with(const TempDir& dir, const std::string& text, const std::vector<std::string>& more,
                 ChildOptions options = {}) {
    auto command = qvm_command(dir, text);
    command.insert(command.end(), more.begin(), more.end());
    return run(command, options);
}

void check_bad(const std::string& more, std::string_view place, std::string_view message) {
    const TempDir dir;
    const auto ended = run_with(dir, sound(more), {"--check"});
    CAPTURE(more, ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.out.empty());
    CHECK(ended.complains("test.qvmconf:" + std::string{place} + ": error: "));
    CHECK(ended.complains(message));
}

/// Of those that this process, and so qvm, may run on.
std::string first_cpu() {
    cpu_set_t set;
    CPU_ZERO(&set);
    REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set)) ++cpu;
    return std::to_string(cpu);
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

/// The lines of that kind on standard error.
std::vector<std::string> warnings(const std::string& err) {
    std::vector<std::string> out;
    std::istringstream lines{err};
    for (std::string line; std::getline(lines, line);)
        if (line.find(": warning: ") != std::string::npos) out.push_back(line);
    return out;
}

}  // namespace

TEST_CASE("every example passes --check where its images are, without a warning if this version can run it") {
    // What those warn about that are for another board or for a later version.
    const std::map<std::string, std::vector<std::string>> expected{
        {"minimal", {}},
        {"linux-x86", {}},
        {"rtos-x86", {}},
        {"linux-x86-virtio", {}},
        {"pass-x86", {}},
        {"realtime-x86", {"SCHED_DEADLINE", "is not online", "would starve"}},
        {"linux-arm64", {"arm64 boards"}},
        {"rtos-arm64", {"arm64 boards"}},
        {"shmem-linux-arm64", {"arm64 boards"}},
        {"shmem-rtos-arm64", {"arm64 boards"}},
        {"beside-linux-arm64", {"arm64 boards", "is not online"}},
        {"beside-rtos-arm64", {"arm64 boards", "is not online"}},
        {"pass-arm64", {"arm64 boards"}},
        {"realtime-arm64", {"arm64 boards", "counter-offset", "SCHED_DEADLINE"}},
    };
    const TempDir dir;
    dir.write("vmlinuz", read_file(guest_file("bzimage")));
    dir.write("rtos.elf", read_file(guest_file("spin.elf")));
    for (const char* image : {"Image", "rtos.bin", "initrd.img", "devices.dtb"}) dir.write(image, "any bytes");
    std::size_t count = 0;
    for (const auto& example : std::filesystem::directory_iterator{QVM_EXAMPLES}) {
        const auto ended = run({"/usr/bin/env", "-C", dir.path("."), QVM_PROGRAM, "--check", "-f", example.path()});
        CAPTURE(example.path().string(), ended.err);
        CHECK(ended.ending == kGood);
        REQUIRE(expected.contains(example.path().stem()));
        const std::vector<std::string>& allowed = expected.at(example.path().stem());
        for (const std::string& warning : warnings(ended.err)) {
            CAPTURE(warning);
            CHECK(std::ranges::any_of(allowed,
                                      [&](const auto& each) { return warning.find(each) != std::string::npos; }));
        }
        ++count;
    }
    CHECK(count == expected.size());
}

TEST_CASE("--host-map gives clusters and regions their meaning") {
    const TempDir dir;
    const std::string text = config_text({.kernel = guest_file("spin.elf"), .more = "cpu cluster big\n"});
    const std::string map = dir.write("host.map", "cluster big cpus 0\n");
    const auto known = run_with(dir, text, {"--check", "--host-map", map});
    CAPTURE(known.err);
    CHECK(known.ending == kGood);
    const auto unknown = run_with(dir, text, {"--check"});
    CHECK(unknown.ending == kConfigError);
    CHECK(unknown.complains("big"));
}

TEST_CASE("--check and -t say in one line that a file is good") {
    const std::string flag = GENERATE("--check", "-t");
    const TempDir dir;
    const auto ended = run_with(dir, sound(), {flag});
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
    CHECK(ended.out == dir.path("test.qvmconf") + ": ok\n");
    CHECK(ended.err.empty());
}

TEST_CASE("--check of words, or of a file and words, judges them together") {
    const TempDir dir;
    const auto good = run_with(dir, sound(), {"--check", "vdev", "mc146818"});
    CAPTURE(good.err);
    CHECK(good.ending == kGood);
    CHECK(good.out == "configuration ok\n");
    const auto bad = run_with(dir, sound(), {"--check", "vdev", "ser8250", "loc", "io:0x3f8", "intr", "ioapic:3"});
    CHECK(bad.ending == kConfigError);
    CHECK(bad.complains("command line:"));
}

TEST_CASE("--check needs no /dev/kvm") {
    if (const auto reason = why_no_private_dev()) {
        WARN("skipped: " << *reason);
        return;
    }
    const TempDir dir;
    const auto ended = run_with(dir, sound(), {"--check"}, {.kvm = KvmNode::Missing});
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
}

TEST_CASE("--check passes a file with warnings and prints them") {
    const TempDir dir;
    const auto ended = run_with(dir, sound("set slog-buffer 4K\n"), {"--check"});
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kGood);
    CHECK(ended.complains("7:5: "));
    CHECK(ended.complains("slog-buffer"));
    CHECK(ended.out == dir.path("test.qvmconf") + ": ok\n");
}

TEST_CASE("--check judges the images") {
    const TempDir dir;
    const auto ended = run_with(dir, config_text({.kernel = "/no/such/kernel"}), {"--check"});
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("test.qvmconf:3:6: error: "));
}

TEST_CASE("errors of images and of places are told in one run, with --check and without, and no host end is opened") {
    const TempDir dir;
    const auto made = dir.path("made");
    const std::string text =
        config_text({.kernel = "/no/such/kernel"}) + "vdev ser8250 loc io:0x2f8 intr ioapic:4 hostdev " + made + "\n";
    for (const auto& more : {std::vector<std::string>{}, std::vector<std::string>{"--check"}}) {
        const auto ended = run_with(dir, text, more);
        CAPTURE(ended.out, ended.err);
        CHECK(ended.ending == kConfigError);
        CHECK(ended.out.empty());
        CHECK(ended.complains("test.qvmconf:3:6: error: "));
        CHECK(ended.complains("test.qvmconf:7:32: error: "));
    }
    CHECK_FALSE(exists(made));
}

TEST_CASE("--check finds two vdevs in one place") {
    check_bad("vdev ser8250 loc io:0x3fc intr ioapic:3\n", "7:18", "overlaps vdev ser8250 at 0x3f8");
}

TEST_CASE("--check finds two vdevs on one interrupt line") {
    check_bad("vdev ser8250 loc io:0x2f8 intr ioapic:4\n", "7:32", "belongs to vdev ser8250 already");
}

TEST_CASE("--check finds a vdev on the board's own interrupt line, with the vdev's place") {
    check_bad("vdev ser8250 loc io:0x2f8 intr ioapic:9\n", "7:32", "line 9 of 'ioapic' belongs to ACPI's SCI already");
}

TEST_CASE("the board's own interrupt line is kept on a declared ioapic, too") {
    const TempDir dir;
    const std::string text =
        "ram 64M\nload " + guest_file("spin.elf") + "\nvdev ioapic name chip\nvdev ser8250 intr chip:9\n";
    const auto ended = run_with(dir, text, {"--check"});
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("test.qvmconf:4:19: error: line 9 of 'chip' belongs to ACPI's SCI already"));
}

TEST_CASE("--check finds a vdev in guest memory, an unknown controller and a second reader of stdin, all at once") {
    check_bad(
        "vdev ser8250 loc mem:0x1000 intr ioapic:5\nvdev ser8250 loc io:0x2f8 intr nowhere:1\n"
        "vdev ser8250 loc io:0x3e8 intr ioapic:7 hostdev -\n",
        "7:18", "lies in guest memory");
    check_bad(
        "vdev ser8250 loc mem:0x1000 intr ioapic:5\nvdev ser8250 loc io:0x2f8 intr nowhere:1\n"
        "vdev ser8250 loc io:0x3e8 intr ioapic:7 hostdev -\n",
        "8:32", "no interrupt controller is named 'nowhere'");
    check_bad(
        "vdev ser8250 loc mem:0x1000 intr ioapic:5\nvdev ser8250 loc io:0x2f8 intr nowhere:1\n"
        "vdev ser8250 loc io:0x3e8 intr ioapic:7 hostdev -\n",
        "9:49", "another vdev reads stdin already");
}

TEST_CASE("--check makes no file and runs no command") {
    const TempDir dir;
    const auto made = dir.path("made");
    const auto touched = dir.path("touched");
    const auto ended = run_with(dir,
                                sound("vdev ser8250 loc io:0x2f8 intr ioapic:3 hostdev " + made +
                                      "\nvdev ser8250 loc io:0x3e8 intr ioapic:5 hostdev \"|touch " + touched + "\"\n"),
                                {"--check"});
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
    CHECK_FALSE(exists(made));
    CHECK_FALSE(exists(touched));
}

TEST_CASE("--check takes no memory for the guest") {
    const TempDir dir;
    auto command = qvm_command(dir, sound());
    command.insert(command.begin(), {"/bin/sh", "-c", "ulimit -f 8 && exec \"$@\"", "sh"});
    command.emplace_back("--check");
    const auto ended = run(command);
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
}

TEST_CASE("--print=map shows memory, ports and interrupt lines with their owners") {
    const TempDir dir;
    const auto ended = run_with(dir, sound("rom 0xf0000000,64K\nvdev mc146818 name clock\n"), {"--print=map"});
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
    CHECK(ended.out ==
          "memory\n"
          "  0x00000000-0x03ffffff  ram\n"
          "  0xf0000000-0xf000ffff  rom\n"
          "  0xfec00000-0xfec00fff  the implicit ioapic\n"
          "ports\n"
          "  0x0070-0x0071  vdev mc146818 'clock'\n"
          "  0x03f8-0x03ff  vdev ser8250\n"
          "  0x0600-0x060f  ACPI power management\n"
          "interrupt lines\n"
          "  ioapic:4  vdev ser8250\n"
          "  ioapic:8  vdev mc146818 'clock'\n"
          "  ioapic:9  ACPI's SCI\n");
}

TEST_CASE("--print=map of a wrong configuration prints what is wrong and no map") {
    const TempDir dir;
    const auto ended = run_with(dir, sound("vdev ser8250 loc io:0x3f8\n"), {"--print=map"});
    CHECK(ended.ending == kConfigError);
    CHECK(ended.out.empty());
    CHECK(ended.complains("error: "));
}

TEST_CASE("--print=config prints a configuration that says the same, and says it again of itself") {
    const TempDir dir;
    const std::string odd =
        sound("vdev ser8250 loc io:0x2f8 intr ioapic:3 hostdev >\"|cat >a\" name com2\nset made-up 1\n");
    const auto first = run_with(dir, odd, {"--print=config"});
    CAPTURE(first.err, first.out);
    REQUIRE(first.ending == kGood);
    CHECK(first.out.find("ram 0x0,64M\n") != std::string::npos);
    CHECK(first.out.find("hostdev \">|cat >a\"") != std::string::npos);
    const auto again = run_with(dir, first.out, {"--print=config"});
    CHECK(again.ending == kGood);
    CHECK(again.out == first.out);
}

TEST_CASE("--print=json has the configuration with its places, and the map") {
    const TempDir dir;
    const auto ended = run_with(dir, sound("vdev mc146818 name clock\n"), {"--print=json"});
    CAPTURE(ended.err, ended.out);
    CHECK(ended.ending == kGood);
    CHECK(ended.out.starts_with("{\"config\":{\"system\":null,"));
    CHECK(ended.out.find("{\"type\":\"mc146818\",\"options\":[{\"name\":\"name\",\"value\":\"clock\",") !=
          std::string::npos);
    CHECK(ended.out.find("\"map\":{\"memory\":[{\"start\":\"0x0\",\"size\":\"0x4000000\",\"owner\":\"ram\"}") !=
          std::string::npos);
    CHECK(ended.out.find("{\"controller\":\"ioapic\",\"line\":8,\"owner\":\"vdev mc146818 'clock'\"}") !=
          std::string::npos);
    CHECK(ended.out.find("\"threads\":[{\"name\":\"main\",\"cpus\":[") != std::string::npos);
}

TEST_CASE("--print=threads shows where the threads will run, and needs no right to put them there") {
    const TempDir dir;
    const std::string cpu = first_cpu();
    const auto ended = run_with(dir, sound("cpu sched 300\n"), {"--print=threads"});
    CHECK(ended.ending == kConfigError);
    const auto table = run_with(dir,
                                sound("cpu sched 250f runmask " + cpu + "\ncpu sched 98\nset host-main-runmask " + cpu +
                                      " set host-main-sched 20,10,5,100,30 set host-io-sched 20,10,5,100,30\n"),
                                {"--print=threads"});
    CAPTURE(table.err, table.out);
    CHECK(table.ending == kGood);
    CHECK(table.out.starts_with("threads\n  main     CPU " + cpu));
    CHECK(table.out.find("SCHED_DEADLINE 30 ms of 100 ms\n  vcpu/0 ") != std::string::npos);
    CHECK(table.out.find("SCHED_FIFO 99\n  vcpu/2 ") != std::string::npos);
    CHECK(table.out.ends_with("SCHED_RR 98\n"));
    const auto disks =
        run_with(dir,
                 sound("vdev virtio-blk name data hostdev <disk.img threads 3\n"
                       "vdev virtio-blk hostdev <disk.img threads 2\nvdev virtio-blk hostdev <disk.img\n"),
                 {"--print=threads"});
    CAPTURE(disks.err, disks.out);
    CHECK(disks.ending == kGood);
    for (const char* name : {"  io/data.1 ", "  io/data.2 ", "  io/disk.1 "})
        CHECK(disks.out.find(name) != std::string::npos);
    CHECK(disks.out.find("io/data.3") == std::string::npos);
    CHECK(disks.out.find("io/disk.2") == std::string::npos);
}

TEST_CASE("a plan that starves main, and CPUs that are not there, are warned about by a check and refused by a run") {
    const std::string cpu = first_cpu();
    const auto [more, place, message] = GENERATE_COPY(table<std::string, std::string, std::string>(
        {{"set host-main-runmask " + cpu + "\ncpu sched 99f runmask " + cpu + "\n", "8:11",
          "would starve the main thread, SCHED_FIFO 99 on CPU " + cpu},
         {"cpu runmask " + cpu + ",1000\n", "7:13", "host CPU 1000 is not online"}}));
    const TempDir dir;
    const auto checked = run_with(dir, sound(more), {"--check"});
    CAPTURE(checked.err);
    CHECK(checked.ending == kGood);
    CHECK(checked.complains("test.qvmconf:" + place + ": warning: "));
    CHECK(checked.complains(message));
    const auto started = run_with(dir, sound(more), {});
    CAPTURE(started.err);
    CHECK(started.ending == kConfigError);
    CHECK(started.complains("test.qvmconf:" + place + ": error: "));
    CHECK(run_with(dir, sound(more), {"--check", "--strict"}).ending == kConfigError);
}

TEST_CASE("a file for the other board is not judged by the CPUs of this host") {
    const TempDir dir;
    const auto image = dir.write("image", "any bytes");
    const auto ended = run_with(
        dir,
        "ram 0x80000000,64M\nload 0x80080000," + image + "\nvdev pl011 loc 0x1c090000 intr gic:37\ncpu runmask 1000\n",
        {"--check"});
    CAPTURE(ended.err);
    CHECK(ended.ending == kGood);
}

TEST_CASE("--print of something else is refused") {
    const TempDir dir;
    CHECK(run_with(dir, sound(), {"--print=poem"}).ending == kConfigError);
}

TEST_CASE("--diagnostics=json prints one array, empty if there is nothing to say") {
    const TempDir dir;
    const auto good = run_with(dir, sound(), {"--check", "--diagnostics=json"});
    CHECK(good.ending == kGood);
    CHECK(good.err == "[]\n");
    const auto bad = run_with(dir, sound("set slog-buffer 4K\nvdev ser8250 loc io:0x3f8 intr ioapic:3\n"),
                              {"--check", "--diagnostics=json"});
    CAPTURE(bad.err);
    CHECK(bad.ending == kConfigError);
    CHECK(bad.err.starts_with("[{\"severity\":\""));
    CHECK(bad.err.ends_with("}]\n"));
    CHECK(bad.err.find("[{", 1) == std::string::npos);
    CHECK(bad.complains(R"("line":7,"column":5,)"));
    CHECK(bad.complains(R"("severity":"error","file":")" + dir.path("test.qvmconf") +
                        R"(","line":8,"column":18,"length":8,)"));
}

TEST_CASE("--diagnostics=json is one array also when no check was asked for") {
    const TempDir dir;
    const auto ended =
        run_with(dir, sound("set slog-buffer 4K\nvdev ser8250 loc io:0x3f8 intr ioapic:3\n"), {"--diagnostics=json"});
    CAPTURE(ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.err.starts_with("[{"));
    CHECK(ended.err.ends_with("}]\n"));
    CHECK(ended.complains(R"("line":7,)"));
    CHECK(ended.complains(R"("line":8,)"));
}

TEST_CASE("--diagnostics=json says what the host lacks in the same array") {
    if (why_no_private_dev()) {
        WARN("skipped: " << *why_no_private_dev());
        return;
    }
    const TempDir dir;
    const auto ended = run_with(dir, sound(), {"--diagnostics=json"}, {.kvm = KvmNode::Missing});
    CAPTURE(ended.err);
    CHECK(ended.ending == Ending{64});
    CHECK(ended.err.starts_with("["));
    CHECK(ended.complains("\"severity\":\"error\""));
    CHECK(ended.complains("/dev/kvm"));
}

TEST_CASE("--help-vdev lists the options of a type in any spelling") {
    const std::string name = GENERATE("ser8250", "vdev-ser8250.so");
    const auto ended = run(qvm_command({"--help-vdev", name}));
    CHECK(ended.ending == kGood);
    CHECK(ended.says("vdev ser8250: UART 16550A"));
    CHECK(ended.says("      default: the board's first UART"));
    CHECK(ended.says("  name text"));
    CHECK(ended.err.empty());
}

TEST_CASE("--help-vdev of a type that does not exist suggests the nearest") {
    const auto near = run(qvm_command({"--help-vdev", "ser8520"}));
    CHECK(near.ending == kConfigError);
    CHECK(near.out.empty());
    CHECK(near.complains("'ser8520'"));
    CHECK(near.complains("did you mean 'ser8250'?"));
    const auto far = run(qvm_command({"--help-vdev", "xyzzy"}));
    CHECK(far.ending == kConfigError);
    CHECK(far.complains("qvm vdev ?"));
}

TEST_CASE("vdev ? lists the types, and set ? the variables, without a complete configuration") {
    const auto types = run(qvm_command({"vdev", "?"}));
    CHECK(types.ending == kGood);
    CHECK(types.says("ser8250         UART 16550A"));
    const auto after_words = run(qvm_command({"ram", "1M", "set", "?"}));
    CHECK(after_words.ending == kGood);
    CHECK(after_words.out.find(
              "slog-buffer                 (address, global)   size of the slog buffer; default: 4K; no effect: ") !=
          std::string::npos);
}

TEST_CASE("vdev ? and set ? are answered inside files, too; variables of vdevs are listed behind one") {
    const TempDir dir;
    const auto plain = run(qvm_command(dir, "ram 1M # set the variables\nset ?\n"));
    CHECK(plain.ending == kGood);
    CHECK(plain.says("Variables:"));
    CHECK(plain.out.find("(boolean, vdev)") == std::string::npos);
    const auto behind = run(qvm_command({"vdev", "ser8250", "set", "?"}));
    CHECK(behind.out.find("(boolean, vdev)") != std::string::npos);
    const auto types = run(qvm_command(dir, "vdev ?\n"));
    CHECK(types.says("Read and checked, but not in this version:"));
}

TEST_CASE("--strict makes errors of warnings") {
    const TempDir dir;
    const std::string text = sound("set made-up 1\n");
    CHECK(run_with(dir, text, {"--check"}).ending == kGood);
    const auto strict = run_with(dir, text, {"--check", "--strict"});
    CHECK(strict.ending == kConfigError);
    CHECK(strict.complains("test.qvmconf:7:5: error: unknown variable 'made-up'"));
}

TEST_CASE("--skip-unknown-vdevs leaves out what nobody knows, with a warning") {
    const TempDir dir;
    const std::string text = sound("vdev vendor-thing loc 0x1000 speed 9 name x\nvdev pckeyboard\n");
    CHECK(run_with(dir, text, {"--check"}).ending == kConfigError);
    const auto skipped = run_with(dir, text, {"--print=map", "--skip-unknown-vdevs"});
    CAPTURE(skipped.err);
    CHECK(skipped.ending == kGood);
    CHECK(skipped.complains("test.qvmconf:7:6: warning: unknown vdev type 'vendor-thing': it is left out"));
    CHECK(skipped.out.find("vdev pckeyboard") != std::string::npos);
}

TEST_CASE("what this version cannot run passes a check with a warning and is refused by a run") {
    const TempDir dir;
    const std::string text = sound("vdev virtio-snd\n");
    const auto checked = run_with(dir, text, {"--check"});
    CHECK(checked.ending == kGood);
    CHECK(checked.complains("test.qvmconf:7:6: warning: vdev 'virtio-snd' is not in this version"));
    const auto started = run_with(dir, text, {});
    CHECK(started.ending == kConfigError);
    CHECK(started.complains("test.qvmconf:7:6: error: vdev 'virtio-snd' is not in this version"));
}

TEST_CASE("passed RAM and images that cannot be had are told before the guest starts, with the way out") {
    const TempDir dir;
    const std::string ram = "pass loc 0,640K,rwcxm=0x40000000\npass loc 1M,15M,rwcxm=0x40100000\n";
    const std::string load = "load " + guest_file("spin.elf") + "\n";
    const auto nobody = run_with(dir, ram + load, {});
    CHECK(nobody.ending == Ending{64});
    CHECK(nobody.complains("0x40000000 to 0x4009ffff cannot be passed: no device of VFIO's or UIO's has it"));
    CHECK(nobody.complains("set host-devmem on"));
    CHECK(run_with(dir, ram + load, {"--check"}).ending == kGood);
    const auto unseen = run_with(dir, ram + "guest pass loc 0xb0000000,64K,r=0x50000000\n", {"--check"});
    CHECK(unseen.ending == kGood);
    const auto unread = run_with(dir, ram + "guest pass loc 0xb0000000,64K,r=0x50000000\n", {});
    CHECK(unread.ending == Ending{64});
    CHECK(unread.complains("0x50000000 to 0x5000ffff cannot be passed: no device of VFIO's or UIO's has it"));
    const auto wrong = run_with(dir, ram + "guest pass loc 20M,64K,rwcxm\n", {"--check"});
    CHECK(wrong.ending == kConfigError);
    CHECK(
        wrong.complains("test.qvmconf:3:16: error: 'guest pass' reads the image where it is, which is no RAM (m)\n"
                        "guest pass loc 20M,64K,rwcxm\n               ^~~~~~~~~~~~~\n"
                        "  hint: leave the m out of its letters"));
}

TEST_CASE("a question mark after anything else is a word") {
    const auto ended = run(qvm_command({"ram", "?"}));
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("command line:2:1: error: "));
}

}  // namespace qvm::test
