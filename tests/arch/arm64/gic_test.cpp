// SPDX-License-Identifier: Apache-2.0
// qvmconf specification 4.2.
#include "arch/arm64/gic.hpp"

#include <catch2/catch.hpp>

#include "arch/arm64/layout.hpp"
#include "arch/arm64/support.hpp"
#include "support/fake_context.hpp"

using namespace qvm;
using namespace qvm::arm64;
using Catch::Matchers::Contains;

namespace {

struct Plan {
    explicit Plan(std::optional<VdevSpec> spec, unsigned cpus = 1) {
        config.cpus.resize(cpus);
        if (spec) config.vdevs.push_back(std::move(*spec));
        gic = plan_gic(config, errors);
    }
    VmConfig config{};
    Diagnostics errors{};
    GicPlan gic{};
};

qvm::test::FakeSpec spec() { return qvm::test::FakeSpec{kGicSyntax}; }

}  // namespace

TEST_CASE("without being named the gic is of version 3 at the models' addresses, a redistributor for each vCPU") {
    const Plan plan{std::nullopt, 4};
    CHECK(plan.gic.name == "gic");
    CHECK(plan.gic.version == 3);
    CHECK(plan.gic.distributor == Range::make(0x2f00'0000, 0x1'0000));
    CHECK(plan.gic.cpus == Range::make(0x2f10'0000, 0x8'0000));
    CHECK(plan.gic.its == Range::make(0x2f02'0000, 0x2'0000));
    CHECK(windows_of(plan.gic).size() == 3);
}

TEST_CASE("a gic of version 2 has a CPU interface and no translation service") {
    const Plan plan{spec().with("version", std::string{"2"}).get()};
    CHECK(plan.gic.distributor == Range::make(0x2c00'1000, 0x1000));
    CHECK(plan.gic.cpus == Range::make(0x2c00'2000, 0x2000));
    CHECK_FALSE(plan.gic.its);
    CHECK_FALSE(plan.errors.has_errors());
}

TEST_CASE("the gic can be moved, and the translation service goes with it") {
    const Plan plan{spec()
                        .with("gicd", std::uint64_t{0x800'0000})
                        .with("gicr", std::uint64_t{0x80a'0000})
                        .with("name", std::string{"pic"})
                        .get()};
    CHECK(plan.gic.name == "pic");
    CHECK(plan.gic.distributor.start() == 0x800'0000);
    CHECK(plan.gic.cpus.start() == 0x80a'0000);
    CHECK(plan.gic.its->start() == 0x802'0000);
}

TEST_CASE("addresses that the architecture does not allow, and options of the other version, are told") {
    const Plan crooked{spec().with("gicd", std::uint64_t{0x800'1000}).get()};
    REQUIRE(crooked.errors.all().size() == 1);
    CHECK_THAT(crooked.errors.all()[0].message, Contains("at 0x8001000"));
    const Plan other{spec().with("gicc", std::uint64_t{0x800'0000}).get()};
    REQUIRE(other.errors.all().size() == 1);
    CHECK_THAT(other.errors.all()[0].message, Contains("version 3 has no gicc"));
    const Plan many{spec().with("version", std::string{"2"}).get(), 9};
    REQUIRE(many.errors.all().size() == 1);
    CHECK_THAT(many.errors.all()[0].message, Contains("at most 8 CPUs"));
}
