// SPDX-License-Identifier: Apache-2.0
// Arguments in, one exit code out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config_json.hpp"
#include "config/diagnostics_json.hpp"
#include "config/help.hpp"
#include "config/json_text.hpp"
#include "config/language.hpp"
#include "config/passed_memory.hpp"
#include "config/print_config.hpp"
#include "config/reader.hpp"
#include "launcher/launcher.hpp"
#include "vmm/error.hpp"

namespace {

using namespace qvm;

constexpr const char* kFooter =
    R"(Each word is an option or an argument of the configuration language, or @FILE, which reads words from a
file; -f FILE is the same as @FILE. All of them together, in order, are one configuration:

  qvm -f guest.qvmconf
  qvm @base.qvmconf @disk.qvmconf cmdline "console=ttyS0 single"
  qvm ram 256M load vmlinuz cmdline console=ttyS0 vdev ser8250 hostdev -

Write -- before the first word if one begins with a dash.

What there is, each without a configuration:

  qvm vdev '?'               the types of vdev
  qvm --help-vdev ser8250    the options of one
  qvm set '?'                the variables of set

--check and --print judge the images and the place of every vdev and thread, too. They open no host end, make no file and
print to stdout if all is well. The word dryrun goes further: it builds the VM and does not start it.

Signals: SIGTERM and SIGINT press the guest's power button, a second one ends the VM at once; SIGQUIT ends it
at once; SIGUSR1 logs its status. On a terminal, Ctrl-A x ends the VM at once.

Exit status: 0 the guest ended itself (power-off or reset) or the check found no error, 3 forced end, 7 a vCPU
could not go on, 64 the host cannot give what the VM needs, 65 the configuration is wrong, 96 the host failed
later.)";

/// The command line, in the order it was given where that matters.
struct Arguments {
    std::vector<std::string> words{};
    std::string host_map{};
    bool check = false;
    std::string print{};  ///< map, threads, config or json; empty: nothing
    bool json = false;
    bool strict = false;
    bool skip_unknown_vdevs = false;
    std::string help_vdev{};
    std::optional<int> exit_now{};  ///< help or version was printed, or the usage was wrong
};

Arguments parse_arguments(int argc, char** argv) {
    CLI::App app{"Runs one virtual machine, described in the configuration language of QNX's qvm, on Linux KVM.",
                 "qvm"};
    Arguments arguments;
    std::vector<std::string> files;
    std::vector<std::string> words;
    std::string format;
    const CLI::Option* const file =
        app.add_option("-f,--file", files, "Read this configuration file")->type_name("FILE")->allow_extra_args(false);
    const CLI::Option* const word = app.add_option("word", words, "Configuration words, or @FILE")->type_name("");
    app.add_option("--host-map", arguments.host_map, "Names of host memory regions and CPU clusters")
        ->type_name("FILE");
    app.add_flag("-t,--check", arguments.check, "Judge the configuration and start nothing; needs no KVM");
    app.add_flag("--strict", arguments.strict, "Warnings are errors");
    app.add_flag("--skip-unknown-vdevs", arguments.skip_unknown_vdevs, "Leave out vdevs of types that nobody knows");
    app.add_option("--print", arguments.print,
                   "Check, then print the guest's memory, ports and interrupt lines; where its threads will run; the "
                   "configuration in normal form; all for programs")
        ->type_name("map|threads|config|json")
        ->check(CLI::IsMember({"map", "threads", "config", "json"}).description(""));
    app.add_option("--diagnostics", format, "Form of errors and warnings on stderr; json: one array")
        ->type_name("text|json")
        ->check(CLI::IsMember({"text", "json"}).description(""));
    app.add_option("--help-vdev", arguments.help_vdev, "List the options of a vdev type")->type_name("NAME");
    app.set_version_flag("--version", "qvm " QVM_VERSION);
    app.footer(kFooter);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return {.exit_now = app.exit(success)};
    } catch (const CLI::ParseError& error) {
        app.exit(error);
        return {.exit_now = kExitConfig};
    }
    arguments.json = format == "json";
    auto next_file = files.begin();
    auto next_word = words.begin();
    for (const CLI::Option* option : app.parse_order()) {
        if (option == file) arguments.words.push_back("@" + *next_file++);
        if (option == word) arguments.words.push_back(*next_word++);
    }
    return arguments;
}

int help_on_vdev(const std::string& name) {
    const Catalog catalog = make_catalog();
    const std::string_view bare = bare_vdev_type(name);
    std::vector<std::string_view> types;
    for (const VdevSyntax* type : catalog.types()) {
        types.push_back(type->type);
        if (type->type != bare) continue;
        fmt::print("{}{}", help_on_vdev(*type),
                   catalog.find(type) ? "" : "\nread and checked, but not in this version\n");
        return 0;
    }
    const std::string hint = did_you_mean(bare, types);
    fmt::print(stderr, "qvm: error: there is no vdev {}\n  hint: {}\n", qvm::quoted(name),
               hint.empty() ? "'qvm vdev ?' lists those that there are" : hint);
    return kExitConfig;
}

