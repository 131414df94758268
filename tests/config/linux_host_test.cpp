// SPDX-License-Identifier: Apache-2.0
// Regions of the host, read below a temporary root.
#include "config/linux_host.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

using namespace qvm;

namespace {

namespace fs = std::filesystem;

std::string cells(std::initializer_list<std::uint32_t> values) {
    std::string out;
    for (const std::uint32_t value : values) {
        for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
    }
    return out;
}

class Root {
public:
    Root() {
        fs::remove_all(path_);
        fs::create_directories(path_ / "proc");
    }
    ~Root() { fs::remove_all(path_); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    void write(const std::string& file, const std::string& text) const {
        fs::create_directories((path_ / file).parent_path());
        std::ofstream{path_ / file, std::ios::binary} << text;
    }
    void reserve(const std::string& node, const std::string& reg, const std::string& label = {}) const {
        const std::string folder = "proc/device-tree/reserved-memory/";
        write(folder + "#address-cells", cells({2}));
        write(folder + "#size-cells", cells({2}));
        if (!reg.empty()) write(folder + node + "/reg", reg);
        write(folder + node + "/label", label + '\0');
    }
    [[nodiscard]] Parsed<Range> region(std::string_view name) const { return LinuxHost{path_}.region(name); }

private:
    fs::path path_ = fs::temp_directory_path() / ("qvm-linux-host-test-" + std::to_string(::getpid()));
};

constexpr const char* kIomem =
    "00000000-00000fff : Reserved\n"
    "80000000-8fffffff : System RAM\n"
    "  80200000-80ffffff : Kernel code\n"
    "90000000-90ffffff : android_sysram2\n"
    "100000000-17fffffff : System RAM\n";

}  // namespace

TEST_CASE("the environment is that of the process") {
    ::setenv("QVM_LINUX_HOST_TEST", "x y", 1);
    CHECK(LinuxHost{}.environment("QVM_LINUX_HOST_TEST") == "x y");
    ::unsetenv("QVM_LINUX_HOST_TEST");
    CHECK_FALSE(LinuxHost{}.environment("QVM_LINUX_HOST_TEST"));
}

TEST_CASE("a region is a node of reserved-memory by its name, with or without its address, or by its label") {
    const Root root;
    root.reserve("dsp@90000000", cells({0, 0x90000000, 0, 0x1000000}), "audio");
    for (const char* name : {"dsp@90000000", "dsp", "audio"}) {
        INFO(name);
        CHECK(*root.region(name) == *Range::make(0x90000000, 0x1000000));
    }
}

TEST_CASE("a node's own name goes before the label of another, and both before iomem") {
    const Root root;
    root.write("proc/iomem", kIomem);
    root.reserve("android_sysram2", cells({1, 0, 0, 0x1000}));
    root.reserve("other@1000", cells({0, 0x1000, 0, 0x1000}), "android_sysram2");
    CHECK(*root.region("android_sysram2") == *Range::make(0x100000000, 0x1000));
}

TEST_CASE("a region is an entry of iomem, whose last address is inside, at any depth") {
    const Root root;
    root.write("proc/iomem", kIomem);
    CHECK(*root.region("android_sysram2") == *Range::make(0x90000000, 0x1000000));
    CHECK(*root.region("Kernel code") == *Range::make(0x80200000, 0xe00000));
}

TEST_CASE("a name with several ranges is refused") {
    const Root root;
    root.write("proc/iomem", kIomem);
    CHECK(root.region("System RAM").error().message == "'System RAM' names 2 ranges in /proc/iomem");
    root.reserve("cma@1000", cells({0, 0x1000, 0, 0x1000, 0, 0x8000, 0, 0x1000}));
    CHECK(root.region("cma").error().message == "'cma' names 2 ranges in /proc/device-tree/reserved-memory");
}

TEST_CASE("a node without a fixed address is refused as such") {
    const Root root;
    root.reserve("pool", "");
    CHECK(root.region("pool").error().message == "'pool' of /proc/device-tree/reserved-memory has no fixed range");
}

TEST_CASE("addresses that the kernel hides are not taken for ranges") {
    const Root root;
    root.write("proc/iomem", "00000000-00000000 : secret\n");
    CHECK(root.region("secret").error().message == "/proc/iomem hides the address of 'secret' from this user");
}

TEST_CASE("a name that is nowhere is an error that says what was searched") {
    const Root root;
    const auto missing = root.region("x");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message == "this host has no region named 'x'");
    CHECK(missing.error().hint ==
          "searched: /proc/device-tree/reserved-memory, /proc/iomem; a host map can name the range");
}

TEST_CASE("damaged sources are no ranges and no crash") {
    const Root root;
    root.write("proc/iomem", "x\n1-\n2-1 : back\n0-ffffffffffffffff : all\n-\n1-2: y\n");
    root.reserve("short@1", cells({0, 1}));
    for (const char* name : {"back", "all", "y", "short"}) CHECK_FALSE(root.region(name));
}
