// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "config/parser_state.hpp"

namespace qvm {

namespace {

/// A keyword by its looks; addresses, paths and `controller:line` are none.
bool looks_like_option(std::string_view text) noexcept {
    const auto fits = [](char byte) {
        return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
    };
    return !text.empty() && text[0] >= 'a' && text[0] <= 'z' && std::all_of(text.begin(), text.end(), fits);
}

/// "'a', 'b' or 'c'"
std::string alternatives(const std::vector<std::string_view>& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i != 0) out += i + 1 == words.size() ? " or " : ", ";
        out += fmt::format("'{}'", words[i]);
    }
    return out;
}

/// From the start of `first` to the end of `second`, if that is on one line.
Location span_of(const Location& first, const Location& second) noexcept {
    if (first.source != second.source || first.line != second.line) return first;
    return {first.source, first.line, first.column, second.column + second.length - first.column};
}

}  // namespace

Parser::Parser(std::span<const Word> words, const VdevGrammar& grammar, const HostMap& map, ParserOptions options,
               Diagnostics& diagnostics)
    : stream_{words},
      grammar_{grammar},
      map_{map},
      diagnostics_{diagnostics},
      options_{options},
      memory_{diagnostics} {}

VmConfig Parser::run() {
    while (!stream_.at_end()) step();
    close();
    finish();
    return std::move(config_);
}

void Parser::step() {
    const Word& word = stream_.take();
    if (word.broken) return skip_to_option();
    if (const OptionSpec* own = own_option(word.text)) return context_option(word, *own);
    if (const GlobalOption* global = find_global(word.text)) return global_option(word, *global);
    unknown(word);
}

void Parser::open(Context context, const Word& option) {
    close();
    context_ = context;
    context_where_ = option.where;
}

void Parser::close() {
    if (context_ == Context::Vdev) finish_vdev();
    context_ = Context::None;
}

void Parser::finish() {
    config_.memory = memory_.take();
    config_.damage.memory = !memory_.known();
    if (!memory_.any_ram() && !passes_memory() && options_.complete) {
        diagnostics_.error(everything(), "the guest has no memory", "add a line such as 'ram 512M'");
        config_.damage.memory = true;
    }
    if (config_.cpus.empty()) config_.cpus.push_back({.where = Location{kNoSource, 0, 0, 0}});
}

bool Parser::passes_memory() const noexcept {
    return std::any_of(config_.passed.begin(), config_.passed.end(), [](const PassSpec& pass) {
        return std::any_of(pass.locations.begin(), pass.locations.end(),
                           [](const PassLocation& each) { return each.is_memory(); });
    });
}

/// For what is missing: the only source there is, or nowhere.
Location Parser::everything() const noexcept {
    const std::span<const Word> words = stream_.words();
    const auto differs = [&words](const Word& each) { return each.where.source != words.front().where.source; };
    const bool one_source = !words.empty() && std::none_of(words.begin(), words.end(), differs);
    return {one_source ? words.front().where.source : kNoSource, 0, 0, 0};
}

std::span<const OptionSpec> Parser::vdev_options() const noexcept { return config_.vdevs.back().syntax->options; }

const OptionSpec* Parser::own_option(std::string_view name) const noexcept {
    switch (context_) {
        case Context::None:
        case Context::Ignored:
            return nullptr;
        case Context::Cpu:
            return find_option(cpu_options(), name);
        case Context::Reserve:
            return find_option(reserve_options(), name);
        case Context::Pass:
            return find_option(pass_options(), name);
        case Context::Vdev:
            break;
    }
    const OptionSpec* own = find_option(vdev_options(), name);
    return own ? own : find_option(common_vdev_options(), name);
}

bool Parser::is_option(std::string_view name) const noexcept {
    return own_option(name) != nullptr || find_global(name) != nullptr;
}

