// SPDX-License-Identifier: Apache-2.0
// Prints the words of the language as a dictionary of libFuzzer: one quoted word a line.
#include <array>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "config/language.hpp"
#include "config/variables.hpp"
#include "config/whole_grammar.hpp"

using namespace qvm;

namespace {

constexpr std::array<std::string_view, 59> kPieces{"\"",
                                                   "\\\"",
                                                   "\\\\",
                                                   "\\\n",
                                                   "\r\n",
                                                   "\"\n\"",
                                                   "#",
                                                   "\n%%\n",
                                                   "$env{",
                                                   "$env{IMAGES}",
                                                   "$env{WORDS}",
                                                   "$env{EMPTY}",
                                                   "$env{DOLLAR}",
                                                   "\\$env{",
                                                   "$asinfo_start{",
                                                   "$asinfo_length{",
                                                   "sysram}",
                                                   "\xef\xbb\xbf",
                                                   "\xc3\xa4",
                                                   "0x",
                                                   "0d",
                                                   "4K",
                                                   "1M",
                                                   "18446744073709551615",
                                                   "0xffffffffffffffff",
                                                   "99999999999999999999",
                                                   "mem:",
                                                   "io:",
                                                   "pci:",
                                                   "pci:0:1.2",
                                                   "pci:0x8086/0x10",
                                                   ",rwxm",
                                                   ",t",
                                                   ",u",
                                                   "=0x1000",
                                                   ",,",
                                                   "io 0xcf,8",
                                                   "<",
                                                   ">",
                                                   "|",
                                                   "-",
                                                   "forever",
                                                   "50f",
                                                   "10r",
                                                   "1o",
                                                   "20,10,5,100,30s",
                                                   "_cpu-0",
                                                   "region ",
                                                   "cluster ",
                                                   " cpus 0,1",
                                                   "error,warn",
                                                   "stderr",
                                                   "slog",
                                                   "on",
                                                   "auto",
                                                   "02:00:00:00:00:01",
                                                   "0600",
                                                   "root:0,1",
                                                   "?"};

std::string entry(std::string_view word) {
    std::string out = "\"";
    for (const char byte : word) {
        const auto value = static_cast<unsigned char>(byte);
        std::array<char, 5> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned>(value));
        const bool plain = value > 0x20 && value < 0x7f && byte != '"' && byte != '\\';
        out += plain ? std::string{byte} : std::string{hex.data()};
    }
    return out + "\"\n";
}

class Dictionary {
public:
    /// Alone, for arguments, and as a word of its own.
    void word(std::string_view text) {
        entries_.insert(entry(text));
        entries_.insert(entry('\n' + std::string{text} + ' '));
    }
    void options(std::span<const OptionSpec> list) {
        for (const OptionSpec& each : list) {
            word(each.name);
            for (const std::string_view choice : each.choices) entries_.insert(entry(choice));
        }
    }
    void type(const VdevSyntax& type) {
        entries_.insert(entry("\nvdev " + std::string{type.type} + ' '));
        options(type.options);
    }
    void piece(std::string_view text) { entries_.insert(entry(text)); }
    void print() const {
        for (const std::string& each : entries_) std::fputs(each.c_str(), stdout);
    }

private:
    std::set<std::string> entries_;
};

}  // namespace

int main() {
    const test::WholeGrammar grammar;
    Dictionary out;
    for (const GlobalOption& each : global_options()) out.word(each.name);
    out.options(cpu_options());
    out.options(reserve_options());
    out.options(pass_options());
    out.options(common_vdev_options());
    for (const VariableSpec& each : variables()) out.piece("\nset " + std::string{each.name} + ' ');
    for (const VdevSyntax* each : grammar.types()) out.type(*each);
    for (const std::string_view each : kPieces) out.piece(each);
    out.print();
}
