// SPDX-License-Identifier: Apache-2.0
// The options that belong to a cpu, a reserve or a vdev.
#include <fmt/format.h>

#include <algorithm>

#include "config/parser_state.hpp"

namespace qvm {

void Parser::context_option(const Word& option, const OptionSpec& spec) {
    if (stream_.entered_source()) {
        diagnostics_.warning(option.where, fmt::format("'{}' continues what another source began", option.text));
        diagnostics_.note(context_where_, "it belongs to this");
    }
    if (context_ == Context::Cpu) return cpu_option(option, spec);
    if (context_ == Context::Reserve) return reserve_option(option, spec);
    if (context_ == Context::Pass) return pass_option(option, spec);
    vdev_option(option, spec);
}

void Parser::cpu_option(const Word& option, const OptionSpec& spec) {
    if (spec.name == "runmask" || spec.name == "cluster") return host_cpus(option, spec);
    const auto given = read_option(option, spec);
    if (!given) return;
    check_effect(option, &spec, spec.no_effect);
    CpuSpec& cpu = config_.cpus.back();
    if (spec.name == "partition") cpu.partition = std::get<std::string>(given->value);
    if (spec.name != "sched") return;
    cpu.sched = std::get<SchedSpec>(given->value);
    cpu.sched_where = given->where;
}

/// `runmask` and `cluster` say the same thing in two ways: the last one counts.
void Parser::host_cpus(const Word& option, const OptionSpec& spec) {
    const Word* argument = take_argument(option, spec.help);
    if (argument == nullptr) return;
    const bool by_name = spec.name == "cluster";
    auto cpus = accept(option, *argument, spec.help,
                       by_name ? resolve_cluster(argument->text, map_) : parse_runmask(argument->text));
    if (!cpus) return;
    CpuSpec& cpu = config_.cpus.back();
    if (cpus_from_ != nullptr && cpus_from_ != &spec) {
        diagnostics_.warning(option.where,
                             fmt::format("'{}' after '{}': the last one counts", spec.name, cpus_from_->name));
        diagnostics_.note(cpu.runmask_where, "this one has no effect");
    }
    cpus_from_ = &spec;
    cpu.runmask = std::move(*cpus);
    cpu.runmask_where = argument->where;
}

void Parser::reserve_option(const Word& option, const OptionSpec& spec) {
    const auto given = read_option(option, spec);
    if (!given) return;
    ReserveSpec reserved{GuestLocation{}, given->where, config_.vdevs.size()};
    if (const auto* location = std::get_if<GuestLocation>(&given->value)) reserved.what = *location;
    if (const auto* intr = std::get_if<IntrSpec>(&given->value)) reserved.what = *intr;
    config_.reserved.push_back(std::move(reserved));
}

void Parser::pass_option(const Word& option, const OptionSpec& spec) {
    const auto given = read_option(option, spec);
    if (!given) return;
    PassSpec& pass = config_.passed.back();
    if (const auto* location = std::get_if<PassLocation>(&given->value)) {
        pass.locations.push_back(*location);
        pass.locations.back().where = given->where;
    }
    if (const auto* name = std::get_if<std::string>(&given->value)) return name_node(pass, *name, given->where);
    const auto* intr = std::get_if<PassIntr>(&given->value);
    if (intr == nullptr || !names_controller(intr->guest, given->where)) return;
    pass.interrupts.push_back(*intr);
    pass.interrupts.back().where = given->where;
}

/// One device has one node: the last one counts.
void Parser::name_node(PassSpec& pass, const std::string& name, const Location& where) {
    constexpr std::string_view kLabel = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (!name.starts_with('/') && (name.empty() || name.find_first_not_of(kLabel) != std::string::npos))
        return diagnostics_.error(where, fmt::format("{} is no node of a device tree", quoted(name)),
                                  "write its path, such as /soc/serial@7e201000, its label, its alias or its address");
    if (pass.node) diagnostics_.warning(where, "'node' given twice for one 'pass': the last one counts");
    pass.node = PassNode{name, where};
}

const VdevSyntax* Parser::find_vdev(std::string_view spelling) const noexcept {
    const auto types = grammar_.types();
    const auto find = [&types](std::string_view type) -> const VdevSyntax* {
        const auto found =
            std::find_if(types.begin(), types.end(), [type](const VdevSyntax* each) { return each->type == type; });
        return found == types.end() ? nullptr : *found;
    };
    const VdevSyntax* exact = find(spelling);
    return exact ? exact : find(bare_vdev_type(spelling));
}

void Parser::vdev(const Word& option, const GlobalOption& global) {
    const Word* type = take_argument(option, global.takes);
    const VdevSyntax* syntax = type == nullptr ? nullptr : find_vdev(type->text);
    open(syntax == nullptr ? Context::Ignored : Context::Vdev, option);
    vdev_refused_ = syntax == nullptr;
    if (syntax == nullptr) {
        config_.damage.vdevs = true;
        if (type != nullptr && !type->broken) refuse_vdev(option, *type, global);
        return;
    }
    given_.clear();
    errors_before_vdev_ = diagnostics_.errors();
    config_.vdevs.push_back({.syntax = syntax, .where = type->where});
}

void Parser::refuse_vdev(const Word& option, const Word& type, const GlobalOption& global) {
    if (options_.skip_unknown_vdevs && !is_option(type.text)) {
        return diagnostics_.warning(type.where, fmt::format("unknown vdev type {}: it is left out", quoted(type.text)));
    }
    const std::string_view bare = bare_vdev_type(type.text);
    std::vector<std::string_view> types;
    for (const VdevSyntax* each : grammar_.types()) types.push_back(each->type);
    refuse(option, type, global.takes,
           {fmt::format("unknown vdev type {}", quoted(type.text)), did_you_mean(bare, types)});
}

void Parser::vdev_option(const Word& option, const OptionSpec& spec) {
    given_.push_back(&spec);
    auto given = read_option(option, spec);
    if (!given || !fits_vdev(*given)) return;
    check_effect(option, &spec, spec.no_effect);
    std::vector<OptionValue>& options = config_.vdevs.back().options;
    if (!spec.repeatable) std::erase_if(options, [&spec](const OptionValue& each) { return each.spec == &spec; });
    options.push_back(std::move(*given));
}

bool Parser::names_controller(const IntrSpec& intr, const Location& where) {
    if (!intr.controller.empty()) return true;
    diagnostics_.error(where, "this interrupt line does not name its controller",
                       fmt::format("write controller:line, such as 'myioapic:{}'", intr.line.value_or(0)));
    return false;
}

/// What the language allows elsewhere, but not in a vdev.
bool Parser::fits_vdev(const OptionValue& value) {
    const auto* intr = std::get_if<IntrSpec>(&value.value);
    if (intr != nullptr && !names_controller(*intr, value.where)) return false;
    const auto* text = std::get_if<std::string>(&value.value);
    return text == nullptr || value.spec->name != "name" || fits_as_name(*text, value.where);
}

bool Parser::fits_as_name(std::string_view name, const Location& where) {
    if (name.empty()) {
        diagnostics_.error(where, "an empty name");
        return false;
    }
    const bool controller = config_.vdevs.back().syntax->footprint.lines != 0;
    if (!controller || name.find(':') == std::string_view::npos) return true;
    diagnostics_.error(where, "the name of an interrupt controller has no colon",
                       "in 'intr' a colon stands between this name and the line");
    return false;
}

void Parser::finish_vdev() {
    VdevSpec& vdev = config_.vdevs.back();
    const bool cut_off = stream_.at_end() && !options_.complete;
    for (const OptionSpec& spec : vdev_options()) {
        const bool given = std::find(given_.begin(), given_.end(), &spec) != given_.end();
        if (!spec.required || given || cut_off) continue;
        diagnostics_.error(vdev.where, fmt::format("vdev '{}' needs '{}'", vdev.syntax->type, spec.name),
                           fmt::format("'{}' takes {}", spec.name, describe_argument(spec)));
    }
    check_name(vdev);
    vdev.damaged = diagnostics_.errors() != errors_before_vdev_;
}

void Parser::check_name(const VdevSpec& vdev) {
    const OptionValue* name = vdev.find("name");
    if (name == nullptr) return;
    const auto [other, is_new] = vdev_names_.try_emplace(std::string{vdev.name()}, name->where);
    if (is_new) return;
    diagnostics_.error(name->where, fmt::format("the name {} is taken", quoted(vdev.name())));
    diagnostics_.note(other->second, "by this vdev");
}

}  // namespace qvm
