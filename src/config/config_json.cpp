// SPDX-License-Identifier: Apache-2.0
#include "config/config_json.hpp"

#include <fmt/format.h>

#include "config/json_text.hpp"
#include "config/value_json.hpp"
#include "config/value_text.hpp"

namespace qvm {

namespace {

class ConfigJson {
public:
    ConfigJson(const VmConfig& config, const Sources& sources) : config_{config}, sources_{sources} {}

    [[nodiscard]] std::string run() const {
        return JsonObject{}
            .raw("system", system())
            .text("safety", safety_name(config_.safety))
            .truth("debug", config_.debug)
            .raw("dryrun", config_.dryrun ? placed(JsonObject{}, *config_.dryrun) : "null")
            .raw("loggers", json_array(config_.loggers, log_rule_json))
            .raw("variables", variables(config_.variables))
            .raw("memory", array(config_.memory, &ConfigJson::memory))
            .raw("loads", array(config_.loads, &ConfigJson::load))
            .raw("cmdline", optional(config_.cmdline, &ConfigJson::cmdline))
            .raw("cpus", array(config_.cpus, &ConfigJson::cpu))
            .raw("vdevs", array(config_.vdevs, &ConfigJson::vdev))
            .raw("passed", array(config_.passed, &ConfigJson::pass))
            .raw("reserved", array(config_.reserved, &ConfigJson::reserve))
            .raw("dump", optional(config_.dump, &ConfigJson::dump))
            .raw("unsupported", array(config_.unsupported, &ConfigJson::unsupported))
            .raw("user", optional(config_.user, &ConfigJson::user))
            .done();
    }

private:
    template <typename T>
    using Member = std::string (ConfigJson::*)(const T&) const;

    template <typename T>
    [[nodiscard]] std::string array(const std::vector<T>& list, Member<T> json) const {
        return json_array(list, [this, json](const T& each) { return (this->*json)(each); });
    }
    template <typename T>
    [[nodiscard]] std::string optional(const std::optional<T>& value, Member<T> json) const {
        return value ? (this->*json)(*value) : "null";
    }

    [[nodiscard]] std::string place(const Location& where) const {
        if (where.source >= sources_.size()) return "null";
        return JsonObject{}
            .text("file", sources_.name(where.source))
            .number("line", where.line)
            .number("column", where.column)
            .done();
    }
    [[nodiscard]] std::string placed(JsonObject object, const Location& where) const {
        return object.raw("where", place(where)).done();
    }

    [[nodiscard]] std::string system() const {
        if (config_.system.empty()) return "null";
        return placed(JsonObject{}.text("name", config_.system), config_.system_where);
    }

    [[nodiscard]] std::string memory(const MemorySpec& memory) const {
        return placed(JsonObject{}
                          .text("kind", memory.rom ? "rom" : "ram")
                          .text("start", address_text(memory.range.start()))
                          .text("size", address_text(memory.range.size())),
                      memory.where);
    }

    [[nodiscard]] std::string load(const LoadSpec& load) const {
        return placed(JsonObject{}
                          .raw("blob", blob_json(load.blob))
                          .raw("address", address_json(load.address))
                          .text("path", load.path),
                      load.where);
    }

    [[nodiscard]] std::string cmdline(const CmdlineSpec& cmdline) const {
        return placed(JsonObject{}.text("text", cmdline.text), cmdline.where);
    }

    [[nodiscard]] std::string cpu(const CpuSpec& cpu) const {
        const bool bound = !cpu.runmask.empty();
        return placed(JsonObject{}
                          .raw("sched", cpu.sched ? value_json(*cpu.sched) : "null")
                          .raw("sched_where", cpu.sched ? place(cpu.sched_where) : "null")
                          .raw("runmask", json_array(cpu.runmask, [](std::uint32_t n) { return std::to_string(n); }))
                          .raw("runmask_where", bound ? place(cpu.runmask_where) : "null")
                          .raw("partition", cpu.partition.empty() ? "null" : json_string(cpu.partition)),
                      cpu.where);
    }

    [[nodiscard]] std::string vdev(const VdevSpec& vdev) const {
        return placed(JsonObject{}
                          .text("type", vdev.syntax->type)
                          .raw("options", array(vdev.options, &ConfigJson::option))
                          .raw("variables", variables(vdev.variables)),
                      vdev.where);
    }

    [[nodiscard]] std::string option(const OptionValue& option) const {
        return placed(
            JsonObject{}.text("name", option.spec->name).raw("value", argument_json(*option.spec, option.value)),
            option.where);
    }

    [[nodiscard]] std::string variables(const std::vector<SetSpec>& list) const {
        return array(list, &ConfigJson::variable);
    }
    [[nodiscard]] std::string variable(const SetSpec& set) const {
        JsonObject object;
        object.text("name", set.name).text("value", set.value).raw("value_where", place(set.value_where));
        return placed(std::move(object), set.where);
    }

    [[nodiscard]] std::string pass(const PassSpec& pass) const {
        return placed(JsonObject{}
                          .raw("blob", blob_json(pass.blob))
                          .raw("locations", array(pass.locations, &ConfigJson::pass_location))
                          .raw("interrupts", array(pass.interrupts, &ConfigJson::pass_intr))
                          .raw("node", pass.node ? pass_node(*pass.node) : "null")
                          .number("after_vdevs", pass.after_vdevs),
                      pass.where);
    }
    [[nodiscard]] std::string pass_node(const PassNode& node) const {
        return placed(JsonObject{}.text("name", node.text), node.where);
    }
    [[nodiscard]] std::string pass_location(const PassLocation& location) const {
        return placed(pass_location_json(location), location.where);
    }
    [[nodiscard]] std::string pass_intr(const PassIntr& intr) const { return placed(pass_intr_json(intr), intr.where); }

    [[nodiscard]] std::string reserve(const ReserveSpec& reserve) const {
        JsonObject object;
        if (const auto* place = std::get_if<GuestLocation>(&reserve.what)) object.raw("loc", value_json(*place));
        if (const auto* line = std::get_if<IntrSpec>(&reserve.what)) object.raw("intr", value_json(*line));
        object.number("after_vdevs", reserve.after_vdevs);
        return placed(std::move(object), reserve.where);
    }

    [[nodiscard]] std::string dump(const DumpSpec& dump) const {
        return placed(JsonObject{}.truth("command", dump.command).text("target", dump.target), dump.where);
    }

    [[nodiscard]] std::string unsupported(const UnsupportedSpec& what) const {
        return placed(JsonObject{}
                          .text("type", unsupported_type_name(what.type))
                          .text("action", unsupported_action_name(what.action)),
                      what.where);
    }

    [[nodiscard]] std::string user(const UserSpec& user) const {
        return placed(JsonObject{}.text("user", user.user).raw("groups", json_array(user.groups, json_string)),
                      user.where);
    }

    const VmConfig& config_;
    const Sources& sources_;
};

}  // namespace

std::string config_to_json(const VmConfig& config, const Sources& sources) {
    return ConfigJson{config, sources}.run() + '\n';
}

}  // namespace qvm
