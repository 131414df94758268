// SPDX-License-Identifier: Apache-2.0
#include "config/image_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;
using Catch::Matchers::Contains;

namespace {

/// The error that opening `path` ends with.
ConfigError error_of(const std::string& path) {
    try {
        const ImageFile file{path, {.line = 3}};
    } catch (const ConfigError& error) {
        return error;
    }
    throw std::runtime_error{"no error"};
}

}  // namespace

TEST_CASE("an image file shows the bytes of the file, also after it was moved and the file deleted") {
    const TempDir dir;
    const std::string path = dir.write("image", text_image("hello"));
    ImageFile first{path, {}};
    REQUIRE(::unlink(path.c_str()) == 0);
    const ImageFile second{std::move(first)};
    CHECK(std::equal(second.bytes().begin(), second.bytes().end(), text_image("hello").begin()));
    CHECK(second.bytes().size() == 5);
}

TEST_CASE("a missing file with a relative path names the current directory") {
    const ConfigError error = error_of("no/such/file");
    CHECK_THAT(error.what(), Contains("'no/such/file'") && Contains("No such file"));
    CHECK_THAT(error.hint(), Contains("relative to qvm's current directory, /"));
    CHECK(error.where().line == 3);
}

TEST_CASE("a missing file with an absolute path asks to check it") {
    CHECK(error_of("/no/such/file").hint() == "check the path");
}

TEST_CASE("a directory, an empty file and a FIFO are refused, each by its name") {
    const TempDir dir;
    CHECK_THAT(error_of(dir.path()).what(), Contains("is a directory"));
    CHECK_THAT(error_of(dir.write("empty", {})).what(), Contains("empty' is empty"));
    const std::string fifo = dir.path() + "/fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_THAT(error_of(fifo).what(), Contains("is no regular file"));
}

TEST_CASE("a file that may not be read says who has to be able to") {
    if (::geteuid() == 0) {
        WARN("skipped: root reads everything");
        return;
    }
    const TempDir dir;
    const std::string path = dir.write("secret", text_image("x"));
    REQUIRE(::chmod(path.c_str(), 0) == 0);
    CHECK_THAT(error_of(path).what(), Contains("Permission denied"));
    CHECK_THAT(error_of(path).hint(), Contains("the user that runs qvm"));
}
