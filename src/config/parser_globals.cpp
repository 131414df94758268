// SPDX-License-Identifier: Apache-2.0
// The options that may stand anywhere. But for cpu, vdev, reserve and pass they leave the context open.
#include <fmt/format.h>

#include <algorithm>

#include "config/parser_state.hpp"
#include "config/variables.hpp"

namespace qvm {

namespace {

Blob blob_of(std::string_view word) noexcept {
    if (word == "guest") return Blob::Guest;
    if (word == "initrd") return Blob::Initrd;
    if (word == "fdt") return Blob::Fdt;
    if (word == "data") return Blob::Data;
    return word == "acpi" ? Blob::Acpi : Blob::Sniff;
}

}  // namespace

void Parser::global_option(const Word& option, const GlobalOption& global) {
    switch (global.keyword) {
        case Keyword::System:
            return system(option, global);
        case Keyword::Ram:
            return memory(option, global, false);
        case Keyword::Rom:
            return memory(option, global, true);
        case Keyword::Cpu:
            return cpu(option);
        case Keyword::Load:
            return load(option, global.takes, Blob::Sniff);
        case Keyword::Blob:
            return blob(option);
        case Keyword::Cmdline:
            return cmdline(option, global);
        case Keyword::Vdev:
            return vdev(option, global);
        case Keyword::Reserve:
            return open(Context::Reserve, option);
        case Keyword::Logger:
            return logger(option, global);
        case Keyword::Set:
            return set(option, global);
        case Keyword::Debug:
            config_.debug = true;
            return check_effect(option, &global, "no part of this version has diagnostics that it could enable");
        case Keyword::Safety:
            return safety(option, global);
        case Keyword::Pass:
            return pass(option, Blob::Sniff);
        case Keyword::Dump:
            return dump(option, global);
        case Keyword::Unsupported:
            return unsupported(option, global);
        case Keyword::User:
            return user(option, global);
        case Keyword::Dryrun:
            config_.dryrun = option.where;
            return;
    }
}

void Parser::system(const Word& option, const GlobalOption& global) {
    if (stream_.taken() != 1) {
        diagnostics_.error(option.where, "'system' must be the first option");
        diagnostics_.note(stream_.words().front().where, "the configuration begins here");
    }
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr) return;
    auto name = accept(option, *argument, global.takes, parse_system_name(argument->text));
    if (!name) return;
    config_.system = std::move(*name);
    config_.system_where = argument->where;
}

void Parser::memory(const Word& option, const GlobalOption& global, bool rom) {
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr) return memory_.add_broken(rom);
    const auto asked = accept(option, *argument, global.takes, parse_memory(argument->text));
    if (!asked) return memory_.add_broken(rom);
    memory_.add(rom, *asked, *argument);
}

void Parser::cpu(const Word& option) {
    open(Context::Cpu, option);
    cpus_from_ = nullptr;
    config_.cpus.push_back({.where = option.where});
}

void Parser::blob(const Word& option) {
    const std::string_view next = stream_.at_end() ? std::string_view{} : stream_.peek().text;
    if (next == "pass") return pass(stream_.take(), blob_of(option.text));
    if (next != "load" && context_ == Context::Ignored) return;  // may be an option of a vdev that is not known
    if (next != "load") {
        if (options_.complete || !stream_.at_end()) {
            diagnostics_.error(option.where, fmt::format("'{}' must be followed by 'load' or 'pass'", option.text));
        }
        return skip_to_option();
    }
    load(stream_.take(), find_global("load")->takes, blob_of(option.text));
}

void Parser::load(const Word& option, std::string_view takes, Blob blob) {
    if (!memory_.any() && !passes_memory() && !load_refused_) {
        diagnostics_.error(option.where, "'load' before any 'ram': there is nowhere to load to",
                           "move the 'ram' lines before it");
        load_refused_ = true;
    }
    const Word* argument = take_argument(option, takes);
    const auto file = argument == nullptr ? std::nullopt : accept(option, *argument, takes, parse_load(argument->text));
    config_.damage.loads = config_.damage.loads || !file;
    if (!file) return;
    config_.loads.push_back({blob, file->address, file->path, argument->where});
}

void Parser::cmdline(const Word& option, const GlobalOption& global) {
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr || argument->broken) return;
    if (config_.cmdline) {
        diagnostics_.warning(option.where, "'cmdline' again: the last one counts");
        diagnostics_.note(config_.cmdline->where, "this one has no effect");
    }
    std::string text = argument->text;
    std::replace(text.begin(), text.end(), '\n', ' ');
    config_.cmdline = CmdlineSpec{std::move(text), argument->where};
}

