// SPDX-License-Identifier: Apache-2.0
#include "vocabulary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "config/language.hpp"
#include "config/values.hpp"
#include "config/variables.hpp"

namespace qvm::tables {

namespace {

using Set = std::set<std::string, std::less<>>;

/// The words that a parser takes. It names them when it is given another one, so no copy of its list is needed here.
template <typename T>
WordList accepted_by(Parsed<T> (*parse)(std::string_view)) {
    constexpr std::string_view kIntroduction = "one of: ";
    const auto refused = parse("?");
    if (refused || !refused.error().hint.starts_with(kIntroduction))
        throw std::logic_error{"a parser does not say what it takes"};
    std::string_view rest = std::string_view{refused.error().hint}.substr(kIntroduction.size());
    Set words;
    while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(", "), rest.size());
        words.emplace(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 2, rest.size()));
    }
    return {words.begin(), words.end()};
}

void add_global(Vocabulary& out, const GlobalOption& option) {
    const auto into = [&]() -> WordList& {
        if (option.keyword == Keyword::Logger) return out.log_options;
        if (option.keyword == Keyword::Blob) return out.blobs;
        if (option.opens_context) return out.contexts;
        return option.arguments == 0 ? out.switches : out.globals;
    };
    into().emplace_back(option.name);
}

/// What the contexts have. A word that takes an argument somewhere is not a flag.
class Options {
public:
    void add(std::span<const OptionSpec> options) {
        for (const OptionSpec& each : options) {
            if (find_global(each.name) != nullptr) continue;
            into(each.type).emplace(each.name);
            for (const std::string_view word : each.choices) add_choice(word);
        }
    }
    void add_choices(const WordList& words) {
        for (const std::string& word : words) add_choice(word);
    }

    void move_to(Vocabulary& out) const {
        for (const std::string& each : flags_)
            if (!options_.contains(each)) out.flags.push_back(each);
        out.options.assign(options_.begin(), options_.end());
        out.log_options.insert(out.log_options.end(), logs_.begin(), logs_.end());
        out.choices.assign(choices_.begin(), choices_.end());
    }

private:
    /// Numbers have a colour of their own.
    void add_choice(std::string_view word) {
        if (word.find_first_not_of("0123456789") != std::string_view::npos) choices_.emplace(word);
    }
    Set& into(ArgType type) {
        if (type == ArgType::LogRule) return logs_;
        return type == ArgType::Flag ? flags_ : options_;
    }

    Set flags_;
    Set options_;
    Set logs_;
    Set choices_{"forever"};
};

}  // namespace

Vocabulary collect_words(Types types) {
    Vocabulary out;
    for (const GlobalOption& each : global_options()) add_global(out, each);
    Options options;
    for (const auto table : {cpu_options(), reserve_options(), pass_options(), common_vdev_options()})
        options.add(table);
    for (const VdevSyntax* each : types) {
        options.add(each->options);
        out.types.emplace_back(each->type);
    }
    options.add_choices(accepted_by(parse_safety));
    options.add_choices(accepted_by(parse_unsupported_type));
    options.add_choices(accepted_by(parse_unsupported_action));
    options.move_to(out);
    for (const VariableSpec& each : variables()) out.variables.emplace_back(each.name);
    out.severities = accepted_by(parse_severities);
    out.destinations = accepted_by(parse_destination);
    for (WordList* list :
         {&out.contexts, &out.blobs, &out.switches, &out.globals, &out.log_options, &out.types, &out.variables})
        std::ranges::sort(*list);
    return out;
}

std::string alternatives(const WordList& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

}  // namespace qvm::tables
