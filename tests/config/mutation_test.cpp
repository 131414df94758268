// SPDX-License-Identifier: Apache-2.0
// Valid files with random damage: nothing crashes, and every message points into the text.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "config/support.hpp"
#include "support/sanitized.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

constexpr std::array<std::string_view, 5> kSeeds{
    "system linux\nram 0xa0000\nrom 0xc0000,0x40000\nram 512M\ncpu sched 8f cpu runmask 0,1\nload 0x100000,k\n"
    "initrd load i\ncmdline \"console=ttyS0\n\tquiet\\\n x\"\nlogger error,warn stderr\n",
    "ram 1M\r\nvdev ioapic loc 0xf8000000 intr apic name myioapic # comment\r\nvdev ser8250\r\n\tintr myioapic:4 "
    "hostdev >\"|cat \\\"x\\\" -n\" delayed forever batch 10 log error,warning none\r\nset exit-on-halt off\r\n",
    "ram 0,1G reserve loc io 0xcf,0x8 intr 39 loc pci:0:1.2\nvdev dog action dump legacy window 4K data \xc3\xa4\n"
    "vdev mc146818 reg 0x0b,0x02 name rtc\nvdev hpet intr a:1 frequency 5\npass loc mem:0x1000,rwn=0x2000\n",
    "\xef\xbb\xbf\tcpu\n\n  ram 4096M,2048M\\\n sched 255o\nunsupported reference abort dump \"|gzip\"\ndryrun",
    "ram 1M reserve loc mem:$asinfo_start{sysram},$asinfo_length{sysram}\nload $env{IMAGES}/k$env{EMPTY} cmdline "
    "\"a=$env{WORDS} $b $env{DOLLAR}\" cpu cluster _cpu-1 partition p sched 20,10,5,100,30s debug safety warn"};

constexpr std::array<std::string_view, 18> kPieces{"\"",    "\\",    "\n", "\r\n",  "#",
                                                   ",",     ":",     "\t", "vdev ", " ram ",
                                                   "\xff",  "\x01",  "0x", "@",     "99999999999999999999",
                                                   " set ", "$env{", "}"};

class Mutator {
public:
    explicit Mutator(std::uint32_t seed) : random_{seed} {}

    std::string mutate() {
        std::string text{kSeeds[below(kSeeds.size())]};
        for (std::size_t count = 1 + below(6); count != 0; --count) damage(text);
        return text;
    }

    std::size_t below(std::size_t limit) { return random_() % limit; }

private:
    void damage(std::string& text) {
        const std::size_t at = below(text.size() + 1);
        const std::size_t length = below(12);
        switch (below(6)) {
            case 0:
                text.erase(at, length);
                break;
            case 1:
                text.insert(at, kPieces[below(kPieces.size())]);
                break;
            case 2:
                text.insert(below(text.size() + 1), text.substr(at, 4 * length));
                break;
            case 3:
                text.resize(at);
                break;
            case 4:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
                break;
            default:
                text.insert(at, kSeeds[below(kSeeds.size())].substr(0, 8 * length));
                break;
        }
    }

    std::mt19937 random_;
};

std::size_t count_lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

bool inside(const Location& where, const Sources& sources, const std::vector<std::size_t>& lines) {
    if (where.source == kNoSource) return where.line == 0;
    if (where.line == 0) return where.source < sources.size();
    return where.line <= lines.at(where.source) && where.column >= 1 &&
           where.column <= sources.line(where.source, where.line).size() + 1 && where.length >= 1;
}

/// Empty if all is well.
std::string fault(const Outcome& out) {
    std::vector<std::size_t> lines;
    for (std::uint32_t i = 0; i < out.sources.size(); ++i) lines.push_back(count_lines(out.sources.text(i)));
    for (const Diagnostic& each : out.diagnostics.all()) {
        if (!inside(each.where, out.sources, lines)) return "misplaced: " + each.message;
    }
    if (out.config.has_value() == out.diagnostics.has_errors()) return "a result with errors, or none without";
    if (out.rendered().empty() != out.diagnostics.all().empty()) return "nothing was printed";
    return {};
}

}  // namespace

TEST_CASE("no damage to a valid file leads to a crash or to a message outside its line") {
    Mutator mutator{20240229};
    for (int round = 0; round < test::rounds(20000); ++round) {
        const std::string text = mutator.mutate();
        const std::string wrong = fault(parse(text));
        if (wrong.empty()) continue;
        INFO(text);
        FAIL(wrong);
    }
}

TEST_CASE("no damaged words on the command line lead to a crash or to a message outside their line") {
    Mutator mutator{4711};
    for (int round = 0; round < test::rounds(5000); ++round) {
        std::vector<std::string> words{""};
        for (const char byte : mutator.mutate()) {
            if (byte != ' ') words.back() += byte;
            if (byte == ' ') words.emplace_back();
        }
        // No files are read here.
        for (std::string& word : words) {
            if (word.starts_with('@')) word.insert(0, "x");
        }
        const std::string wrong = fault(parse_argv(words));
        if (!wrong.empty()) FAIL(wrong);
    }
}

TEST_CASE("large and hostile texts take no unreasonable time") {
    const auto repeat = [](std::string_view piece, std::size_t bytes) {
        std::string out;
        while (out.size() < bytes) out += piece;
        return out;
    };
    for (const char* piece :
         {"x cpu ", "ram 4K ", "\"\" ", "\\\"", "vdev dog name a ", "vdev hpet ", "ram 0,4K\n", "\"a\"", "set a b "}) {
        INFO(piece);
        CHECK(fault(parse(repeat(piece, 64 * 1024))).empty());
    }
}