void Parser::logger(const Word& option, const GlobalOption& global) {
    auto rule = read_log_rule(option, global.takes);
    if (rule) config_.loggers.push_back(std::move(*rule));
}

void Parser::pass(const Word& option, Blob blob) {
    open(Context::Pass, option);
    config_.passed.push_back({.blob = blob, .where = option.where, .after_vdevs = config_.vdevs.size()});
}

void Parser::dump(const Word& option, const GlobalOption& global) {
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr) return;
    auto target = accept(option, *argument, global.takes, parse_dump(argument->text));
    if (!target) return;
    config_.dump = std::move(*target);
    config_.dump->where = argument->where;
}

void Parser::unsupported(const Word& option, const GlobalOption& global) {
    const Word* what = take_argument(option, global.takes);
    if (what == nullptr) return;
    const auto type = accept(option, *what, global.takes, parse_unsupported_type(what->text));
    if (!type && is_option(what->text)) return;
    const Word* then = take_argument(option, global.takes);
    if (then == nullptr) return;
    const auto action = accept(option, *then, global.takes, parse_unsupported_action(then->text));
    if (!type || !action) return;
    std::erase_if(config_.unsupported, [&type](const UnsupportedSpec& each) { return each.type == *type; });
    config_.unsupported.push_back({*type, *action, option.where});
}

void Parser::user(const Word& option, const GlobalOption& global) {
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr) return;
    auto who = accept(option, *argument, global.takes, parse_user(argument->text));
    if (!who) return;
    config_.user = std::move(*who);
    config_.user->where = argument->where;
}

void Parser::safety(const Word& option, const GlobalOption& global) {
    const Word* argument = take_argument(option, global.takes);
    if (argument == nullptr) return;
    const auto wanted = accept(option, *argument, global.takes, parse_safety(argument->text));
    if (!wanted) return;
    config_.safety = *wanted;
    if (*wanted == Safety::None) return;
    if (*wanted == Safety::Required) {
        return diagnostics_.error(argument->where, "no part of this program is certified for safety",
                                  "'safety none' or 'safety warn' lets the VM run without");
    }
    if (!warned_.insert(&global).second) return;
    diagnostics_.warning(argument->where, "no part of this program is certified for safety");
}

void Parser::set(const Word& option, const GlobalOption& global) {
    const Word* name = take_argument(option, global.takes);
    if (name == nullptr) return;
    const VariableSpec* variable = find_variable(name->text);
    if (variable == nullptr && is_option(name->text)) {
        return refuse(option, *name, global.takes, ValueError{"not a variable"});
    }
    const Word* value = take_argument(option, global.takes);
    if (value == nullptr || name->broken || value->broken) return;
    if (variable != nullptr) {
        if (!accept(option, *value, global.takes, check_variable(*variable, value->text))) return;
        check_effect(*name, variable, variable->no_effect);
    } else {
        std::vector<std::string_view> known;
        for (const VariableSpec& each : variables()) known.push_back(each.name);
        diagnostics_.warning(name->where, fmt::format("unknown variable {} has no effect", quoted(name->text)),
                             did_you_mean(name->text, known));
    }
    std::vector<SetSpec>* const into = variables_of(variable, *name);
    if (into == nullptr) return;
    // A global variable counts as one before the first vdev.
    const std::size_t owner = into == &config_.variables ? 0 : config_.vdevs.size();
    const auto [at, is_new] = variable_at_.try_emplace({owner, name->text}, into->size());
    if (is_new) into->emplace_back();
    (*into)[at->second] = {name->text, value->text, name->where, value->where};
}

/// A variable of a vdev belongs to the last one, whatever other context was opened since. Null if there is none.
std::vector<SetSpec>* Parser::variables_of(const VariableSpec* variable, const Word& name) {
    if (variable == nullptr || variable->context == VariableContext::Global) return &config_.variables;
    if (vdev_refused_) return nullptr;
    if (!config_.vdevs.empty()) return &config_.vdevs.back().variables;
    diagnostics_.error(name.where, fmt::format("'{}' is a variable of a vdev, and there is none before it", name.text),
                       "write it behind the options of the vdev that it is for");
    return nullptr;
}

/// Says once for each row of a table why what it declares does nothing.
void Parser::check_effect(const Word& option, const void* row, std::string_view reason) {
    if (reason.empty() || !warned_.insert(row).second) return;
    diagnostics_.warning(option.where, fmt::format("'{}' has no effect: {}", option.text, reason));
}

}  // namespace qvm
