// SPDX-License-Identifier: Apache-2.0
#include "vmm/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "vmm/unique_fd.hpp"

using namespace qvm;

namespace {

/// What goes to a standard descriptor while `body` runs.
std::string captured(int descriptor, const std::function<void()>& body) {
    const UniqueFd saved{::dup(descriptor)};
    const UniqueFd file{::open("/tmp", O_TMPFILE | O_RDWR, 0600)};
    ::dup2(file.get(), descriptor);
    body();
    ::fflush(nullptr);
    ::dup2(saved.get(), descriptor);
    std::string text(4096, '\0');
    const auto length = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}  // namespace

TEST_CASE("without rules, errors, warnings and information go to stderr and the rest nowhere") {
    const std::string text = captured(STDERR_FILENO, [] {
        Log log{"", {}};
        log.error("one");
        log.info("two");
        log.debug("three");
    });
    CHECK(text == "qvm: error: one\nqvm: info: two\n");
}

TEST_CASE("a rule names a set of severities, not a threshold") {
    const std::string text = captured(STDOUT_FILENO, [] {
        Log log{"demo", {{{Severity::Debug, Severity::Warn}, LogDestination::Stdout}}};
        log.error("silent");
        log.debug("heard");
        log.warn("heard too");
        CHECK_FALSE(log.wants(Severity::Error));
        CHECK(log.wants(Severity::Debug));
    });
    CHECK(text == "qvm[demo]: debug: heard\nqvm[demo]: warning: heard too\n");
}

TEST_CASE("a severity sent to none is silent") {
    const std::string text = captured(STDERR_FILENO, [] {
        Log log{"", {{{Severity::Error}, LogDestination::None}}};
        log.error("silent");
    });
    CHECK(text.empty());
}

TEST_CASE("a fault that the guest repeats is told at powers of two only") {
    const std::string text = captured(STDERR_FILENO, [] {
        Log log{"", {}};
        GuestFault fault{log, "odd access"};
        for (int i = 0; i < 5; ++i) fault.count();
        CHECK(fault.total() == 5);
    });
    CHECK(text ==
          "qvm: warning: odd access\nqvm: warning: odd access (2 times so far)\nqvm: warning: odd access (4 times so "
          "far)\n");
}

TEST_CASE("a fault may say what it was this time") {
    const std::string text = captured(STDERR_FILENO, [] {
        Log log{"", {}};
        GuestFault fault{log, "odd access"};
        fault.count("a");
        fault.count("b");
        fault.count("c");
    });
    CHECK(text == "qvm: warning: odd access: a\nqvm: warning: odd access: b (2 times so far)\n");
}

TEST_CASE("text with braces is printed as it is") {
    const std::string text = captured(STDERR_FILENO, [] { Log{"", {}}.error("{} {x}"); });
    CHECK(text == "qvm: error: {} {x}\n");
}