const Word* Parser::take_argument(const Word& option, std::string_view takes) {
    if (!stream_.at_end()) return &stream_.take();
    if (options_.complete) {
        diagnostics_.error(option.where, fmt::format("'{}' has no argument", option.text),
                           fmt::format("it takes {}", takes));
    }
    return nullptr;
}

void Parser::refuse(const Word& option, const Word& argument, std::string_view takes, const ValueError& error) {
    if (is_option(argument.text)) {
        stream_.put_back();
        return diagnostics_.error(
            option.where, fmt::format("'{}' has no argument: '{}' after it is an option", option.text, argument.text),
            fmt::format("it takes {}", takes));
    }
    const std::size_t length = error.length != 0 ? error.length : argument.text.size();
    std::string hint = error.hint.empty() ? fmt::format("'{}' takes {}", option.text, takes) : error.hint;
    // `0x1000, 512M`: the rest of the list would only be taken for an unknown option.
    if (argument.text.ends_with(',') && !stream_.at_end() && !is_option(stream_.peek().text)) {
        stream_.take();
        hint = "a list is one word, without blanks after its commas";
    }
    diagnostics_.error(argument.part(error.offset, length), error.message, std::move(hint));
}

/// `loc io 0xcf,0x8`, as one guide writes it, means `loc io:0xcf,0x8`.
Word Parser::joined_location(const Word& first) {
    const bool space_alone = first.text == "io" || first.text == "mem" || first.text == "pci";
    if (!space_alone || stream_.at_end() || is_option(stream_.peek().text)) return first;
    const Word& second = stream_.take();
    Word joined{first.text + ':' + second.text, span_of(first.where, second.where), false};
    joined.broken = first.broken || second.broken;
    return joined;
}

std::optional<LogRule> Parser::read_log_rule(const Word& option, std::string_view takes) {
    const Word* filters = take_argument(option, takes);
    if (filters == nullptr) return std::nullopt;
    const auto severities = accept(option, *filters, takes, parse_severities(filters->text));
    const bool was_put_back = !stream_.at_end() && &stream_.peek() == filters;
    if (was_put_back) return std::nullopt;
    const Word* where = take_argument(option, takes);
    if (where == nullptr) return std::nullopt;
    const auto destination = accept(option, *where, takes, parse_destination(where->text));
    if (!severities || !destination) return std::nullopt;
    return LogRule{*severities, *destination};
}

std::optional<OptionValue> Parser::read_option(const Word& option, const OptionSpec& spec) {
    const std::string takes = describe_argument(spec);
    if (spec.type == ArgType::Flag) return OptionValue{&spec, option.where, std::monostate{}};
    if (spec.type == ArgType::LogRule) {
        auto rule = read_log_rule(option, takes);
        if (!rule) return std::nullopt;
        return OptionValue{&spec, option.where, std::move(*rule)};
    }
    const Word* first = take_argument(option, takes);
    if (first == nullptr) return std::nullopt;
    const bool place = spec.type == ArgType::Location || spec.type == ArgType::PassLocation;
    const Word argument = place ? joined_location(*first) : *first;
    auto value = accept(option, argument, takes, parse_argument(spec, argument.text));
    if (!value) return std::nullopt;
    if (const auto* sched = std::get_if<SchedSpec>(&*value)) check_sporadic(*sched, spec, argument);
    return OptionValue{&spec, argument.where, std::move(*value)};
}

void Parser::check_sporadic(const SchedSpec& sched, const OptionSpec& spec, const Word& argument) {
    if (!sched.sporadic) return;
    // The `s` of the form may stand apart, as the synopsis has it.
    if (!stream_.at_end() && !argument.text.ends_with('s') && stream_.peek().text == "s") stream_.take();
    if (!spec.no_effect.empty()) return;  // that is said already
    diagnostics_.warning(
        argument.where,
        fmt::format("this runs as SCHED_DEADLINE with {} ms of every {} ms: priorities and replenishments are not used",
                    sched.sporadic->budget, sched.sporadic->period));
}

