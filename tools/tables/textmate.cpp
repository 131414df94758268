// SPDX-License-Identifier: Apache-2.0
// The regular expressions keep to what Oniguruma and Python's `re` both have, so that the tests can run them.
#include <fmt/format.h>

#include <initializer_list>
#include <iterator>

#include "tables.hpp"
#include "vocabulary.hpp"

namespace qvm::tables {

namespace {

constexpr std::string_view kStart = R"((?<!\S))";
constexpr std::string_view kStop = R"((?=[\s"#]|$))";
/// An argument on the same line; what stands on the next one is out of sight for a grammar of this kind.
constexpr std::string_view kArgument = R"((?:[ \t]+([^\s"#]+))?)";

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') out += '\\';
        out += byte;
    }
    return out + '"';
}

/// What a capture is: a name of a colour, or more rules.
struct Capture {
    int group;
    std::string_view scope;  ///< `#values`: the rules of that name
};

std::string captured(const Capture& capture) {
    if (capture.scope.starts_with('#'))
        return fmt::format(R"("{}": {{"patterns": [{{"include": {}}}]}})", capture.group, quote(capture.scope));
    return fmt::format(R"("{}": {{"name": {}}})", capture.group, quote(fmt::format("{}.qvmconf", capture.scope)));
}

std::string rule(std::string_view pattern, std::initializer_list<Capture> captures) {
    std::string list;
    for (const Capture& each : captures) list += (list.empty() ? "" : ", ") + captured(each);
    return fmt::format(R"({{"match": {}, "captures": {{{}}}}})", quote(pattern), list);
}

std::string rule(std::string_view pattern, std::string_view scope) {
    return fmt::format(R"({{"name": {}, "match": {}}})", quote(fmt::format("{}.qvmconf", scope)), quote(pattern));
}

std::string include(std::string_view name) { return fmt::format(R"({{"include": {}}})", quote(name)); }

std::string one_of(const WordList& words) { return fmt::format("({})", alternatives(words, "|")); }

std::string words_alone(const WordList& words) { return fmt::format("{}{}{}", kStart, one_of(words), kStop); }

std::string with_argument(const WordList& words) {
    return fmt::format("{}{}{}{}", kStart, one_of(words), kArgument, kStop);
}

std::string vdev_pattern(const Vocabulary& words) {
    return fmt::format(
        R"({0}(vdev)(?:[ \t]+(?:((?:[^\s"#]*/)?(?:vdev-)?(?:{1})(?:-safety)?(?:\.so)?){2}|[^\s"#]+))?{2})", kStart,
        alternatives(words.types, "|"), kStop);
}

std::string set_pattern(const Vocabulary& words) {
    return fmt::format(R"({0}(set)(?:[ \t]+(?:({1}){2}|[^\s"#]+){3})?{2})", kStart, alternatives(words.variables, "|"),
                       kStop, kArgument);
}

std::string log_pattern(const Vocabulary& words) {
    return fmt::format(R"({0}{1}(?:[ \t]+((?:{2})(?:,(?:{2}))*){4}(?:[ \t]+({3}){4})?)?{4})", kStart,
                       one_of(words.log_options), alternatives(words.severities, "|"),
                       alternatives(words.destinations, "|"), kStop);
}

std::string list(std::initializer_list<std::string> rules) {
    return fmt::format("[\n        {}\n      ]", fmt::join(rules, ",\n        "));
}

std::string options(const Vocabulary& words) {
    constexpr std::string_view kContext = "keyword.control.context";
    constexpr std::string_view kOption = "keyword.other.option";
    return list({
        rule(vdev_pattern(words), {{1, kContext}, {2, "entity.name.type.vdev"}}),
        rule(set_pattern(words), {{1, kOption}, {2, "variable.other.set"}, {3, "#values"}}),
        rule(log_pattern(words),
             {{1, kOption}, {2, "constant.language.severity"}, {3, "constant.language.destination"}}),
        rule(words_alone(words.contexts), kContext),
        rule(words_alone(words.blobs), "storage.modifier.blob"),
        rule(words_alone(words.switches), kOption),
        rule(with_argument(words.globals), {{1, kOption}, {2, "#values"}}),
        rule(words_alone(words.flags), "keyword.other.property"),
        rule(with_argument(words.options), {{1, "keyword.other.property"}, {2, "#values"}}),
    });
}

std::string values(const Vocabulary& words) {
    return list({
        include("#substitutions"),
        rule(fmt::format(R"((?<![^\s]){}{})", one_of(words.choices), kStop), "constant.language.choice"),
        rule(R"((?<![^\s])(mem|io|pci):)", "support.type.space"),
        rule(R"((?<![^\s,])([A-Za-z_][^\s:,="#|<>/]*):(0[xX][0-9a-fA-F]+|[0-9]+)(?=[\s,="#]|$))",
             {{1, "entity.name.tag.controller"}, {2, "constant.numeric.line"}}),
        rule(R"((?<![^\s])[<>]\|?|(?<![^\s<>])-(?=[\s"#]|$))", "keyword.operator.direction"),
        rule(R"((?<![^\s,=:.])(0[xX][0-9a-fA-F]+|0[dD][0-9]+|[0-9]+)[KkMmGgTt]?(?=[\s,=:."#]|$))", "constant.numeric"),
        rule(R"((?<![^\s,])[0-9]+[rfos](?=[\s"#]|$))", "constant.numeric.priority"),
    });
}

std::string substitutions() {
    return list({
        rule(R"((?<!\\)\\(?:\\\\)*\$(?:env|asinfo_start|asinfo_length)\{)", "constant.character.escape"),
        rule(R"(\$(?:env|asinfo_start|asinfo_length)\{[^}"]*\})", "variable.other.substitution"),
    });
}

std::string strings() {
    return fmt::format(
        R"([
        {{"name": "string.quoted.double.qvmconf", "begin": "\"", "end": "\"", "patterns": [
          {},
          {},
          {}
        ]}}
      ])",
        rule(R"(\\["\\])", "constant.character.escape"), include("#substitutions"),
        rule(R"(\\$)", "constant.character.escape.join"));
}

void section(std::string& out, std::string_view name, const std::string& patterns, bool last = false) {
    fmt::format_to(std::back_inserter(out), "    {}: {{\n      \"patterns\": {}\n    }}{}\n", quote(name), patterns,
                   last ? "" : ",");
}

}  // namespace

std::string textmate_grammar(Types types) {
    const Vocabulary words = collect_words(types);
    std::string out = R"({
  "information_for_contributors": ["Made by tools/generate from the tables of qvm: do not edit."],
  "name": "qvmconf",
  "scopeName": "source.qvmconf",
  "fileTypes": ["qvmconf"],
  "patterns": [
    {"include": "#comments"},
    {"include": "#strings"},
    {"include": "#options"},
    {"include": "#values"}
  ],
  "repository": {
)";
    section(out, "comments", list({rule("#.*$", "comment.line.number-sign")}));
    section(out, "strings", strings());
    section(out, "options", options(words));
    section(out, "values", values(words));
    section(out, "substitutions", substitutions(), true);
    out += "  }\n}\n";
    return out;
}

}  // namespace qvm::tables
