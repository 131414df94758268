// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/aml.hpp"

#include <catch2/catch.hpp>

using namespace qvm::x86;
using aml::Bytes;

TEST_CASE("integers take the shortest form") {
    CHECK(aml::integer(0) == Bytes{0x00});
    CHECK(aml::integer(1) == Bytes{0x01});
    CHECK(aml::integer(0xff) == Bytes{0x0a, 0xff});
    CHECK(aml::integer(0x100) == Bytes{0x0b, 0x00, 0x01});
    CHECK(aml::integer(0x1'0000) == Bytes{0x0c, 0, 0, 1, 0});
    CHECK(aml::integer(0x1'0000'0000) == Bytes{0x0e, 0, 0, 0, 0, 1, 0, 0, 0});
}

TEST_CASE("a hardware id of the EISA form is a number, any other a string") {
    CHECK(aml::hardware_id("PNP0501") == Bytes{0x0c, 0x41, 0xd0, 0x05, 0x01});
    CHECK(aml::hardware_id("ACPI0007") == Bytes{0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0});
    CHECK(aml::hardware_id("pnp0501").front() == 0x0d);
}

TEST_CASE("names are filled up to four characters") {
    CHECK(aml::name("\\_S5", aml::integer(0)) == Bytes{0x08, '\\', '_', 'S', '5', '_', 0x00});
    CHECK_THROWS_AS(aml::name("TOOLONG", {}), std::logic_error);
}

TEST_CASE("lengths count themselves, in one to four bytes") {
    // A scope is its opcode, the length, four characters of name and the terms.
    const auto length_of = [](std::size_t terms) {
        const Bytes scope = aml::scope("TEST", Bytes(terms));
        return Bytes{scope.begin() + 1, scope.begin() + 1 + static_cast<std::ptrdiff_t>(scope.size() - 5 - terms)};
    };
    CHECK(length_of(0) == Bytes{5});
    CHECK(length_of(58) == Bytes{63});
    CHECK(length_of(59) == Bytes{0x41, 0x04});                    // 65
    CHECK(length_of(4089) == Bytes{0x4f, 0xff});                  // 4095
    CHECK(length_of(4090) == Bytes{0x81, 0x00, 0x01});            // 4097
    CHECK(length_of(1U << 20) == Bytes{0xc8, 0x00, 0x00, 0x01});  // 1048576 + 4 + 4
}

TEST_CASE("windows take the descriptor that holds them") {
    CHECK(aml::io_ports(0x3f8, 8) == Bytes{0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08});
    CHECK(aml::io_ports(0x1000, 0x100) ==
          Bytes{0x88, 13, 0, 1, 0x0d, 3, 0, 0, 0x00, 0x10, 0xff, 0x10, 0, 0, 0x00, 0x01});
    CHECK(aml::memory(0xfed0'0000, 0x400) == Bytes{0x86, 9, 0, 1, 0, 0, 0xd0, 0xfe, 0, 4, 0, 0});
    CHECK(aml::memory(0x1'0000'0000, 0x1000).front() == 0x8a);
    CHECK(aml::memory(0x1'0000'0000, 0x1000).size() == 46);
}

TEST_CASE("interrupts are short for the ISA and long for all others") {
    CHECK(aml::irq(4) == Bytes{0x22, 0x10, 0x00});
    CHECK(aml::extended_interrupt(24, true) == Bytes{0x89, 6, 0, 0x01, 1, 24, 0, 0, 0});
    CHECK(aml::extended_interrupt(24, false) == Bytes{0x89, 6, 0, 0x03, 1, 24, 0, 0, 0});
    CHECK_THROWS_AS(aml::irq(16), std::logic_error);
}

TEST_CASE("a resource template is a buffer that ends with its tag") {
    CHECK(aml::resource_template(aml::irq(4)) == Bytes{0x11, 0x08, 0x0a, 0x05, 0x22, 0x10, 0x00, 0x79, 0x00});
}

TEST_CASE("a package counts its elements") {
    CHECK(aml::package({aml::integer(5), aml::integer(0)}) == Bytes{0x12, 0x05, 0x02, 0x0a, 0x05, 0x00});
}
