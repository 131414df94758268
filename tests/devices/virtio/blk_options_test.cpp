// SPDX-License-Identifier: Apache-2.0
// virtio-blk as a line of the configuration.
#include <catch2/catch.hpp>
#include <memory>

#include "support/fake_context.hpp"
#include "support/temp_dir.hpp"

namespace qvm {

extern const VdevType kVirtioBlk;

namespace {

using namespace test;

constexpr Location kPlace{.line = 3, .column = 5};

/// What is wrong with the options; empty: nothing.
std::string refusal(const FakeSpec& spec, bool check = false) {
    FakeContext context;
    context.identity.check = check;
    try {
        (void)kVirtioBlk.make(spec.get(), context);
        return {};
    } catch (const ConfigError& error) {
        CHECK(error.where().line == kPlace.line);
        return std::string{error.what()} + "; " + error.hint();
    }
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Blk {
public:
    FakeSpec spec{kVirtioBlk.syntax};
    Blk& hostdev(std::string path, HostDev::Direction direction = HostDev::Direction::Both) {
        spec.with("hostdev", HostDev{.direction = direction, .target = std::move(path)}, kPlace);
        return *this;
    }
};

}  // namespace

TEST_CASE("a disk is a file or a block device, and may be read only") {
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 65536);
    CHECK(refusal(Blk{}.hostdev(image).spec).empty());
    CHECK(refusal(Blk{}.hostdev(image, HostDev::Direction::Input).spec).empty());
    CHECK(says(refusal(Blk{}.hostdev(image, HostDev::Direction::Output).spec), "leave out the `>`"));
    CHECK(says(refusal(Blk{}.hostdev("/dev/null").spec), "/dev/null: neither a file nor a block device"));
    CHECK(says(refusal(Blk{}.hostdev(folder.root()).spec), "cannot open: Is a directory"));
    FakeSpec stdio{kVirtioBlk.syntax};
    stdio.with("hostdev", HostDev{.kind = HostDev::Kind::Stdio, .target = {}}, kPlace);
    CHECK(says(refusal(stdio), "a disk is a file or a block device"));
}

TEST_CASE("a disk without a host end is an error where the vdev is") {
    FakeContext context;
    VdevSpec spec;
    spec.syntax = &kVirtioBlk.syntax;
    spec.where = kPlace;
    try {
        (void)kVirtioBlk.make(spec, context);
        FAIL("there is a disk");
    } catch (const ConfigError& error) {
        CHECK(error.where().column == kPlace.column);
        CHECK(says(error.what(), "needs a `hostdev`"));
    }
}

TEST_CASE("a disk that is missing is an error with what to do, unless it is delayed or only judged") {
    const TempDir folder;
    Blk missing;
    missing.hostdev(folder.path("no.img"));
    const std::string text = refusal(missing.spec);
    CHECK(says(text, "virtio-blk: " + folder.path("no.img") + ": cannot open: No such file"));
    CHECK(says(text, "truncate -s SIZE FILE"));
    CHECK(refusal(missing.spec, true).empty());
    missing.spec.with("delayed", Delay{});
    CHECK(refusal(missing.spec).empty());
}

TEST_CASE("a check neither opens nor locks a disk, and finds what can be no disk") {
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 65536);
    FakeContext running;
    const auto vdev = kVirtioBlk.make(Blk{}.hostdev(image).spec.get(), running);
    CHECK(refusal(Blk{}.hostdev(image).spec, true).empty());
    CHECK(says(refusal(Blk{}.hostdev(image).spec), "in use by"));
    CHECK(says(refusal(Blk{}.hostdev("/").spec, true), "Is a directory"));
    CHECK(says(refusal(Blk{}.hostdev("/dev/null").spec, true), "neither a file nor a block device"));
}

TEST_CASE("numbers and texts of a disk have limits") {
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 65536);
    for (const std::uint64_t threads : {0U, 33U}) {
        Blk blk;
        blk.hostdev(image).spec.with("threads", threads, kPlace);
        CHECK(says(refusal(blk.spec), "1 to 32"));
    }
    Blk many;
    many.hostdev(image).spec.with("threads", std::uint64_t{32});
    CHECK(refusal(many.spec).empty());
    Blk serial;
    serial.hostdev(image).spec.with("serial", std::string(21, 'x'), kPlace);
    CHECK(says(refusal(serial.spec), "at most 20 bytes"));
}

}  // namespace qvm
