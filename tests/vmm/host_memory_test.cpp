// SPDX-License-Identifier: Apache-2.0
#include "vmm/host_memory.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temp_tree.hpp"
#include "vmm/units.hpp"

using namespace qvm;

namespace {

constexpr std::uint64_t kPage = 2 * kMiB;

void write_pool(const test::TempTree& tree, const std::string& where, int total, int free) {
    tree.write(where + "/hugepages-2048kB/nr_hugepages", std::to_string(total) + "\n");
    tree.write(where + "/hugepages-2048kB/free_hugepages", std::to_string(free) + "\n");
}

/// A host of two nodes with 24 pages, 20 of them free and 5 of these promised.
struct TwoNodes {
    TwoNodes() {
        write_pool(tree, "sys/kernel/mm/hugepages", 24, 20);
        tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "5\n");
        write_pool(tree, "sys/devices/system/node/node1/hugepages", 8, 7);
        write_pool(tree, "sys/devices/system/node/node0/hugepages", 16, 13);
        tree.write("sys/devices/system/node/possible", "0-1\n");
        tree.write("proc/self/status", "Name:\tx\nVmLck:\t     64 kB\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n");
    }
    test::TempTree tree;
};

}  // namespace

TEST_CASE("huge pages are counted as the kernel shows them, per node") {
    const TwoNodes host;
    const auto pool = huge_page_pool(host.tree.path(), kPage);
    REQUIRE(pool);
    CHECK(pool->total == 24);
    CHECK(pool->available() == 15);
    REQUIRE(pool->nodes.size() == 2);
    CHECK(pool->nodes[0].number == 0);
    CHECK(pool->nodes[0].free == 13);
    CHECK(pool->nodes[1].total == 8);
    CHECK(pool->allowed_nodes == "0-1");
    CHECK_FALSE(huge_page_pool(host.tree.path(), kGiB));
}

TEST_CASE("pages that the kernel adds on demand are available") {
    const TwoNodes host;
    host.tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "10\n");
    host.tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "4\n");
    CHECK(huge_page_pool(host.tree.path(), kPage)->available() == 21);
}

TEST_CASE("too few huge pages: size, nodes, wanted, available and the way out") {
    const TwoNodes host;
    CHECK(
        too_few_huge_pages(huge_page_pool(host.tree.path(), kPage), kPage, 64 * kMiB) ==
        "host-hugepages: guest memory wants 32 huge pages of 2.0 MiB, available are 15 (20 free, 5 of them reserved, 0 "
        "on demand)\n"
        "  node 0: 13 free of 16, node 1: 7 free of 8\n"
        "  this process may have memory of node 0-1\n"
        "  make more: echo 41 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, or at boot by hugepagesz=2M "
        "hugepages=NUMBER");
    CHECK(too_few_huge_pages(std::nullopt, kGiB, 4 * kGiB) ==
          "host-hugepages: guest memory wants 4 huge pages of 1.0 GiB; this host does not know pages of that size");
}

TEST_CASE("fields of /proc") {
    const TwoNodes host;
    const auto status = host.tree.path() / "proc/self/status";
    CHECK(proc_field(status, "Mems_allowed") == "3");
    CHECK(proc_size(status, "VmLck") == 64 * kKiB);
    CHECK_FALSE(proc_size(status, "Name"));
    CHECK_FALSE(proc_field(status, "Mems"));
    CHECK_FALSE(proc_field(host.tree.path() / "nothing", "Name"));
}

TEST_CASE("memory is bounded by what the host has and by every cgroup above") {
    const test::TempTree tree;
    CHECK_FALSE(memory_left(tree.path()));
    tree.write("proc/meminfo", "MemTotal: 900 kB\nMemAvailable: 800 kB\n");
    CHECK(memory_left(tree.path()) == 800 * kKiB);
    tree.write("proc/self/cgroup", "1:cpu:/x\n0::/a/b\n");
    tree.write("sys/fs/cgroup/a/b/memory.max", "max\n");
    CHECK(memory_left(tree.path()) == 800 * kKiB);
    tree.write("sys/fs/cgroup/a/memory.max", "8192\n");
    CHECK(memory_left(tree.path()) == 8192U);
    tree.write("sys/fs/cgroup/memory.max", "4096\n");
    CHECK(memory_left(tree.path()) == 4096U);
}

TEST_CASE("page faults of a thread, whatever its name is") {
    const test::TempTree tree;
    tree.write("proc/self/task/42/stat", "42 (a) b (c) S 1 2 3 0 -1 4194560 123 9 7 9 5 5 0 0 20 0 1 0\n");
    const auto faults = page_faults(tree.path(), 42);
    REQUIRE(faults);
    CHECK(faults->minor == 123);
    CHECK(faults->major == 7);
    CHECK_FALSE(page_faults(tree.path(), 43));
    CHECK(page_faults("/", ::gettid())->minor > 0);
}
