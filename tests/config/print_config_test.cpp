// SPDX-License-Identifier: Apache-2.0
// The normal form of configurations and of words; that it means the same is in round_trip_test.cpp.
#include "config/print_config.hpp"

#include <catch2/catch.hpp>

#include "config/config_check.hpp"
#include "config/substitution.hpp"
#include "config/whole_grammar.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

const WholeGrammar kWhole;

/// Fails, with the messages, if `text` cannot be read.
std::string normal_form(std::string_view text) {
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics, kHost};
    reader.add_text("vm.qvmconf", std::string{text});
    const auto config = reader.finish(kWhole);
    INFO(diagnostics.render(sources));
    REQUIRE(config);
    return print_config(*config);
}

std::vector<Word> words_of(std::string_view text) {
    Sources sources;
    Diagnostics diagnostics;
    std::vector<Word> words;
    lex_text(sources, sources.add("text", std::string{text}), words, diagnostics);
    substitute(words, kHost, {}, diagnostics);
    INFO(text);
    REQUIRE_FALSE(diagnostics.has_errors());
    return words;
}

}  // namespace

TEST_CASE("the smallest configuration has a start and a cpu in its normal form") {
    CHECK(normal_form("ram 512M") == "ram 0x0,512M\ncpu\n");
}

TEST_CASE("the normal form has one option on each line, in one order") {
    CHECK(normal_form("system s vdev ser8250 delayed 07 hostdev >\"|tee \\\"a\\\"\" loc io:1016,8 set debug on\n"
                      "dryrun user qvm:10,kvm dump |gzip cpu sched 8r runmask 3 cluster _cpu-1 cpu\n"
                      "ram 0xa0000 rom 0xc0000,256k ram 1m debug logger warning,error stderr safety warn\n"
                      "initrd load 1M,i load k cmdline \"a\nb\" unsupported register abort set x y\n") ==
          "system s\nsafety warn\ndebug\nlogger warn,error stderr\nset x y\n"
          "ram 0x0,640K\nrom 0xc0000,256K\nram 0x100000,1M\n"
          "initrd load 0x100000,i\nload k\ncmdline \"a b\"\n"
          "cpu\n    sched 8\n    runmask 1\ncpu\n"
          "vdev ser8250\n    delayed 7\n    hostdev \">|tee \\\"a\\\"\"\n    loc io:0x3f8,0x8\n    set debug on\n"
          "dump |gzip\nunsupported register abort\nuser qvm:10,kvm\ndryrun\n");
}

TEST_CASE("pass and reserve keep their place among the vdevs") {
    CHECK(normal_form("ram 1M reserve intr 4 vdev ser8250 pass loc mem:4K,1K,rw=8K intr c:1,t=9\n"
                      "reserve loc pci:0:1 intr a:2 vdev dog legacy acpi pass loc pci:0x8086/5=pci:0:2.1") ==
          "ram 0x0,1M\ncpu\n"
          "reserve\n    intr 4\n"
          "vdev ser8250\n"
          "pass\n    loc mem:0x1000,1K,rw=0x2000\n    intr c:1,t=9\n"
          "reserve\n    loc pci:0:1.0\n    intr a:2\n"
          "vdev dog\n    legacy\n"
          "acpi pass\n    loc pci:0x8086/0x0005=pci:0:2.1\n");
}

TEST_CASE("a guest without ram of its own loads after what it is given") {
    CHECK(normal_form("pass loc 0x1000,4K,m load k") == "cpu\npass\n    loc 0x1000,4K,m\nload k\n");
}

TEST_CASE("a vdev that would take what follows for its own is closed before") {
    CHECK(normal_form("ram 1M vdev dog data a reserve data pass loc 4K") ==
          "ram 0x0,1M\ncpu\nvdev dog\n    data a\nreserve  # ends the vdev\ndata pass\n    loc 0x1000\n");
}

TEST_CASE("words are quoted only where they must be") {
    CHECK(spelled_word("plain,a:b=c'd?@e") == "plain,a:b=c'd?@e");
    CHECK(spelled_word("\xc3\xa4") == "\xc3\xa4");
    CHECK(spelled_word("").size() == 2);
    CHECK(spelled_word("a b") == "\"a b\"");
    CHECK(spelled_word("a\\") == R"("a\\")");
    CHECK(spelled_word("$a{b}") == "$a{b}");
    CHECK(spelled_word("$env{A}") == R"("\\$env{A}")");
    CHECK(spelled_word("\\$env{A}") == R"("\\\\\\$env{A}")");
    CHECK(spelled_word("\r\n") == "\"\r\\\n\n\"");
}

TEST_CASE("every short word of the characters that mean something is read as it was") {
    constexpr std::array<std::string_view, 9> kCharacters{"\\", "\"", "\n", "\r", " ", "#", "$env{", "$asinfo_start{",
                                                          "}"};
    for (std::size_t number = 0; number < 9 * 9 * 9 * 9; ++number) {
        std::string text;
        for (std::size_t rest = number; rest != 0; rest /= 9) text += kCharacters[rest % 9];
        const auto words = words_of("a " + spelled_word(text) + "\nb");
        REQUIRE(words.size() == 3);
        REQUIRE(words[1].text == text);
        REQUIRE(words[2].text == "b");
    }
}
