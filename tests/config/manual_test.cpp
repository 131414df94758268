// SPDX-License-Identifier: Apache-2.0
// docs/qvmconf.md says what the program does: its examples are read, and no word of the language is missing in it. The
// example of docs/realtime.md is read, too.
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "config/language.hpp"
#include "config/support.hpp"
#include "config/variables.hpp"
#include "launcher/launcher.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

std::string document(const std::string& name) {
    std::ifstream file{QVM_SOURCE_DIR "/docs/" + name};
    REQUIRE(file);
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string manual() { return document("qvmconf.md"); }

/// The fenced blocks of that language.
std::vector<std::string> blocks(const std::string& text, const std::string& language) {
    const std::string fence = "```" + language + "\n";
    std::vector<std::string> out;
    for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
        at += fence.size();
        const std::size_t end = text.find("```", at);
        out.push_back(text.substr(at, end - at));
        at = end + 3;
    }
    return out;
}

/// All words of the examples in `text`.
std::set<std::string, std::less<>> words_of_examples(const std::string& text) {
    std::set<std::string, std::less<>> out;
    for (const std::string& example : blocks(text, "qvmconf")) {
        std::istringstream words{example};
        out.insert(std::istream_iterator<std::string>{words}, {});
    }
    return out;
}

}  // namespace

TEST_CASE("every example of the manual is a configuration") {
    const std::string text = manual();
    const Catalog catalog = make_catalog();
    const auto maps = blocks(text, "hostmap");
    REQUIRE(maps.size() == 1);
    const auto examples = blocks(text, "qvmconf");
    CHECK(examples.size() >= 8);
    for (const std::string& example : examples) {
        Outcome out;
        ConfigReader reader{out.sources, out.diagnostics, kHost};
        reader.add_host_map_text("host.map", maps.front());
        reader.add_text("example", example.find("ram ") == std::string::npos ? "ram 256M\n" + example : example);
        const auto config = reader.finish(catalog);
        INFO(example << out.rendered());
        CHECK(config);
    }
}

TEST_CASE("the example of docs/realtime.md leads to the threads that it shows, on a host with four CPUs") {
    const std::string text = document("realtime.md");
    const auto examples = blocks(text, "qvmconf");
    const auto shown = blocks(text, "text");
    REQUIRE(examples.size() == 1);
    REQUIRE(shown.size() == 1);
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("example", examples.front());
    const Catalog catalog = make_catalog();
    const auto config = reader.finish(catalog);
    REQUIRE(config);
    const CpuList cpus{0, 1, 2, 3};
    const auto plan = make_thread_plan(*config, {{cpus, cpus}, {0, 1}, {}}, out.diagnostics);
    INFO(out.rendered());
    CHECK(out.diagnostics.all().empty());
    CHECK(format_thread_plan(plan) == shown.front());
}

TEST_CASE("every word of the language is in the manual") {
    const std::string text = manual();
    const auto check = [&text](std::string_view word) {
        INFO(word);
        CHECK(text.find("`" + std::string{word} + "`") != std::string::npos);
    };
    for (const GlobalOption& each : global_options()) {
        if (each.name != "vdev") check(each.name);
    }
    for (const OptionSpec& each : cpu_options()) check(each.name);
    for (const OptionSpec& each : reserve_options()) check(each.name);
    for (const OptionSpec& each : common_vdev_options()) check(each.name);
    for (const VariableSpec& each : variables()) check(each.name);
}

TEST_CASE("every vdev and each of its options is in the manual, under its heading") {
    const std::string text = manual();
    const Catalog catalog = make_catalog();
    for (const VdevSyntax* each : catalog.types()) {
        const std::size_t start = text.find("### `vdev " + std::string{each->type} + "`");
        INFO(each->type);
        REQUIRE(start != std::string::npos);
        const std::string section = text.substr(start, text.find("\n#", start + 1) - start);
        for (const OptionSpec& option : each->options) {
            INFO(option.name);
            CHECK(section.find("`" + std::string{option.name}) != std::string::npos);
        }
    }
}

TEST_CASE("every option has an example") {
    const std::string text = manual();
    const auto shown = words_of_examples(text);
    const auto check = [](const auto& examples, std::string_view word) {
        INFO(word);
        CHECK(examples.contains(word));
    };
    for (const GlobalOption& each : global_options()) check(shown, each.name);
    for (const VariableSpec& each : variables()) check(shown, each.name);
    for (const auto table : {cpu_options(), reserve_options(), pass_options(), common_vdev_options()})
        for (const OptionSpec& each : table) check(shown, each.name);
    const Catalog catalog = make_catalog();
    for (const VdevSyntax* each : catalog.types()) {
        const std::size_t start = text.find("### `vdev " + std::string{each->type} + "`");
        REQUIRE(start != std::string::npos);
        const auto own = words_of_examples(text.substr(start, text.find("\n#", start + 1) - start));
        INFO(each->type);
        for (const OptionSpec& option : each->options) check(own, option.name);
    }
}
