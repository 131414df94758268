// SPDX-License-Identifier: Apache-2.0
#include "config/host_map.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

struct Mapped {
    Sources sources;
    Diagnostics diagnostics;
    HostMap map;

    explicit Mapped(std::string text) {
        std::vector<Word> words;
        lex_text(sources, sources.add("host.map", std::move(text)), words, diagnostics);
        parse_host_map(words, map, diagnostics);
    }
    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> out;
        for (const Diagnostic& each : diagnostics.all()) out.push_back(each.message);
        return out;
    }
};

}  // namespace

TEST_CASE("a host map names regions and clusters") {
    const Mapped out{"# host\nregion dsp 0x90000000,16M\ncluster big cpus 4,5  cluster little\n cpus 0"};
    CHECK(out.texts().empty());
    CHECK(out.map.regions.at("dsp").range == *Range::make(0x90000000, 16 * kMiB));
    CHECK(out.map.clusters.at("big").cpus == std::vector<std::uint32_t>{4, 5});
    CHECK(out.map.clusters.at("little").cpus == std::vector<std::uint32_t>{0});
}

TEST_CASE("what is wrong in a host map is said line by line") {
    CHECK(Mapped{"zone a 1,2\nregion b 4K\nregion c 0,0\nregion d 1x,2\ncluster e 0,1\ncluster f cpus 0-3\n"
                 "cluster _cpu-7 cpus 1\nregion g"}
              .texts() == Messages{"'zone' is not a word of a host map", "the start of this region is missing",
                                   "a region has at least one byte and fits in 64 bits",
                                   "'1x' is not a size or an address", "'cpus' is missing before this",
                                   "'0,1' is not a word of a host map", "'0-3' is not a CPU number",
                                   "the names '_cpu-N' are built in", "'region' is not complete"});
}

TEST_CASE("a name of a host map is taken once") {
    CHECK(Mapped{"region a 0,1\nregion a 2,1\ncluster a cpus 0"}.texts() ==
          Messages{"the name 'a' is taken", "by this"});
}

TEST_CASE("a wrong host map is an error of the configuration, at its place") {
    const Outcome out = parse("ram 1M", "region a\n");
    CHECK_FALSE(out.config);
    CHECK(out.rendered().starts_with("host.map:1:1: error: 'region' is not complete\n"));
}

TEST_CASE("a host map is read from a file, and one that is not there is an error") {
    const std::string path = "/tmp/qvm-host-map-test-" + std::to_string(::getpid());
    std::ofstream{path} << "region a 0x1000,4K\n";
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("vm.qvmconf", "ram 1M reserve loc $asinfo_start{a}");
    reader.add_host_map(path);
    std::remove(path.c_str());
    REQUIRE(reader.finish(kGrammar));
    reader.add_host_map(path);
    CHECK(out.rendered() == "error: cannot read host map '" + path + "': No such file or directory\n");
}
