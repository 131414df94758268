// SPDX-License-Identifier: Apache-2.0
#include "config/print_config.hpp"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "config/language.hpp"
#include "config/substitution.hpp"
#include "config/value_text.hpp"

namespace qvm {

namespace {

bool needs_quotes(std::string_view text) noexcept {
    return text.empty() || text.find_first_of(" \t\n\v\f\r\"\\#") != std::string_view::npos;
}

/// What stands between the quotes for the byte at `at`.
std::string quoted_byte(std::string_view text, std::size_t at) {
    const char byte = text[at];
    if (byte == '"' || byte == '\\') return {'\\', byte};
    // CR and LF would be read as one line end; a joined line keeps them apart.
    if (byte == '\r' && text.substr(at + 1).starts_with('\n')) return "\r\\\n";
    return {byte};
}

/// What is passed is printed with its `pass`.
bool is_line(const MemorySpec& memory) noexcept { return !memory.host; }

class Printer {
public:
    explicit Printer(const VmConfig& config) : config_{config} {}

    std::string run() {
        head();
        // Without memory of its own the guest has that of a `pass`, which must come before any `load`.
        const bool loads_first = std::ranges::any_of(config_.memory, is_line);
        if (loads_first) loads();
        if (config_.cmdline) global("cmdline", {config_.cmdline->text});
        for (const CpuSpec& each : config_.cpus) cpu(each);
        devices();
        if (!loads_first) loads();
        tail();
        return std::move(out_);
    }

private:
    void words(std::initializer_list<std::string> list) {
        for (const std::string& each : list) out_ += ' ' + spelled_word(each);
        out_ += '\n';
    }

    /// An option that may stand anywhere, unless the open vdev has one of the same name, which would go before it. A
    /// `reserve` that reserves nothing closes the vdev.
    void global(std::string_view option, std::initializer_list<std::string> arguments = {}) {
        if (open_ != nullptr && find_option(open_->options, option.substr(0, option.find(' '))) != nullptr) {
            out_ += "reserve  # ends the vdev\n";
            open_ = nullptr;
        }
        out_ += option;
        words(arguments);
    }

    void own(std::string_view option, const std::vector<std::string>& arguments) {
        out_ += "    ";
        out_ += option;
        for (const std::string& each : arguments) out_ += ' ' + spelled_word(each);
        out_ += '\n';
    }

    /// `option` with the word that says what it brings.
    static std::string brought(Blob blob, std::string_view option) {
        std::string out{blob_name(blob)};
        if (!out.empty()) out += ' ';
        return out.append(option);
    }

    void head() {
        if (!config_.system.empty()) global("system", {config_.system});
        if (config_.safety != Safety::None) global("safety", {std::string{safety_name(config_.safety)}});
        if (config_.debug) global("debug");
        for (const LogRule& each : config_.loggers)
            global("logger", {severities_text(each.severities), std::string{destination_name(each.destination)}});
        for (const SetSpec& each : config_.variables) global("set", {each.name, each.value});
        for (const MemorySpec& each : config_.memory) {
            if (!is_line(each)) continue;
            global(each.rom ? "rom" : "ram", {address_text(each.range.start()) + ',' + length_text(each.range.size())});
        }
    }

    void loads() {
        for (const LoadSpec& each : config_.loads)
            global(brought(each.blob, "load"), {(each.address ? address_text(*each.address) + ',' : "") + each.path});
    }

    void cpu(const CpuSpec& cpu) {
        global("cpu");
        open_ = nullptr;
        if (cpu.sched) own("sched", {sched_text(*cpu.sched)});
        if (!cpu.runmask.empty()) own("runmask", {runmask_text(cpu.runmask)});
        if (!cpu.partition.empty()) own("partition", {cpu.partition});
    }

    void devices() {
        std::size_t pass = 0;
        std::size_t reserve = 0;
        for (std::size_t before = 0; before <= config_.vdevs.size(); ++before) {
            while (pass < config_.passed.size() && config_.passed[pass].after_vdevs <= before)
                passed(config_.passed[pass++]);
            reserve = reserved(reserve, before);
            if (before < config_.vdevs.size()) vdev(config_.vdevs[before]);
        }
    }

    void passed(const PassSpec& pass) {
        global(brought(pass.blob, "pass"));
        open_ = nullptr;
        for (const PassLocation& each : pass.locations) own("loc", {pass_location_text(each)});
        for (const PassIntr& each : pass.interrupts) own("intr", {pass_intr_text(each)});
        if (pass.node) own("node", {pass.node->text});
    }

    /// Those from `next` on that stand before the next vdev; returns the first that does not.
    std::size_t reserved(std::size_t next, std::size_t vdevs_before) {
        const std::vector<ReserveSpec>& all = config_.reserved;
        if (next == all.size() || all[next].after_vdevs > vdevs_before) return next;
        global("reserve");
        open_ = nullptr;
        for (; next < all.size() && all[next].after_vdevs <= vdevs_before; ++next) {
            if (const auto* place = std::get_if<GuestLocation>(&all[next].what)) own("loc", {location_text(*place)});
            if (const auto* line = std::get_if<IntrSpec>(&all[next].what)) own("intr", {intr_text(*line)});
        }
        return next;
    }

    void vdev(const VdevSpec& vdev) {
        global("vdev", {std::string{vdev.syntax->type}});
        open_ = vdev.syntax;
        for (const OptionValue& each : vdev.options) own(each.spec->name, argument_words(*each.spec, each.value));
        for (const SetSpec& each : vdev.variables) {
            out_ += "    ";
            global("set", {each.name, each.value});
        }
    }

    void tail() {
        if (config_.dump) global("dump", {dump_text(*config_.dump)});
        for (const UnsupportedSpec& each : config_.unsupported)
            global("unsupported",
                   {std::string{unsupported_type_name(each.type)}, std::string{unsupported_action_name(each.action)}});
        if (config_.user) global("user", {user_text(*config_.user)});
        if (config_.dryrun) global("dryrun");
    }

    const VmConfig& config_;
    const VdevSyntax* open_ = nullptr;  ///< of the open context; null if that is no vdev's
    std::string out_;
};

}  // namespace

std::string spelled_word(std::string_view text) {
    std::string plain = as_plain_text(text);
    if (!needs_quotes(plain)) return plain;
    std::string out = "\"";
    for (std::size_t at = 0; at < plain.size(); ++at) out += quoted_byte(plain, at);
    return out + '"';
}

std::string print_config(const VmConfig& config) { return Printer{config}.run(); }

}  // namespace qvm
