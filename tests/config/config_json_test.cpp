// SPDX-License-Identifier: Apache-2.0
#include "config/config_json.hpp"

#include <catch2/catch.hpp>

#include "config/json_check.hpp"
#include "config/whole_grammar.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

/// Fails, with the messages, if `text` cannot be read.
std::string json_of(std::string_view text) {
    const WholeGrammar grammar;
    Sources sources;
    Diagnostics diagnostics;
    ConfigReader reader{sources, diagnostics, kHost};
    reader.add_text("vm.qvmconf", std::string{text});
    const auto config = reader.finish(grammar);
    INFO(diagnostics.render(sources));
    REQUIRE(config);
    std::string out = config_to_json(*config, sources);
    INFO(out);
    CHECK(is_json(out));
    return out;
}

/// What `every` says of its options, without their places.
std::string options_of(std::string_view options) {
    std::string out = json_of("ram 1M vdev every " + std::string{options});
    const std::string where = R"(,"where":{)";
    for (std::size_t at = out.find(where); at != std::string::npos; at = out.find(where, at))
        out.erase(at, out.find('}', at) + 1 - at);
    const std::size_t from = out.find(R"("options":)") + 10;
    return out.substr(from, out.find(R"(,"variables")", from) - from);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every key is there, whatever was given") {
    CHECK(
        json_of("ram 4K") ==
        R"({"system":null,"safety":"none","debug":false,"dryrun":null,"loggers":[],"variables":[],)"
        R"("memory":[{"kind":"ram","start":"0x0","size":"0x1000",)"
        R"("where":{"file":"vm.qvmconf","line":1,"column":5}}],"loads":[],"cmdline":null,)"
        R"("cpus":[{"sched":null,"sched_where":null,"runmask":[],"runmask_where":null,"partition":null,"where":null}],)"
        R"("vdevs":[],"passed":[],"reserved":[],"dump":null,"unsupported":[],"user":null})"
        "\n");
}

TEST_CASE("each type of argument has its form") {
    CHECK(options_of("flag number 7 bytes 4K text \"a\\\"b\" choice dump") ==
          R"([{"name":"flag","value":true},{"name":"number","value":7},{"name":"bytes","value":"0x1000"},)"
          R"({"name":"text","value":"a\"b"},{"name":"choice","value":"dump"}])");
    CHECK(
        options_of("loc 4K loc io:1,2 loc pci:1:2.3 loc pci:0x8086/5 intr c:4 intr d") ==
        R"([{"name":"loc","value":{"space":null,"address":"0x1000","length":null}},)"
        R"({"name":"loc","value":{"space":"io","address":"0x1","length":"0x2"}},)"
        R"({"name":"loc","value":{"space":"pci","bus":1,"device":2,"function":3}},)"
        R"({"name":"loc","value":{"space":"pci","vendor_id":"0x8086","device_id":"0x0005"}},)"
        R"({"name":"intr","value":{"controller":"c","line":4}},{"name":"intr","value":{"controller":"d","line":null}}])");
    CHECK(options_of("hostdev <- hostdev \"|x\" sched 5f delay forever pair 1,2 numbers 16,17 mode 0600") ==
          R"([{"name":"hostdev","value":{"direction":"input","kind":"stdio","target":null}},)"
          R"({"name":"hostdev","value":{"direction":null,"kind":"command","target":"x"}},)"
          R"({"name":"sched","value":{"priority":5,"policy":"f"}},{"name":"delay","value":"forever"},)"
          R"({"name":"pair","value":[1,2]},{"name":"numbers","value":["0x10","0x11"]},{"name":"mode","value":384}])");
    CHECK(
        options_of("sched 9,8,7,6,5 intrs a:1,2 create n,1 mac 020000000001 messages error none") ==
        R"([{"name":"sched","value":{"priority":9,"policy":"s","low":8,"max_replenishments":7,"period":6,"budget":5}},)"
        R"({"name":"intrs","value":[{"controller":"a","line":1},{"controller":null,"line":2}]},)"
        R"({"name":"create","value":{"name":"n","size":"0x1"}},{"name":"mac","value":"02:00:00:00:00:01"},)"
        R"({"name":"messages","value":{"severities":["error"],"destination":"none"}}])");
}

TEST_CASE("what is passed and reserved says what stands before it") {
    const std::string out = json_of(
        "ram 1M vdev dog initrd pass loc 4K,1,rw=8K intr c:1,u=2 intr c\nreserve loc io:1 intr 39 user u:a,1\n"
        "dump |x unsupported register abort dryrun load 5,p");
    CHECK(has(out,
              R"("passed":[{"blob":"initrd","locations":[{"guest":{"space":null,"address":"0x1000","length":"0x1"},)"
              R"("attributes":"rw","host":{"space":null,"address":"0x2000","length":null},"where":{)"));
    CHECK(has(out, R"({"guest":{"controller":"c","line":1},"delivery":"unmask","host":2,"where":{)"));
    CHECK(has(out, R"({"guest":{"controller":"c","line":null},"delivery":null,"host":null,"where":{)"));
    CHECK(has(out, R"("reserved":[{"loc":{"space":"io","address":"0x1","length":null},"after_vdevs":1,)"
                   R"("where":{"file":"vm.qvmconf","line":2,"column":13}})"));
    CHECK(has(out, R"({"intr":{"controller":null,"line":39},"after_vdevs":1,)"));
    CHECK(has(out, R"("user":{"user":"u","groups":["a","1"],)"));
    CHECK(has(out, R"("dump":{"command":true,"target":"x",)"));
    CHECK(has(out, R"("unsupported":[{"type":"register","action":"abort",)"));
    CHECK(has(out, R"("loads":[{"blob":null,"address":"0x5","path":"p",)"));
    CHECK(has(out, R"("dryrun":{"where":{"file":"vm.qvmconf","line":3,"column":36}})"));
}
