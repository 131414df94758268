// SPDX-License-Identifier: Apache-2.0
// The way in: files, texts and command lines, in any mixture and in order, become one configuration.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/host_info.hpp"
#include "config/host_map.hpp"
#include "config/lexer.hpp"
#include "config/option_spec.hpp"
#include "config/parser.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// All that is added is one stream of words. What is wrong goes to `diagnostics`, with places in `sources`; both belong
/// to the caller, who can add to them what turns out later.
class ConfigReader {
public:
    /// `host` answers `$env{}` and `$asinfo_...{}`, when finish() comes to them.
    ConfigReader(Sources& sources, Diagnostics& diagnostics, const HostInfo& host = this_host())
        : sources_{sources}, diagnostics_{diagnostics}, host_{host} {}

    /// Relative paths count from the current directory. At most 64 MiB.
    void add_file(const std::string& path);
    /// A configuration that is in memory; `name` is what messages print.
    void add_text(std::string name, std::string text);
    /// Elements of the command line: `@file` reads that file, every other element is one word as it stands. Messages
    /// say `command line:N`, counted from the first element of this call.
    void add_argv(std::span<const std::string> elements);

    /// A file that names the host's regions and clusters, for the whole configuration; see docs/qvmconf.md.
    void add_host_map(const std::string& path);
    void add_host_map_text(std::string name, std::string text);

    /// What `set ?` or `vdev ?` asks for instead of a VM, and the type of the last vdev before it, if there is one.
    struct Question {
        enum class About : std::uint8_t { Variables, Vdevs };
        About about;
        std::string vdev{};
    };
    [[nodiscard]] std::optional<Question> question() const;

    /// Once, after all that is to be added. With errors, what could be read nevertheless; nothing if a source could
    /// not be read at all. A VmConfig points into the grammar's tables, which must outlive it.
    [[nodiscard]] std::optional<VmConfig> read(const VdevGrammar& grammar, ParserOptions options = {});
    /// The same, for those who want it without errors or not at all.
    [[nodiscard]] std::optional<VmConfig> finish(const VdevGrammar& grammar);

private:
    /// `asked`: where the file is named, for messages about the file itself.
    void open(const std::string& path, Location asked);

    Sources& sources_;
    Diagnostics& diagnostics_;
    const HostInfo& host_;
    HostMap map_;
    std::vector<Word> words_;
    bool complete_ = true;  ///< no source ended inside quotes
    bool readable_ = true;  ///< every source could be read; without one of them the rest has no certain meaning
};

}  // namespace qvm
