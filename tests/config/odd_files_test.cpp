// SPDX-License-Identifier: Apache-2.0
// Files that nobody writes by hand. Sizes are such that quadratic work would run into the test's time limit.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/spec_support.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

std::string repeated(std::string_view piece, std::size_t count) {
    std::string out;
    out.reserve(piece.size() * count);
    for (; count != 0; --count) out += piece;
    return out;
}

std::string bytes(std::string_view text) { return std::string{text}; }

/// A file for the length of a test.
class Scratch {
public:
    explicit Scratch(const std::string& content) { std::ofstream{path_, std::ios::binary} << content; }
    ~Scratch() { std::filesystem::remove(path_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = std::filesystem::temp_directory_path() / ("qvm-odd-" + std::to_string(::getpid()) + ".qvmconf");
};

Outcome read_path(const std::string& path) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_file(path);
    out.config = reader.finish(catalog());
    return out;
}

}  // namespace

TEST_CASE("a line of 1 MiB is read, and its last word has its column") {
    constexpr std::size_t kCpus = kMiB / 4;
    CHECK(sound("ram 1M " + repeated("cpu ", kCpus)).cpus.size() == kCpus);
    const Outcome out = read_spec("ram 1M " + repeated("cpu ", kCpus) + "bogus");
    CHECK(out.messages() == Messages{"1:1048584 error: unknown option 'bogus'"});
    CHECK(out.rendered().size() < 400);
    CHECK_THAT(out.rendered(), Contains("^~~~~\n"));
}

TEST_CASE("a word of 1 MiB is a value, and is shortened in messages") {
    const std::string word(kMiB, 'a');
    CHECK(sound("ram 1M cmdline " + word).cmdline->text.size() == kMiB);
    CHECK(said("ram 1M\n" + word) == Messages{"2:1 error: unknown option '" + std::string(60, 'a') + "...'"});
    CHECK(said("ram 1M cpu runmask " + repeated("0,", kMiB / 2) + "x") ==
          Messages{"1:1048596 error: 'x' is not a number"});
}

TEST_CASE("ten thousand quoted pieces are one word") {
    const std::string text = sound("ram 1M cmdline " + repeated("\"a b\"c", 10000)).cmdline->text;
    CHECK(text == repeated("a bc", 10000));
}

TEST_CASE("a MiB of empty quotes is one empty word") {
    CHECK(sound("ram 1M cmdline " + repeated("\"\"", kMiB / 2)).cmdline->text.empty());
    CHECK(said("ram 1M cmdline " + repeated("\"\"", kMiB / 2) + "\"") ==
          Messages{"1:1048592 error: this quote is never closed"});
}

TEST_CASE("ten thousand words of quotes inside quotes are ten thousand words") {
    const std::string nested = R"( vdev virtio-fs tag "a \"b \\\"c\\\" d\" 'e' # f")";
    const VmConfig config = sound("ram 1M" + repeated(nested, 10000));
    REQUIRE(config.vdevs.size() == 10000);
    CHECK(*config.vdevs.back().get<std::string>("tag") == R"(a "b \"c\" d" 'e' # f)");
}

TEST_CASE("quotes over ten thousand lines: the word begins where it begins, the next one where it stands") {
    const Outcome out = read_spec("ram 1M\ncmdline \"" + repeated("x\n", 10000) + "\" bogus");
    CHECK(out.messages() == Messages{"10002:3 error: unknown option 'bogus'"});
}

TEST_CASE("a MiB of backslashes, dollar signs or commas is just long") {
    CHECK(sound("ram 1M cmdline " + repeated("\\", kMiB)).cmdline->text.size() == kMiB);
    CHECK(sound("ram 1M cmdline \"" + repeated("\\\\", kMiB / 2) + "\"").cmdline->text.size() == kMiB / 2);
    CHECK(sound("ram 1M cmdline " + repeated("$", kMiB)).cmdline->text.size() == kMiB);
    CHECK(sound("ram 1M cmdline " + repeated("$env{EMPTY}", 100000)).cmdline->text.empty());
    CHECK(said("ram " + repeated(",", kMiB)).size() == 1);
}

TEST_CASE("a MiB of joined lines and of comments has right line numbers behind it") {
    CHECK(said("ram 1M " + repeated("\\\n", kMiB / 2) + "bogus") == Messages{"524289:1 error: unknown option 'bogus'"});
    CHECK(said("ram 1M\n" + repeated("#\n", kMiB / 2) + "bogus") == Messages{"524290:1 error: unknown option 'bogus'"});
}

TEST_CASE("twenty thousand mistakes are twenty thousand messages, and can be printed") {
    const Outcome out = read_spec("ram 1M\n" + repeated("vdev pl011 hostdve x\n", 20000));
    CHECK(out.diagnostics.errors() == 20000);
    CHECK(out.messages().back() == "20001:12 error: unknown option 'hostdve'");
    CHECK(out.rendered().size() > 20000);
}

TEST_CASE("twenty thousand variables, the last value of each") {
    std::string text = "ram 1M\n";
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 20000; ++i) text += "set v" + std::to_string(i) + " " + std::to_string(round) + "\n";
    const VmConfig config = sound(text);
    CHECK(config.variables.size() == 20000);
    CHECK(config.variables.front().value == "1");
}

