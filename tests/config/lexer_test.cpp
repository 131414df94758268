// SPDX-License-Identifier: Apache-2.0
#include "config/lexer.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace qvm;

namespace {

struct Lexed {
    Sources sources;
    std::vector<Word> words;
    Diagnostics diagnostics;
    LexResult result = LexResult::Complete;

    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> out;
        for (const Word& word : words) out.push_back(word.text);
        return out;
    }
};

Lexed lex(const std::string& text) {
    Lexed out;
    const auto source = out.sources.add("vm.qvmconf", text);
    out.result = lex_text(out.sources, source, out.words, out.diagnostics);
    return out;
}

using Texts = std::vector<std::string>;

void check_at(const Location& where, std::uint32_t line, std::uint32_t column, std::uint32_t length) {
    CHECK(where.line == line);
    CHECK(where.column == column);
    CHECK(where.length == length);
}

}  // namespace

TEST_CASE("line ends, blanks and tabs all separate words") {
    CHECK(lex("cpu sched 8\n\n\tcpu\r\n  sched\n6").texts() == Texts{"cpu", "sched", "8", "cpu", "sched", "6"});
}

TEST_CASE("an empty text has no words") {
    CHECK(lex("").words.empty());
    CHECK(lex(" \n\t# only a comment").words.empty());
}

TEST_CASE("a word knows its line, column and length") {
    const Lexed out = lex("ram 1m\n\tvdev  ser8250");
    check_at(out.words[1].where, 1, 5, 2);
    check_at(out.words[2].where, 2, 2, 4);
    check_at(out.words[3].where, 2, 8, 7);
}

TEST_CASE("a comment runs to the end of the line, also within a word") {
    CHECK(lex("hostdev >-   # console\nram 1m#x y\ncpu").texts() == Texts{"hostdev", ">-", "ram", "1m", "cpu"});
}

TEST_CASE("quotes, backslashes and odd bytes mean nothing in a comment") {
    const Lexed out = lex("# tagged by \"google\\\nram 1m # don\"t \xff \x01\ncpu");
    CHECK(out.texts() == Texts{"ram", "1m", "cpu"});
    CHECK(out.diagnostics.all().empty());
}

TEST_CASE("quotes make one word out of text with blanks") {
    CHECK(lex("cmdline \"console=ttyS0 quiet\" cpu").texts() == Texts{"cmdline", "console=ttyS0 quiet", "cpu"});
}

TEST_CASE("quotes may begin and end within a word") {
    CHECK(lex("hostdev >\"|cat -n\"x cpu").texts() == Texts{"hostdev", ">|cat -nx", "cpu"});
}

TEST_CASE("an empty pair of quotes is an empty word") {
    CHECK(lex("cmdline \"\" cpu").texts() == Texts{"cmdline", "", "cpu"});
}

TEST_CASE("a number sign inside quotes is literal") { CHECK(lex("\"a # b\"").texts() == Texts{"a # b"}); }

TEST_CASE("a bare newline inside quotes stays a newline") {
    CHECK(lex("\"a\n\tb\"").texts() == Texts{"a\n\tb"});
    CHECK(lex("\"a\r\nb\"").texts() == Texts{"a\nb"});
}

TEST_CASE("backslash and newline inside quotes are both removed, the blanks after them are kept") {
    CHECK(lex("\"a\\\n  b\"").texts() == Texts{"a  b"});
    CHECK(lex("\"a\\\r\nb\"").texts() == Texts{"ab"});
}

TEST_CASE("quote and backslash can be escaped inside quotes, nothing else can") {
    CHECK(lex(R"("a\"b\\c\nd$")").texts() == Texts{R"(a"b\c\nd$)"});
}

TEST_CASE("backslash and newline outside quotes are a blank") {
    CHECK(lex("ram\\\n1m cpu\\\r\nsched").texts() == Texts{"ram", "1m", "cpu", "sched"});
}

TEST_CASE("a backslash elsewhere outside quotes is literal") {
    CHECK(lex("a\\b \\\"x y\"").texts() == Texts{"a\\b", "\\x y"});
}

TEST_CASE("single quotes are not special") { CHECK(lex("'a b'").texts() == Texts{"'a", "b'"}); }

TEST_CASE("a word over several lines is shown by its first") {
    const Lexed out = lex("cmdline \"one\ntwo\" cpu");
    check_at(out.words[1].where, 1, 9, 4);
    check_at(out.words[2].where, 2, 6, 3);
}