/// `vdev ?` and `set ?`. The variables of a vdev are listed only behind one (qvmconf specification 2.14).
int answer(const ConfigReader::Question& question, const Catalog& catalog) {
    if (question.about == ConfigReader::Question::About::Variables) {
        fmt::print("Variables:\n{}", help_on_variables(variables(), !question.vdev.empty()));
        return 0;
    }
    const auto exists = [&catalog](const VdevSyntax* type) { return catalog.find(type) != nullptr; };
    std::vector<const VdevSyntax*> types{catalog.types().begin(), catalog.types().end()};
    const auto others = std::stable_partition(types.begin(), types.end(), exists);
    fmt::print("{}\nRead and checked, but not in this version:\n{}", help_on_vdevs({types.begin(), others}),
               help_on_vdevs({others, types.end()}));
    return 0;
}

/// All that is to be said about the configuration, said once: when it is complete or something else goes wrong.
class Report {
public:
    explicit Report(bool json) : json_{json} {}
    ~Report() { print(); }
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;

    void print() {
        if (std::exchange(printed_, true)) return;
        std::fputs((json_ ? to_json(diagnostics, sources) : diagnostics.render(sources)).c_str(), stderr);
    }

    Sources sources;
    Diagnostics diagnostics;

private:
    bool json_;
    bool printed_ = false;
};

int show_checked(const Arguments& arguments, const VmConfig& config, const GuestMap& map, const ThreadPlan& threads,
                 const Sources& sources) {
    const bool one_file = arguments.words.size() == 1 && arguments.words.front().starts_with('@');
    if (arguments.print == "map")
        fmt::print("{}", format_guest_map(map));
    else if (arguments.print == "threads")
        fmt::print("{}", format_thread_plan(threads));
    else if (arguments.print == "config")
        fmt::print("{}", print_config(config));
    else if (arguments.print == "json")
        fmt::print("{}\n", JsonObject{}
                               .raw("config", config_to_json(config, sources))
                               .raw("map", guest_map_to_json(map))
                               .raw("threads", thread_plan_to_json(threads))
                               .done());
    else if (one_file)
        fmt::print("{}: ok\n", arguments.words.front().substr(1));
    else
        fmt::print("configuration ok\n");
    return 0;
}

int start(const Arguments& arguments, Report& report) {
    const Catalog catalog = make_catalog();
    if (arguments.strict) report.diagnostics.be_strict();
    ConfigReader reader{report.sources, report.diagnostics};
    if (!arguments.host_map.empty()) reader.add_host_map(arguments.host_map);
    reader.add_argv(arguments.words);
    if (const auto question = reader.question()) return answer(*question, catalog);
    auto config = reader.read(catalog, {.skip_unknown_vdevs = arguments.skip_unknown_vdevs});
    if (!config) return kExitConfig;
    take_passed_memory(*config, report.diagnostics);
    const bool only_check = arguments.check || !arguments.print.empty();
    const Purpose purpose = only_check ? Purpose::Check : Purpose::Run;
    const auto plan = plan_vm(*config, catalog, purpose, report.diagnostics);
    const ThreadPlan threads = plan_threads(*config, catalog, purpose, report.diagnostics);
    // With errors the rest of a check follows in any case: all of them are told in one run.
    if (only_check || report.diagnostics.has_errors()) {
        const auto map = check_vm(*config, catalog, *plan, report.diagnostics);
        report.print();
        return map ? show_checked(arguments, *config, *map, threads, report.sources) : kExitConfig;
    }
    auto vm = build_vm(*config, catalog, *plan, threads, report.diagnostics);
    report.print();
    if (!vm) return kExitConfig;
    if (config->dryrun) {
        fmt::print("Exiting: dryrun completed\n");
        return 0;
    }
    const EndFacts& end = facts_of(vm->run());
    vm.reset();  // the terminal is back and the log written out before the last word
    if (end.alarm) fmt::print(stderr, "qvm: {}\n", end.text);
    return end.exit_code;
}

int run(const Arguments& arguments) {
    Report report{arguments.json};
    if (!arguments.json) return start(arguments, report);
    try {
        return start(arguments, report);
    } catch (const HostError& error) {
        report.diagnostics.error({kNoSource, 0, 0, 0}, error.what());
        return kExitHost;
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse_arguments(argc, argv);
        if (arguments.exit_now) return *arguments.exit_now;
        if (!arguments.help_vdev.empty()) return help_on_vdev(arguments.help_vdev);
        if (arguments.words.empty()) {
            fmt::print(stderr, "qvm: no configuration: try 'qvm -f FILE', or 'qvm --help'\n");
            return kExitConfig;
        }
        return run(arguments);
    } catch (const std::exception& error) {
        fmt::print(stderr, "qvm: error: {}\n", error.what());
        return kExitHost;
    }
}