TEST_CASE("a NUL byte is the only message, with its place, also in quotes and comments") {
    CHECK(said(bytes({"ram 1M\n  \0 bogus\n", 17})) == Messages{"2:3 error: NUL byte: this is not a text file"});
    CHECK(said(bytes({"ram 1M cmdline \"a\0b\"\n", 21})) == Messages{"1:18 error: NUL byte: this is not a text file"});
    CHECK(said(bytes({"ram 1M\n\n# x\0\n", 13})) == Messages{"3:4 error: NUL byte: this is not a text file"});
    CHECK(said(std::string(kMiB, '\0')) == Messages{"1:1 error: NUL byte: this is not a text file"});
}

TEST_CASE("invalid UTF-8 is an error at its byte, one for each word") {
    CHECK(said("ram 1M\ncmdline a\xff\xfe\n") == Messages{"2:10 error: byte 0xff is not valid UTF-8"});
    CHECK(said("ram 1M cmdline \"\xc3\xa4 \xc3\"") == Messages{"1:20 error: byte 0xc3 is not valid UTF-8"});
    CHECK(said("ram 1M cmdline \xed\xa0\x80").at(0) == "1:16 error: byte 0xed is not valid UTF-8");
    CHECK(said("ram 1M cmdline a\x1b[0m") == Messages{"1:17 error: control character 0x1b"});
    CHECK(said("ram 1M cmdline " + std::string(kMiB, '\xff')).size() == 1);
}

TEST_CASE("in comments any bytes but NUL are fine") {
    CHECK(said("ram 1M # caf\xe9 \xff\x01\x1b\n# " + std::string(kMiB, '\x80') + "\ncpu").empty());
}

TEST_CASE("columns are bytes, also behind characters of several") {
    CHECK(said("ram 1M cmdline \"\xc3\xa4\xe2\x82\xac\" bogus") == Messages{"1:24 error: unknown option 'bogus'"});
}

TEST_CASE("a file with CR LF is the same as one with LF, with the same places") {
    const std::string text = "system a\nram 1M # x\n\ncpu\n sched 8\nvdev pl011 hostdev \\\n -\n";
    std::string other;
    for (const char byte : text) other += byte == '\n' ? "\r\n" : std::string{byte};
    check_same(text, other);
    const VmConfig config = sound(other);
    CHECK(config.cpus.at(0).sched_where.line == 5);
    CHECK(config.cpus[0].sched_where.column == 8);
    CHECK(said("ram 1M\r\n\r\n bogus\r\n") == Messages{"3:2 error: unknown option 'bogus'"});
    CHECK(read_spec("ram 1M\r\nbogus\r\n").rendered() ==
          "vm.qvmconf:2:1: error: unknown option 'bogus'\nbogus\n^~~~~\n");
}

TEST_CASE("a CR alone is a blank and no line end") {
    CHECK(said("ram 1M\rcpu\rbogus") == Messages{"1:12 error: unknown option 'bogus'"});
}

TEST_CASE("the last line needs no end") {
    for (const char* end : {"", "\n", "\r\n", " ", "#", "# x", "\\\n", "\t\\\r\n"})
        check_same("ram 1M cpu sched 8" + std::string{end}, "ram 1M cpu sched 8\n");
    CHECK(sound("ram 1M cmdline a\\").cmdline->text == "a\\");
    CHECK(said("ram 1M\ncmdline") == Messages{"2:1 error: 'cmdline' has no argument"});
    CHECK(said("ram 1M cmdline \"a\\") == Messages{"1:16 error: this quote is never closed"});
}

TEST_CASE("a file without words is a guest without memory") {
    for (const char* text : {"", "\n", " \t\r\n\v\f", "# nothing", "# a\n\n# b\r\n#", "\\\n", "\xef\xbb\xbf"}) {
        CAPTURE(text);
        CHECK(said(text) == Messages{"0:0 error: the guest has no memory"});
    }
    CHECK(said(repeated("# comment\n", 100000)).size() == 1);
}

TEST_CASE("a byte order mark is skipped at the start, and only there") {
    CHECK(said("\xef\xbb\xbf"
               "ram 1M bogus") == Messages{"1:11 error: unknown option 'bogus'"});
    CHECK(said("ram 1M \xef\xbb\xbf"
               "cpu")
              .size() == 1);
}

TEST_CASE("a file of 64 MiB is read, and of one byte more is not") {
    constexpr std::size_t kLimit = 64 * kMiB;
    std::string text = "ram 1M\ncpu #";
    text.resize(kLimit, 'x');
    const Scratch file{text};
    const Outcome whole = read_path(file.path());
    CHECK(whole.messages().empty());
    CHECK(whole.config->cpus.size() == 1);
    std::ofstream{file.path(), std::ios::app} << 'x';
    const Outcome longer = read_path(file.path());
    CHECK_FALSE(longer.config);
    CHECK(longer.rendered() == "error: cannot read configuration '" + file.path() + "': longer than 64 MiB\n");
}