const OptionSpec* Parser::vdev_option_of_any_type(std::string_view name) const noexcept {
    for (const VdevSyntax* syntax : grammar_.types()) {
        if (const OptionSpec* spec = find_option(syntax->options, name)) return spec;
    }
    return find_option(common_vdev_options(), name);
}

/// The options that `name` may follow.
std::vector<std::string_view> Parser::owners(std::string_view name) const {
    std::vector<std::string_view> out;
    if (find_option(cpu_options(), name) != nullptr) out.emplace_back("cpu");
    if (vdev_option_of_any_type(name) != nullptr) out.emplace_back("vdev");
    if (find_option(reserve_options(), name) != nullptr) out.emplace_back("reserve");
    if (find_option(pass_options(), name) != nullptr) out.emplace_back("pass");
    return out;
}

std::size_t Parser::arguments_elsewhere(std::string_view name) const noexcept {
    const OptionSpec* spec = vdev_option_of_any_type(name);
    if (spec == nullptr) spec = find_option(cpu_options(), name);
    if (spec == nullptr) spec = find_option(reserve_options(), name);
    return spec == nullptr ? 0 : argument_count(spec->type);
}

std::string Parser::why_unknown(const Word& word) const {
    const auto where = owners(word.text);
    if (where.empty()) return fmt::format("unknown option {}", quoted(word.text));
    if (context_ == Context::None) {
        return fmt::format("'{}' needs a {} before it", word.text, alternatives(where));
    }
    if (context_ == Context::Vdev) {
        return fmt::format("vdev '{}' has no option '{}'", config_.vdevs.back().syntax->type, word.text);
    }
    const std::string_view present = context_ == Context::Cpu ? "cpu" : context_ == Context::Pass ? "pass" : "reserve";
    return fmt::format("'{}' has no option '{}'", present, word.text);
}

std::string Parser::hint_for_unknown(const Word& word) const {
    const Word* before = stream_.before_last();
    if (before != nullptr && before->text == "cpu" && context_ == Context::Cpu) {
        return "'cpu' takes no argument; write it once for each vCPU";
    }
    if (word.text.starts_with('@')) return "'@file' is read on the command line only";
    std::vector<std::string_view> known;
    const auto add = [&known](std::span<const OptionSpec> options) {
        for (const OptionSpec& each : options) known.push_back(each.name);
    };
    if (context_ == Context::Cpu) add(cpu_options());
    if (context_ == Context::Reserve) add(reserve_options());
    if (context_ == Context::Pass) add(pass_options());
    if (context_ == Context::Vdev) add(vdev_options());
    if (context_ == Context::Vdev) add(common_vdev_options());
    if (!owners(word.text).empty()) return known.empty() ? "" : fmt::format("it has: {}", fmt::join(known, ", "));
    for (const GlobalOption& each : global_options()) known.push_back(each.name);
    return did_you_mean(word.text, known);
}

/// One mistake, one message: the words that seem to belong to the unknown one are skipped.
void Parser::unknown(const Word& word) {
    const std::size_t arguments = arguments_elsewhere(word.text);
    if (context_ == Context::Ignored) return skip(arguments);
    diagnostics_.error(word.where, why_unknown(word), hint_for_unknown(word));
    skip(arguments);
    skip_to_option();
}

void Parser::skip(std::size_t words) {
    for (; words != 0 && !stream_.at_end(); --words) stream_.take();
}

void Parser::skip_to_option() {
    while (!stream_.at_end()) {
        const Word& next = stream_.peek();
        if (is_option(next.text) || (next.starts_line && looks_like_option(next.text))) return;
        stream_.take();
    }
}

VmConfig parse_words(std::span<const Word> words, const VdevGrammar& grammar, const HostMap& map, ParserOptions options,
                     Diagnostics& diagnostics) {
    return Parser{words, grammar, map, options, diagnostics}.run();
}

}  // namespace qvm
