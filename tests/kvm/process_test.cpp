// SPDX-License-Identifier: Apache-2.0
// What qvm says and returns when it cannot start a VM. None of these cases needs KVM.
#include <catch2/catch.hpp>
#include <string>

#include "kvm/guest.hpp"

namespace qvm::test {
namespace {

constexpr Ending kSetupFailed{64};
constexpr Ending kConfigError{65};

std::string spin() { return guest_file("spin.elf"); }

/// The configuration is refused at this place ("line:column") with these words.
void check_refused(const std::string& text, std::string_view place, const std::vector<std::string>& words) {
    const TempDir dir;
    const auto command = qvm_command(dir, text);
    const auto ended = run(command);
    CAPTURE(text, ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.out.empty());
    CHECK(ended.complains(command.back() + ":" + std::string{place} + ": error: "));
    for (const auto& word : words) {
        CAPTURE(word);
        CHECK(ended.complains(word));
    }
}

/// The first `size` bytes of a file as a kernel.
void check_truncated(std::string_view guest, std::size_t size) {
    const TempDir dir;
    const auto whole = read_file(guest_file(guest));
    REQUIRE(size < whole.size());
    CAPTURE(guest, size);
    const auto kernel = dir.write("cut", whole.substr(0, size));
    check_refused(config_text({.kernel = kernel}), "3:6", {kernel});
}

}  // namespace

TEST_CASE("a missing kernel file is named with its place") {
    check_refused(config_text({.kernel = "/no/such/kernel"}), "3:6", {"/no/such/kernel", "No such file"});
}

TEST_CASE("a directory is no kernel") { check_refused(config_text({.kernel = "/"}), "3:6", {"'/'"}); }

TEST_CASE("a file that is no kernel is refused") {
    const TempDir dir;
    const auto text = dir.write("poem", std::string(4096, 'p'));
    check_refused(config_text({.kernel = text}), "3:6", {text});
}

TEST_CASE("an empty file is no kernel") {
    const TempDir dir;
    check_refused(config_text({.kernel = dir.write("empty", "")}), "3:6", {"empty"});
}

TEST_CASE("a truncated ELF file is refused wherever it was cut") {
    const std::size_t size = GENERATE(3U, 20U, 63U, 70U, 175U, 4095U, 4096U, 4200U);
    check_truncated("spin.elf", size);
}

TEST_CASE("a truncated bzImage is refused wherever it was cut") {
    const std::size_t size = GENERATE(0x1f0U, 0x205U, 0x240U, 0x3ffU, 0x400U, 0x600U, 0x700U);
    check_truncated("bzimage", size);
}

TEST_CASE("a kernel whose segments lie outside RAM is refused") {
    check_refused(config_text({.kernel = spin(), .ram = "ram 0x80000\n"}), "3:6", {"segment", "0x100000", "`ram`"});
}

TEST_CASE("an initrd that does not fit is refused") {
    const TempDir dir;
    const auto initrd = dir.sparse("initrd", off_t{65} << 20);
    check_refused(config_text({.kernel = spin(), .more = "initrd load " + initrd + "\n"}), "7:13", {initrd});
}

TEST_CASE("a missing initrd is named with its place") {
    check_refused(config_text({.kernel = spin(), .more = "initrd load /no/such/initrd\n"}), "7:13",
                  {"/no/such/initrd", "No such file"});
}

TEST_CASE("overlapping ram lines are refused") {
    check_refused(config_text({.kernel = spin(), .ram = "ram 0,64M\nram 32M,64M\n"}), "2:5",
                  {"0x2000000", "taken", ":1:5: note: "});
}

TEST_CASE("all errors are reported at once") {
    const TempDir dir;
    const auto command = qvm_command(dir, "ram 64Q\ncpu\nvdev nosuchthing\nload /no/such/kernel\n");
    const auto ended = run(command);
    CAPTURE(ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains(command.back() + ":1:5: error: "));
    CHECK(ended.complains(command.back() + ":3:6: error: "));
}

TEST_CASE("a vdev that does not exist yet is named") {
    check_refused(config_text({.kernel = spin(), .more = "vdev no-such-vdev\n"}), "7:6", {"no-such-vdev"});
}

TEST_CASE("a missing configuration file is named") {
    const auto ended = run(qvm_command({"-f", "/no/such.qvmconf"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("/no/such.qvmconf"));
}

TEST_CASE("--version names the program and its version") {
    const auto ended = run(qvm_command({"--version"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    CHECK(ended.out.find("qvm") != std::string::npos);
    CHECK(ended.out.find(QVM_VERSION) != std::string::npos);
}

TEST_CASE("--help says how to name a configuration file") {
    const auto ended = run(qvm_command({"--help"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == Ending{0});
    CHECK(ended.out.find("-f") != std::string::npos);
}

TEST_CASE("an unknown option is refused") {
    const auto ended = run(qvm_command({"--no-such-option"}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK(ended.complains("--no-such-option"));
}

TEST_CASE("no configuration at all is refused with a hint") {
    const auto ended = run(qvm_command({}));
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
    CHECK_FALSE(ended.err.empty());
}

TEST_CASE("without /dev/kvm the message says what to do") {
    if (const auto reason = why_no_private_dev()) {
        WARN("skipped: " << *reason);
        return;
    }
    const auto ended = run_text(config_text({.kernel = spin()}), {.kvm = KvmNode::Missing});
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kSetupFailed);
    CHECK(ended.out.empty());
    CHECK(ended.complains("/dev/kvm"));
    CHECK(ended.complains("No such file"));
}

TEST_CASE("without permission on /dev/kvm the message names the kvm group") {
    if (const auto reason = why_no_private_dev()) {
        WARN("skipped: " << *reason);
        return;
    }
    const auto ended = run_text(config_text({.kernel = spin()}), {.kvm = KvmNode::Forbidden});
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kSetupFailed);
    CHECK(ended.out.empty());
    CHECK(ended.complains("/dev/kvm"));
    CHECK(ended.complains("group"));
}

TEST_CASE("errors of the configuration are found without KVM") {
    if (const auto reason = why_no_private_dev()) {
        WARN("skipped: " << *reason);
        return;
    }
    const auto ended = run_text(config_text({.kernel = "/no/such/kernel"}), {.kvm = KvmNode::Missing});
    CAPTURE(ended.out, ended.err);
    CHECK(ended.ending == kConfigError);
}

}  // namespace qvm::test
