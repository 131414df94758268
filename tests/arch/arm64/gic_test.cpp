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

namespace {

Plan with_frame(const std::string& version, std::vector<std::uint64_t> numbers) {
    return Plan{spec().with("version", version).with("msi", std::move(numbers)).get()};
}

}  // namespace

TEST_CASE("a gic of version 2 has the MSI frame that it is given") {
    const Plan plan = with_frame("2", {0x3000'0000, 0x50, 0x100});
    CHECK(plan.errors.all().empty());
    REQUIRE(plan.gic.frame);
    CHECK(plan.gic.frame->at == Range::make(0x3000'0000, 0x1000));
    CHECK_FALSE(plan.gic.frame->has(0x4f));
    CHECK(plan.gic.frame->has(0x50));
    CHECK(plan.gic.frame->has(0x14f));
    CHECK_FALSE(plan.gic.frame->has(0x150));
    CHECK(windows_of(plan.gic).back().at == plan.gic.frame->at);
    CHECK_FALSE(Plan{spec().with("version", std::string{"2"}).get()}.gic.frame);
}

TEST_CASE("the highest interrupts of messages are those below the power key's") {
    CHECK(with_frame("2", {0x3000'0000, 32, 959}).errors.all().empty());
    CHECK(with_frame("2", {0x3000'0000, 990, 1}).errors.all().empty());
}

TEST_CASE("an MSI frame that cannot be is refused") {
    const auto numbers = GENERATE(values<std::vector<std::uint64_t>>({{0x3000'0000},
                                                                      {0x3000'0000, 80},
                                                                      {0x3000'0000, 80, 1, 1},
                                                                      {0x3000'0800, 80, 1},
                                                                      {UINT64_MAX - 0xfff + 1, 31, 1},
                                                                      {0x3000'0000, 31, 1},
                                                                      {0x3000'0000, 80, 0},
                                                                      {0x3000'0000, 32, 960},
                                                                      {0x3000'0000, 991, 1},
                                                                      {0x3000'0000, UINT64_MAX, 2},
                                                                      {0x3000'0000, 80, UINT64_MAX}}));
    const Plan plan = with_frame("2", numbers);
    REQUIRE(plan.errors.all().size() == 1);
    CHECK_THAT(plan.errors.all()[0].message, Contains("the MSI frame"));
    CHECK_FALSE(plan.gic.frame);
}

TEST_CASE("a gic of version 3 has its translation service and is warned about an MSI frame") {
    const Plan plan = with_frame("3", {0x3000'0000, 0x50, 0x100});
    CHECK_FALSE(plan.errors.has_errors());
    REQUIRE(plan.errors.all().size() == 1);
    CHECK_FALSE(plan.gic.frame);
    CHECK(plan.gic.its);
}
