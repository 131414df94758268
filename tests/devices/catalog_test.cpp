// SPDX-License-Identifier: Apache-2.0
#include "devices/catalog.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "config/language.hpp"

namespace qvm {
namespace {

constexpr VdevType kToaster{.syntax = {.type = "toaster", .summary = "makes toast"}, .acpi_hid = {}, .make = nullptr};
constexpr const VdevType* kKitchen[]{&kToaster};

}  // namespace

TEST_CASE("the catalogue is the common types, the board's, and those that can only be read") {
    const Catalog catalog{common_vdev_types(), kKitchen};
    const std::size_t common = common_vdev_types().size();
    REQUIRE(catalog.types().size() == common + 1 + language_vdevs().size());
    CHECK(catalog.types()[common] == &kToaster.syntax);
    CHECK(catalog.types()[common + 1] == &language_vdevs().front());
    CHECK(catalog.find(&language_vdevs().front()) == nullptr);
}

TEST_CASE("a type that exists hides the row that could only be read") {
    static constexpr VdevType kTpm{.syntax = {.type = "tpm", .summary = "real"}, .acpi_hid = {}, .make = nullptr};
    static constexpr const VdevType* kBoard[]{&kTpm};
    const Catalog catalog{kBoard};
    CHECK(catalog.types().size() == language_vdevs().size());
    CHECK(catalog.types().front() == &kTpm.syntax);
}

TEST_CASE("a row for another board can only be read") {
    static constexpr VdevType kAnvil{
        .syntax = {.type = "anvil", .summary = "heavy", .boards = Boards::Arm64}, .acpi_hid = {}, .make = nullptr};
    static constexpr const VdevType* kSmithy[]{&kAnvil};
    const Catalog at_home{Boards::Arm64, {kSmithy}};
    CHECK(at_home.find("anvil") == &kAnvil);
    const Catalog abroad{Boards::X86, {kSmithy}};
    CHECK(abroad.find("anvil") == nullptr);
    CHECK(abroad.find(&kAnvil.syntax) == nullptr);
    CHECK(abroad.types().front() == &kAnvil.syntax);
    CHECK(abroad.types().size() == language_vdevs().size() + 1);
}

TEST_CASE("the catalogue finds a row by its syntax and by its name") {
    const Catalog catalog{common_vdev_types(), kKitchen};
    CHECK(catalog.find(&kToaster.syntax) == &kToaster);
    CHECK(catalog.find("toaster") == &kToaster);
    CHECK(catalog.find("ser8250") != nullptr);
    CHECK(catalog.find("ser8250")->syntax.type == "ser8250");
}

TEST_CASE("the catalogue knows nothing else") {
    const Catalog catalog{common_vdev_types()};
    CHECK(catalog.find("toaster") == nullptr);
    CHECK(catalog.find(&kToaster.syntax) == nullptr);
    CHECK(catalog.find("") == nullptr);
    CHECK(catalog.find(static_cast<const VdevSyntax*>(nullptr)) == nullptr);
}

TEST_CASE("every common type has a summary, a maker, and help for each option") {
    for (const VdevType* type : common_vdev_types()) {
        INFO(type->syntax.type);
        CHECK_FALSE(type->syntax.summary.empty());
        CHECK(type->make != nullptr);
        CHECK(std::ranges::none_of(type->syntax.options, [](const OptionSpec& o) { return o.help.empty(); }));
    }
}

}  // namespace qvm
