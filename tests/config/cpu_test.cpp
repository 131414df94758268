// SPDX-License-Identifier: Apache-2.0
// Where a vCPU runs, and the options that are accepted with no more than a message.
#include <catch2/catch.hpp>

#include "config/support.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

using Cpus = std::vector<std::uint32_t>;

constexpr const char* kMap = "cluster big cpus 4,5\ncluster little cpus 0,1,2,3\n";

}  // namespace

TEST_CASE("spec 2.3: the cluster _cpu-N is host CPU N, as with runmask") {
    const Outcome out = parse("ram 1M cpu cluster _cpu-1 cpu cluster _cpu-12");
    REQUIRE(out.config);
    CHECK(out.diagnostics.all().empty());
    CHECK(out.config->cpus.at(0).runmask == Cpus{1});
    CHECK(out.config->cpus.at(0).runmask_where.column == 20);
    CHECK(out.config->cpus.at(1).runmask == Cpus{12});
}

TEST_CASE("spec 2.3: other clusters are named by the host map") {
    const Outcome out = parse("ram 1M cpu cluster big cpu cluster little", kMap);
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).runmask == Cpus{4, 5});
    CHECK(out.config->cpus.at(1).runmask == Cpus{0, 1, 2, 3});
}

TEST_CASE("a cluster that nobody names is an error with those that there are") {
    const Outcome with = parse("ram 1M cpu cluster bog", kMap);
    CHECK(with.messages() == Messages{"1:20 error: no cluster is named 'bog'"});
    CHECK(with.diagnostics.all().at(0).hint == "known: _cpu-N, big, little; the host map names the others");
    const Outcome without = parse("ram 1M cpu cluster big");
    CHECK(without.diagnostics.all().at(0).hint == "known: _cpu-N; a host map can name more, but none was given");
}

TEST_CASE("the built-in clusters have the number of a host CPU and nothing else") {
    CHECK(
        parse("ram 1M cpu cluster _cpu- cpu cluster _cpu-0x1 cpu cluster _cpu-1,2 cpu cluster _cpu-70000").messages() ==
        Messages{"1:20 error: '_cpu-' is not '_cpu-' and the number of a host CPU",
                 "1:38 error: '_cpu-0x1' is not '_cpu-' and the number of a host CPU",
                 "1:59 error: '_cpu-1,2' is not '_cpu-' and the number of a host CPU",
                 "1:85 error: CPU number '70000' is out of range"});
}

TEST_CASE("of runmask and cluster the last one counts, with a warning, for each cpu by itself") {
    const Outcome out = parse("ram 1M\ncpu runmask 0,2\ncluster _cpu-1\ncpu cluster _cpu-3\nrunmask 0\ncpu runmask 7");
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).runmask == Cpus{1});
    CHECK(out.config->cpus.at(1).runmask == Cpus{0});
    CHECK(out.messages() ==
          Messages{"3:1 warning: 'cluster' after 'runmask': the last one counts", "2:13 note: this one has no effect",
                   "5:1 warning: 'runmask' after 'cluster': the last one counts", "4:13 note: this one has no effect"});
}

TEST_CASE("a partition is accepted and has no effect, said once") {
    const Outcome out = parse("ram 1M cpu partition p sched 5 cpu partition q");
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).sched->priority == 5);
    CHECK(out.messages() == Messages{"1:12 warning: 'partition' has no effect: Linux has no adaptive partitions; a "
                                     "cgroup can limit the whole process"});
}

TEST_CASE("spec 2.3: the sporadic form is kept, and a warning says how it runs") {
    for (const char* text :
         {"ram 1M cpu sched 20,10,5,100,30s runmask 0", "ram 1M cpu sched 20,10,5,100,30 s runmask 0"}) {
        INFO(text);
        const Outcome out = parse(text);
        REQUIRE(out.config);
        CHECK(out.config->cpus.at(0).sched->policy == SchedSpec::Policy::Sporadic);
        CHECK(out.config->cpus.at(0).sched->sporadic == Sporadic{10, 5, 100, 30});
        CHECK(out.config->cpus.at(0).runmask == Cpus{0});
        CHECK(out.messages() == Messages{"1:18 warning: this runs as SCHED_DEADLINE with 30 ms of every 100 ms: "
                                         "priorities and replenishments are not used"});
    }
}

TEST_CASE("spec 2.11: debug takes no argument and has no effect, said once") {
    const Outcome out = parse("system a debug ram 1M cpu debug sched 5");
    REQUIRE(out.config);
    CHECK(out.config->cpus.at(0).sched->priority == 5);
    CHECK(out.messages() ==
          Messages{"1:10 warning: 'debug' has no effect: no part of this version has diagnostics that "
                   "it could enable"});
}

TEST_CASE("spec 2.12: safety required is an error, warn warns once, none is silent") {
    CHECK(parse("ram 1M safety none").diagnostics.all().empty());
    const Outcome warned = parse("ram 1M safety warn cpu safety warn sched 5");
    REQUIRE(warned.config);
    CHECK(warned.messages() == Messages{"1:15 warning: no part of this program is certified for safety"});
    const Outcome refused = parse("ram 1M safety required");
    CHECK_FALSE(refused.config);
    CHECK(refused.messages() == Messages{"1:15 error: no part of this program is certified for safety"});
    const Outcome wrong = parse("ram 1M safety requird safety cpu");
    CHECK(wrong.messages() == Messages{"1:15 error: 'requird' is not a choice of 'safety'",
                                       "1:23 error: 'safety' has no argument: 'cpu' after it is an option"});
    CHECK(wrong.diagnostics.all().at(0).hint == "did you mean 'required'?");
}
