// SPDX-License-Identifier: Apache-2.0
#include "vcpu/cpu_list.hpp"

#include <catch2/catch.hpp>

using namespace qvm;

TEST_CASE("lists of CPUs as the kernel prints them") {
    CHECK(parse_cpu_list("0-2,5\n") == CpuList{0, 1, 2, 5});
    CHECK(parse_cpu_list("7") == CpuList{7});
    CHECK(parse_cpu_list("5,0-1,1") == CpuList{0, 1, 5});
    CHECK(parse_cpu_list("\n").empty());
    CHECK(parse_cpu_list("").empty());
}

TEST_CASE("what is no list ends it, and no list fills the memory") {
    CHECK(parse_cpu_list("1,x,3") == CpuList{1});
    CHECK(parse_cpu_list("3-1").empty());
    CHECK(parse_cpu_list("0-4294967295").empty());
    CHECK(parse_cpu_list("99999999999999999999").empty());
}

TEST_CASE("CPUs as text") {
    CHECK(cpu_list_text({}) == "");
    CHECK(cpu_list_text({3, 0, 1, 2, 3, 7}) == "0-3,7");
    CHECK(cpus_text({4}) == "CPU 4");
    CHECK(cpus_text({0, 2}) == "CPUs 0,2");
}

TEST_CASE("sets of CPUs") {
    CHECK(without_cpus({0, 1, 2}, {1}) == CpuList{0, 2});
    CHECK(common_cpus({0, 1, 2}, {1, 2, 3}) == CpuList{1, 2});
}
