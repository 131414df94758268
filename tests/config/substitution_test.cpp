// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

std::string cmdline(std::string_view text) {
    const Outcome out = parse(text);
    INFO(out.rendered());
    REQUIRE(out.config);
    return out.config->cmdline->text;
}

GuestLocation location(std::string_view text, std::string_view host_map = {}) {
    const Outcome out = parse(text, host_map);
    INFO(out.rendered());
    REQUIRE(out.config);
    return std::get<GuestLocation>(out.config->reserved.at(0).what);
}

}  // namespace

TEST_CASE("spec 1.4: a variable of the environment stands for its value within a word") {
    const Outcome out = parse("ram 1M load 0x1000,$env{IMAGES}/k-$env{EMPTY}1");
    REQUIRE(out.config);
    CHECK(out.config->loads.at(0).path == "/vm/images/k-1");
    CHECK(out.config->loads.at(0).address == 0x1000);
}

TEST_CASE("spec 1.4: inside quotes substitutions count and every other dollar stays") {
    CHECK(cmdline("ram 1M cmdline \"a=$env{IMAGES} $HOME ${x} $env $envx{y} $ENV{z} cost=5$\"") ==
          "a=/vm/images $HOME ${x} $env $envx{y} $ENV{z} cost=5$");
}

TEST_CASE("a value is one piece of its word and is not searched again") {
    CHECK(cmdline("ram 1M cmdline $env{DOLLAR}") == "$env{IMAGES}");
    CHECK(cmdline("ram 1M cmdline x$env{WORDS}y") == "xa b#cy");
}

TEST_CASE("a dollar before a substitution stays") { CHECK(cmdline("ram 1M cmdline $$env{IMAGES}$") == "$/vm/images$"); }

TEST_CASE("words of the command line are substituted as well") {
    const Outcome out = parse_argv({"ram", "1M", "cmdline", "x $env{IMAGES}"});
    REQUIRE(out.config);
    CHECK(out.config->cmdline->text == "x /vm/images");
}

TEST_CASE("a variable that is not set is an error at its place, with a hint") {
    const Outcome out = parse("ram 1M\nload /a/$env{NOWHERE}/k cmdline x");
    CHECK_FALSE(out.config);
    CHECK(out.rendered() ==
          "vm.qvmconf:2:9: error: the environment variable 'NOWHERE' is not set\n"
          "load /a/$env{NOWHERE}/k cmdline x\n"
          "        ^~~~~~~~~~~~~\n"
          "  hint: set it before the program is started; it may be empty\n");
}

TEST_CASE("substitutions that lead to nothing are all reported") {
    CHECK(parse("ram 1M load $env{A}$env{B}\ncmdline $env{}$env{BYTES}$env{open").messages() ==
          Messages{"1:13 error: the environment variable 'A' is not set",
                   "1:20 error: the environment variable 'B' is not set", "2:9 error: '$env{}' names nothing",
                   "2:15 error: the environment variable 'BYTES' is not text",
                   "2:26 error: the brace of '$env{' is never closed"});
}

TEST_CASE("a wrong value is marked where its substitution stands") {
    CHECK(parse("ram 1M cpu sched $env{IMAGES}").messages() == Messages{"1:18 error: '/vm/images' is not a priority"});
}

TEST_CASE("spec 1.4: start and length of a region of the host stand within a location") {
    CHECK(location("ram 1M reserve loc mem:$asinfo_start{sysram},$asinfo_length{sysram}") ==
          GuestLocation{GuestLocation::Space::Memory, 0x80000000, 64 * kMiB});
}

TEST_CASE("spec 1.4: a region of the host map goes before one of the host") {
    CHECK(location("ram 1M reserve loc $asinfo_start{sysram},$asinfo_length{sysram}", "region sysram 1G,0x2000") ==
          GuestLocation{GuestLocation::Space::Default, kGiB, 0x2000});
}

TEST_CASE("spec 1.4: a region that is nowhere is an error that says where it was looked for") {
    const Outcome without = parse("ram 1M reserve loc $asinfo_start{x}");
    CHECK(without.messages() == Messages{"1:20 error: this host has no region named 'x'"});
    CHECK(without.diagnostics.all().at(0).hint == "no host map was given; searched: nowhere");
    const Outcome with = parse("ram 1M reserve loc $asinfo_length{x}", "region y 0,4K");
    CHECK(with.diagnostics.all().at(0).hint == "not in the host map; searched: nowhere");
}

TEST_CASE("the host is asked once for a region, so that start and length belong together") {
    struct Moving final : Host {
        [[nodiscard]] Parsed<Range> region(std::string_view) const override {
            ++asked;
            return *Range::make(static_cast<std::uint64_t>(asked) * 0x1000, 0x1000);
        }
        mutable int asked = 0;
    };
    const Moving host;
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, host};
    reader.add_text("vm.qvmconf", "ram 1M reserve loc $asinfo_start{a},$asinfo_length{a} loc $asinfo_start{a}");
    out.config = reader.finish(kGrammar);
    REQUIRE(out.config);
    CHECK(host.asked == 1);
}

TEST_CASE("an option whose argument could not be substituted is not also incomplete") {
    CHECK(parse("ram $env{A} cpu sched $env{B}").messages().size() == 2);
    CHECK(parse("ram 1M vdev $env{A} intr a:1 cpu").messages().size() == 1);
}
