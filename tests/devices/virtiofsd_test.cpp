// SPDX-License-Identifier: Apache-2.0
// How a virtiofsd is started; Debian's own serves a guest in the lab.
#include "devices/host/virtiofsd.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/fake_context.hpp"
#include "support/temp_dir.hpp"
#include "vmm/error.hpp"

using namespace qvm;
using namespace qvm::test;
using Catch::Matchers::Contains;

namespace {

/// A script in place of it, which tells its arguments and whether its descriptor is a socket, and ends.
struct Script {
    Script() {
        program =
            directory.write("virtiofsd", "#!/bin/sh\nprintf '%s\\n' \"$@\" >" + directory.path("said") +
                                             "\n[ -S /dev/fd/3 ] && echo socket >>" + directory.path("said") + "\n");
        std::filesystem::permissions(program, std::filesystem::perms{0755});
    }
    /// What it says about a directory of that name.
    std::string run(const std::string& name, bool direct_io = false) {
        std::filesystem::create_directory(directory.path(name));
        Virtiofsd started{context.loop(), context.log(), {"fs", directory.path(name), direct_io, program}};
        const UniqueFd connection = started.take_connection();
        REQUIRE(connection);
        CHECK_FALSE(started.take_connection());
        // The end of whoever has the other end.
        pollfd end{.fd = connection.get(), .events = 0, .revents = 0};
        REQUIRE(::poll(&end, 1, static_cast<int>(std::chrono::milliseconds{kPatience}.count())) == 1);
        std::ifstream file{directory.path("said")};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    TempDir directory;
    std::string program;
    FakeContext context;
};

}  // namespace

TEST_CASE("virtiofsd is given a socket that it has a connection at, and the directory by its name") {
    Script script;
    CHECK(script.run("share") == "--fd=3\n-o\nsource=" + script.directory.path("share") + "\nsocket\n");
    CHECK(script.run("share", true) ==
          "--fd=3\n-o\nsource=" + script.directory.path("share") + "\n-o\nallow_direct_io\nsocket\n");
    const std::string odd = "it's $(a) \"name\" ;&| *";
    CHECK(script.run(odd) == "--fd=3\n-o\nsource=" + script.directory.path(odd) + "\nsocket\n");
}

TEST_CASE("no virtiofsd, and what it cannot serve, are errors") {
    Script script;
    CHECK_THROWS_WITH(script.run("a,b"), Contains("comma"));
    CHECK_THROWS_WITH(script.run("a\\b"), Contains("backslash"));
    FakeContext context;
    CHECK_THROWS_WITH((Virtiofsd{context.loop(), context.log(), {"fs", "/no/such", false, script.program}}),
                      Contains("/no/such is no directory"));
    CHECK_THROWS_WITH((Virtiofsd{context.loop(), context.log(), {"fs", "/", false, "/no/such/program"}}),
                      Contains("no virtiofsd"));
}
