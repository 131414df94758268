// SPDX-License-Identifier: Apache-2.0
// The main function of every unit test program. An emulator of another processor that runs programs one by one
// (qemu-aarch64) has no io_uring: there, a test case that gets no further than that is not counted as a failure, and is
// named at the end.
#define CATCH_CONFIG_RUNNER
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <set>
#include <string>

namespace {

bool has_io_uring() { return ::syscall(SYS_io_uring_setup, 0, nullptr) == 0 || errno != ENOSYS; }

struct Outcome {
    int failures = 0;                 ///< assertions that failed for another reason
    std::set<std::string> skipped{};  ///< test cases
};

Outcome& outcome() {
    static Outcome all;
    return all;
}

class Judge final : public Catch::TestEventListenerBase {
public:
    using TestEventListenerBase::TestEventListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& info) override { name_ = info.name; }
    bool assertionEnded(const Catch::AssertionStats& stats) override {
        const Catch::AssertionResult& result = stats.assertionResult;
        if (result.isOk()) return true;
        // An exception is the message; one of another text than is wanted, a part of the expression.
        const std::string text = result.getMessage() + result.getExpandedExpression();
        if (text.find("io_uring is not available") != std::string::npos)
            outcome().skipped.insert(name_);
        else
            ++outcome().failures;
        return true;
    }

private:
    std::string name_;
};
CATCH_REGISTER_LISTENER(Judge)

}  // namespace

int main(int argc, char** argv) {
    const int code = Catch::Session{}.run(argc, argv);
    if (has_io_uring() || outcome().skipped.empty()) return code;
    std::printf("skipped for want of io_uring: %zu test cases\n", outcome().skipped.size());
    for (const std::string& name : outcome().skipped) std::printf("  %s\n", name.c_str());
    std::printf("other failures: %d\n", outcome().failures);
    return std::min(outcome().failures, 1);
}
