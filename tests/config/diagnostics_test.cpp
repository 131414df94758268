// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.hpp"

#include <catch2/catch.hpp>

using namespace qvm;

namespace {

std::string render(const std::string& text, Location where, std::string hint = {}) {
    Sources sources;
    sources.add("vm.qvmconf", text);
    Diagnostics diagnostics;
    diagnostics.error(where, "wrong", std::move(hint));
    return diagnostics.render(sources);
}

}  // namespace

TEST_CASE("a message shows its place, the line and a caret with the range") {
    CHECK(render("ram 1m\nvdev ser825\n", {0, 2, 6, 6}) ==
          "vm.qvmconf:2:6: error: wrong\n"
          "vdev ser825\n"
          "     ^~~~~~\n");
}

TEST_CASE("a hint stands below the caret") {
    CHECK(render("vdev ser825", {0, 1, 6, 6}, "did you mean 'ser8250'?") ==
          "vm.qvmconf:1:6: error: wrong\n"
          "vdev ser825\n"
          "     ^~~~~~\n"
          "  hint: did you mean 'ser8250'?\n");
}

TEST_CASE("tabs before the caret are repeated below the line") {
    CHECK(render("\t\tram\tx", {0, 1, 7, 1}) ==
          "vm.qvmconf:1:7: error: wrong\n"
          "\t\tram\tx\n"
          "\t\t   \t^\n");
}

TEST_CASE("characters of several bytes count as one column below the line") {
    CHECK(render("cmdline \xc3\xa4\xc3\xb6 x", {0, 1, 14, 1}) ==
          "vm.qvmconf:1:14: error: wrong\n"
          "cmdline \xc3\xa4\xc3\xb6 x\n"
          "           ^\n");
}

TEST_CASE("control characters and broken UTF-8 do not reach the terminal") {
    CHECK(render("a\x1b[2J \xff z", {0, 1, 7, 1}) ==
          "vm.qvmconf:1:7: error: wrong\n"
          "a?[2J ? z\n"
          "      ^\n");
}

TEST_CASE("a range beyond the end of the line is cut there") {
    CHECK(render("abc", {0, 1, 2, 100}) ==
          "vm.qvmconf:1:2: error: wrong\n"
          "abc\n"
          " ^~\n");
}

TEST_CASE("a caret may stand just behind the line") {
    CHECK(render("abc", {0, 1, 4, 1}) ==
          "vm.qvmconf:1:4: error: wrong\n"
          "abc\n"
          "   ^\n");
}

TEST_CASE("of a very long line only the part around the caret is shown") {
    const std::string shown = render(std::string(1 << 20, 'a') + " x", {0, 1, 500000, 3});
    CHECK(shown.size() < 500);
    CHECK(shown.find("\n..." + std::string(160, 'a') + "...\n" + std::string(63, ' ') + "^~~\n") != std::string::npos);
}

TEST_CASE("line 0 means the source as a whole") { CHECK(render("abc", {0, 0, 0, 0}) == "vm.qvmconf: error: wrong\n"); }

TEST_CASE("an unknown source is left out of the message") {
    CHECK(render("abc", {kNoSource, 3, 1, 1}) == "error: wrong\n");
    CHECK(render("abc", {7, 3, 1, 1}) == "error: wrong\n");
}

TEST_CASE("an unknown line is shown as an empty one") {
    CHECK(render("abc", {0, 9, 5, 2}) == "vm.qvmconf:9:5: error: wrong\n\n^\n");
}

TEST_CASE("notes follow their error in the order in which they came") {
    Sources sources;
    sources.add("a", "x\ny");
    Diagnostics diagnostics;
    diagnostics.warning({0, 1, 1, 1}, "one");
    diagnostics.note({0, 2, 1, 1}, "two");
    CHECK_FALSE(diagnostics.has_errors());
    CHECK(diagnostics.render(sources) == "a:1:1: warning: one\nx\n^\na:2:1: note: two\ny\n^\n");
}

TEST_CASE("lines of a source come without their ends, whatever these are") {
    Sources sources;
    sources.add("a", "one\r\ntwo\n\nfour");
    CHECK(sources.line(0, 1) == "one");
    CHECK(sources.line(0, 2) == "two");
    CHECK(sources.line(0, 3).empty());
    CHECK(sources.line(0, 4) == "four");
    CHECK(sources.line(0, 5).empty());
    CHECK(sources.line(0, 0).empty());
    CHECK(sources.line(1, 1).empty());
}

TEST_CASE("the nearest candidate is suggested") {
    CHECK(did_you_mean("ser825", {"shmem", "ser8250", "smmu"}) == "did you mean 'ser8250'?");
    CHECK(did_you_mean("cmdlien", {"cmdline", "cpu"}) == "did you mean 'cmdline'?");
    CHECK(did_you_mean("rma", {"rom", "ram"}) == "did you mean 'ram'?");
}

TEST_CASE("nothing is suggested where nothing is near") {
    CHECK(did_you_mean("balloon", {"ser8250", "ioapic"}).empty());
    CHECK(did_you_mean("", {"ram"}).empty());
    CHECK(did_you_mean("x", {"y"}).empty());
    CHECK(did_you_mean(std::string(1 << 20, 'a'), {"ram"}).empty());
}

TEST_CASE("a word in a message is shortened and made printable") {
    CHECK(quoted("ram") == "'ram'");
    CHECK(quoted("a\nb\x01\xff") == std::string{"'a?b?"} + "?'");
    CHECK(quoted(std::string(1000, 'a')) == "'" + std::string(60, 'a') + "...'");
}
