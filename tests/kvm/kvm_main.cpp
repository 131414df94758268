// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <iostream>

#include "kvm/usable_kvm.hpp"

namespace {
constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in CMakeLists.txt
}

int main(int argc, char** argv) {
    if (const auto reason = qvm::test::why_kvm_is_unusable()) {
        std::cout << "skipped: " << *reason << '\n';
        return kSkipped;
    }
    return Catch::Session().run(argc, argv);
}