TEST_CASE("a part of a plain word has a place of its own") {
    const Lexed out = lex("ram  0x1000,zz \"0x1000\",zz");
    check_at(out.words[1].part(7, 2), 1, 13, 2);
    check_at(out.words[1].part(7, 50), 1, 13, 2);
    check_at(out.words[2].part(7, 2), 1, 16, 11);
}

TEST_CASE("a quote that never closes is an error at the quote") {
    const Lexed out = lex("ram 1m\ncmdline a\"b\nc");
    CHECK(out.result == LexResult::Truncated);
    REQUIRE(out.diagnostics.all().size() == 1);
    check_at(out.diagnostics.all()[0].where, 2, 10, 1);
    CHECK(out.words.back().broken);
}

TEST_CASE("where quotes do not pair up, the last quoted text over several lines is named") {
    const Lexed out = lex("cmdline \"a\nram 1m\nhostdev \">x\"");
    REQUIRE(out.diagnostics.all().size() == 2);
    check_at(out.diagnostics.all()[0].where, 3, 12, 1);
    CHECK(out.diagnostics.all()[1].kind == DiagnosticKind::Note);
    check_at(out.diagnostics.all()[1].where, 1, 9, 1);
}

TEST_CASE("a NUL byte means that this is no text") {
    const Lexed out = lex(std::string{"ram 1m\ncp\0u", 11});
    CHECK(out.result == LexResult::NotText);
    CHECK(out.words.empty());
    REQUIRE(out.diagnostics.all().size() == 1);
    check_at(out.diagnostics.all()[0].where, 2, 3, 1);
}

TEST_CASE("control characters and invalid UTF-8 are errors, one for each word") {
    const Lexed out = lex("ra\x01m\x02 1m \"\xc3(\" cpu");
    REQUIRE(out.diagnostics.all().size() == 2);
    check_at(out.diagnostics.all()[0].where, 1, 3, 1);
    CHECK(out.diagnostics.all()[0].message == "control character 0x01");
    CHECK(out.diagnostics.all()[1].message == "byte 0xc3 is not valid UTF-8");
    CHECK(out.words[0].broken);
    CHECK_FALSE(out.words[1].broken);
    CHECK(out.words[2].broken);
}

TEST_CASE("valid UTF-8 is taken as it is") {
    const Lexed out = lex("load /home/j\xc3\xbcrgen/\xf0\x9f\x90\xa7");
    CHECK(out.diagnostics.all().empty());
    CHECK(out.words[1].text == "/home/j\xc3\xbcrgen/\xf0\x9f\x90\xa7");
}

TEST_CASE("overlong forms, surrogates and code points that do not exist are invalid") {
    for (const char* bytes :
         {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80"}) {
        CHECK(lex(bytes).diagnostics.has_errors());
    }
}

TEST_CASE("a byte order mark is skipped") {
    const Lexed out = lex("\xef\xbb\xbfram 1m");
    CHECK(out.texts() == Texts{"ram", "1m"});
    CHECK(out.diagnostics.all().empty());
}

TEST_CASE("words that begin a line are marked") {
    const Lexed out = lex("ram 1m\n cpu \"a\nb\" c\nd");
    std::vector<bool> starts;
    for (const Word& word : out.words) starts.push_back(word.starts_line);
    CHECK(starts == std::vector<bool>{true, false, true, false, false, true});
}

TEST_CASE("an element of the command line is one word as it stands") {
    const Texts elements{"cmdline", "a \"b\" # c", "x\ny", ""};
    Sources sources;
    Diagnostics diagnostics;
    std::vector<Word> words;
    const auto source = sources.add("command line", command_line_text(elements));
    for (std::size_t i = 0; i < elements.size(); ++i) lex_element(elements[i], source, i, words, diagnostics);
    REQUIRE(words.size() == 4);
    CHECK(words[1].text == "a \"b\" # c");
    check_at(words[1].where, 2, 1, 9);
    CHECK(words[2].text == "x\ny");
    CHECK(sources.line(source, 3) == "x y");
    check_at(words[3].where, 4, 1, 1);
    CHECK(diagnostics.all().empty());
}

TEST_CASE("a very long word and very many words are nothing special") {
    CHECK(lex("\"" + std::string(1 << 20, 'a') + "\"").words.at(0).text.size() == 1 << 20);
    std::string many;
    for (int i = 0; i < 100000; ++i) many += "a ";
    CHECK(lex(many).words.size() == 100000);
}
