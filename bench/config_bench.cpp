// SPDX-License-Identifier: Apache-2.0
// How long 10,000 vdevs take to read and to check. Prints the medians in milliseconds, for bench/run:
//   config_bench KERNEL, a file that the configuration can name in its `load`
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>

#include "config/reader.hpp"
#include "launcher/launcher.hpp"

namespace {

using namespace qvm;
using Clock = std::chrono::steady_clock;

constexpr unsigned kVdevs = 10000;
constexpr unsigned kRounds = 20;

/// One line; every name, address and slot is new.
void append_vdev(unsigned number, std::string& text) {
    const auto out = std::back_inserter(text);
    const std::string slot = fmt::format("pci:{}:{}.{}", number >> 8, number >> 3 & 31, number & 7);
    const unsigned long address = 0x1'0000'0000UL + number * 0x1000UL;
    switch (number % 5) {
        case 0:
            fmt::format_to(out, "vdev virtio-blk name b{0} loc {1} intr chip:16 hostdev </vm/{0}.img threads 4\n",
                           number, slot);
            break;
        case 1:
            fmt::format_to(out, "vdev virtio-net name n{0} loc mem:{1:#x} mac 0200{0:08x} peer /dev/qvm/b/n{0}\n",
                           number, address);
            break;
        case 2:
            fmt::format_to(out, "vdev virtio-console name c{0} loc {1} intr chip:17 hostdev >\"|cat >{0}.log\"\n",
                           number, slot);
            break;
        case 3:
            fmt::format_to(out, "vdev shmem name s{0} loc {1:#x} create r{0},64K allow r{0} # a comment\n", number,
                           address);
            break;
        default:
            fmt::format_to(out, "vdev vdev-virtio-fs.so name f{0} loc {1} host_path \"/srv/{0}\" tag t{0} sched 10f\n",
                           number, slot);
    }
}

std::string make_text(const std::string& kernel) {
    std::string text = fmt::format("ram 64M\nload {}\nvdev ioapic loc 0xf8000000 intr apic name chip\n", kernel);
    for (unsigned number = 0; number < kVdevs; ++number) append_vdev(number, text);
    return text;
}

struct Times {
    double parse = 0;  ///< milliseconds, as is the other
    double check = 0;  ///< reading, planning and placing
};

double since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Nothing, with the messages on stderr, if the configuration turns out to be wrong.
std::optional<Times> measure(const Catalog& catalog, const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto start = Clock::now();
    ConfigReader reader{sources, diagnostics};
    reader.add_text("10000.qvmconf", text);
    const auto config = reader.read(catalog);
    Times times{.parse = since(start)};
    if (config && !diagnostics.has_errors()) {
        const auto plan = plan_vm(*config, catalog, Purpose::Check, diagnostics);
        const auto map = check_vm(*config, catalog, *plan, diagnostics);
        times.check = since(start);
        if (map) return times;
    }
    std::fputs(diagnostics.render(sources).c_str(), stderr);
    return std::nullopt;
}

double median(std::array<double, kRounds> values) {
    std::sort(values.begin(), values.end());
    return (values[kRounds / 2 - 1] + values[kRounds / 2]) / 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: config_bench KERNEL\n", stderr);
        return 1;
    }
    const Catalog catalog = make_catalog();
    const std::string text = make_text(argv[1]);
    std::array<double, kRounds> parse{};
    std::array<double, kRounds> check{};
    for (unsigned round = 0; round < kRounds; ++round) {
        const auto times = measure(catalog, text);
        if (!times) return 1;
        parse[round] = times->parse;
        check[round] = times->check;
    }
    fmt::print("parse_ms {:.3f}\ncheck_ms {:.3f}\n", median(parse), median(check));
    return 0;
}
