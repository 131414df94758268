// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics_json.hpp"

#include <catch2/catch.hpp>

using namespace qvm;

TEST_CASE("no diagnostics are an empty JSON array") { CHECK(to_json({}, {}) == "[]\n"); }

TEST_CASE("diagnostics in JSON have severity, place, message and hint, in order") {
    Sources sources;
    const auto file = sources.add("vm.qvmconf", "ram\ncpu\n");
    Diagnostics diagnostics;
    diagnostics.warning({file, 2, 1, 3}, "one", "two");
    diagnostics.note({file, 1, 2, 1}, "three");
    CHECK(to_json(diagnostics, sources) ==
          R"([{"severity":"warning","file":"vm.qvmconf","line":2,"column":1,"length":3,"message":"one","hint":"two"},)"
          "\n "
          R"({"severity":"note","file":"vm.qvmconf","line":1,"column":2,"length":1,"message":"three","hint":""}])"
          "\n");
}

TEST_CASE("JSON strings escape quotes, backslashes and control characters, and hold valid UTF-8 only") {
    Sources sources;
    const auto file = sources.add("a\"b\\c\n\x01", "");
    Diagnostics diagnostics;
    diagnostics.error({file, 1, 1, 1}, "\xc3\xa4\xff\xc3");
    const auto text = to_json(diagnostics, sources);
    CHECK(text.find(R"("file":"a\"b\\c\u000a\u0001")") != std::string::npos);
    CHECK(text.find("\"message\":\"\xc3\xa4\\ufffd\\ufffd\"") != std::string::npos);
}

TEST_CASE("JSON says line 0 for a file as a whole, and no file where there is none") {
    Sources sources;
    const auto file = sources.add("vm.qvmconf", "");
    Diagnostics diagnostics;
    diagnostics.error({file, 0, 0, 0}, "x");
    diagnostics.error({kNoSource, 1, 1, 1}, "y");
    const auto text = to_json(diagnostics, sources);
    CHECK(text.find(R"("file":"vm.qvmconf","line":0,"column":0,"length":0,"message":"x")") != std::string::npos);
    CHECK(text.find(R"("file":"","line":0,"column":0,"length":0,"message":"y")") != std::string::npos);
}
