// SPDX-License-Identifier: Apache-2.0
#include "launcher/balloon_check.hpp"

#include <catch2/catch.hpp>

#include "config/passed_memory.hpp"
#include "config/reader.hpp"
#include "launcher/launcher.hpp"

using namespace qvm;

namespace {

std::string check(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics};
    reader.add_text("t", text);
    auto config = reader.read(make_catalog());
    if (config) take_passed_memory(*config, diagnostics);
    if (config) check_balloon(*config, diagnostics);
    return diagnostics.render(sources);
}

bool complains(const std::string& text, std::string_view wanted) {
    return check(text).find(wanted) != std::string::npos;
}

}  // namespace

TEST_CASE("a balloon and memory that stays are refused together") {
    const std::string vm = "ram 64M\nvdev virtio-balloon size 64M\n";
    CHECK(check(vm).empty());
    CHECK(check(vm + "set host-hugepages 2M\nset host-lock-memory off").empty());
    const std::string_view message = "t:2:6: error: a balloon gives guest memory back to the host, and ";
    CHECK(complains(vm + "set host-lock-memory on", std::string{message} + "'set host-lock-memory' keeps it there"));
    CHECK(complains(vm + "set host-prefault on", std::string{message} + "'set host-prefault' keeps it there"));
    CHECK(complains(vm + "pass loc pci:0:3.0", std::string{message} + "'pass' of a PCI device keeps it there"));
    CHECK(complains(vm + "pass loc pci:0x8086/0x10d3", message));
    CHECK_FALSE(complains(vm + "pass loc mem:0xf0000000,0x1000,rw", message));
    CHECK(complains(vm + "pass loc 64M,4K,rwm", std::string{message} + "'pass' of RAM (m) keeps it there"));
    CHECK(check("ram 64M\nset host-lock-memory on").empty());
}

TEST_CASE("a guest has one balloon, no larger than its RAM") {
    CHECK(complains("ram 64M\nvdev virtio-balloon\nvdev virtio-balloon", "t:3:6: error: a guest has one balloon"));
    CHECK(complains("ram 64M\nrom 4G,64M\nvdev virtio-balloon size 65M",
                    "t:3:26: error: the balloon is larger than the guest's RAM of 0x4000000 bytes"));
    CHECK_FALSE(complains("ram x\nvdev virtio-balloon size 65M", "larger"));
}
