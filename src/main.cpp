// SPDX-License-Identifier: Apache-2.0
// Arguments in, one exit code out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "config/reader.hpp"
#include "launcher/launcher.hpp"

namespace {

using namespace qvm;

constexpr const char* kFooter =
    R"(Each word is an option or an argument of the configuration language, or @FILE, which reads words from a
file; -f FILE is the same as @FILE. All of them together, in order, are one configuration:

  qvm -f guest.qvmconf
  qvm @base.qvmconf @disk.qvmconf cmdline "console=ttyS0 single"
  qvm ram 256M load vmlinuz cmdline console=ttyS0 vdev ser8250 hostdev -

Write -- before the first word if one begins with a dash.

Signals: SIGTERM and SIGINT press the guest's power button, a second one ends the VM at once; SIGQUIT ends it
at once; SIGUSR1 logs its status. On a terminal, Ctrl-A x ends the VM at once.

Exit status: 0 the guest ended itself (power-off or reset), 3 forced end, 7 a vCPU could not go on, 64 the host
cannot give what the VM needs, 65 the configuration is wrong, 96 the host failed later.)";

/// The command line as words, in the order they were given.
struct Arguments {
    std::vector<std::string> words;
    std::optional<int> exit_now;  ///< help or version was printed, or the usage was wrong
};

Arguments parse_arguments(int argc, char** argv) {
    CLI::App app{"Runs one virtual machine, described in the configuration language of QNX's qvm, on Linux KVM.",
                 "qvm"};
    std::vector<std::string> files;
    std::vector<std::string> words;
    const CLI::Option* const file =
        app.add_option("-f,--file", files, "Read this configuration file")->type_name("FILE")->allow_extra_args(false);
    const CLI::Option* const word = app.add_option("word", words, "Configuration words, or @FILE")->type_name("");
    app.set_version_flag("--version", "qvm " QVM_VERSION);
    app.footer(kFooter);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return {{}, app.exit(success)};
    } catch (const CLI::ParseError& error) {
        app.exit(error);
        return {{}, kExitConfig};
    }
    Arguments arguments;
    auto next_file = files.begin();
    auto next_word = words.begin();
    for (const CLI::Option* option : app.parse_order()) {
        if (option == file) arguments.words.push_back("@" + *next_file++);
        if (option == word) arguments.words.push_back(*next_word++);
    }
    return arguments;
}

void print(const Diagnostics& diagnostics, const Sources& sources) {
    fmt::print(stderr, "{}", diagnostics.render(sources));
}

int run(const std::vector<std::string>& words) {
    Sources sources;
    Diagnostics diagnostics;
    const Catalog catalog = make_catalog();
    ConfigReader reader{sources, diagnostics};
    reader.add_argv(words);
    const auto config = reader.finish(catalog);
    const auto plan = config ? plan_board(*config, diagnostics) : nullptr;
    print(diagnostics, sources);
    if (!plan || diagnostics.has_errors()) return kExitConfig;

    Diagnostics late;
    const auto cause = run_vm(*config, catalog, *plan, late);
    print(late, sources);
    if (!cause) return kExitConfig;
    if (worth_an_alarm(*cause)) fmt::print(stderr, "qvm: {}\n", describe(*cause));
    return exit_code(*cause);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse_arguments(argc, argv);
        if (arguments.exit_now) return *arguments.exit_now;
        if (arguments.words.empty()) {
            fmt::print(stderr, "qvm: no configuration: try 'qvm -f FILE', or 'qvm --help'\n");
            return kExitConfig;
        }
        return run(arguments.words);
    } catch (const std::exception& error) {
        fmt::print(stderr, "qvm: error: {}\n", error.what());
        return kExitHost;
    }
}
