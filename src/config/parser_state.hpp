// SPDX-License-Identifier: Apache-2.0
// The parser's inside. Its members are in parser.cpp (contexts, arguments, recovery), parser_globals.cpp (options that
// may stand anywhere) and parser_contexts.cpp (options of cpu, reserve and vdev).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/language.hpp"
#include "config/memory_plan.hpp"
#include "config/parser.hpp"
#include "config/values.hpp"
#include "config/variables.hpp"
#include "config/word_stream.hpp"

namespace qvm {

class Parser {
public:
    Parser(std::span<const Word> words, const VdevGrammar& grammar, const HostMap& map, ParserOptions options,
           Diagnostics& diagnostics);
    [[nodiscard]] VmConfig run();

private:
    enum class Context : std::uint8_t {
        None,
        Cpu,
        Vdev,
        Reserve,
        Pass,
        Ignored,  ///< of something that was refused: its options are skipped without a word
    };

    // Contexts.
    void step();
    void open(Context context, const Word& option);
    void close();
    void finish();
    [[nodiscard]] bool passes_memory() const noexcept;
    [[nodiscard]] std::span<const OptionSpec> vdev_options() const noexcept;
    [[nodiscard]] const OptionSpec* own_option(std::string_view name) const noexcept;
    [[nodiscard]] bool is_option(std::string_view name) const noexcept;

    // Arguments.
    const Word* take_argument(const Word& option, std::string_view takes);
    void refuse(const Word& option, const Word& argument, std::string_view takes, const ValueError& error);
    [[nodiscard]] Word joined_location(const Word& first);
    std::optional<OptionValue> read_option(const Word& option, const OptionSpec& spec);
    void check_sporadic(const SchedSpec& sched, const OptionSpec& spec, const Word& argument);
    std::optional<LogRule> read_log_rule(const Word& option, std::string_view takes);
    template <typename T>
    std::optional<T> accept(const Word& option, const Word& argument, std::string_view takes, const Parsed<T>& value) {
        if (argument.broken) return std::nullopt;
        if (value) return *value;
        refuse(option, argument, takes, value.error());
        return std::nullopt;
    }

    // Recovery.
    void unknown(const Word& word);
    [[nodiscard]] std::string why_unknown(const Word& word) const;
    [[nodiscard]] std::string hint_for_unknown(const Word& word) const;
    [[nodiscard]] const OptionSpec* vdev_option_of_any_type(std::string_view name) const noexcept;
    [[nodiscard]] std::vector<std::string_view> owners(std::string_view name) const;
    [[nodiscard]] std::size_t arguments_elsewhere(std::string_view name) const noexcept;
    void skip(std::size_t words);
    void skip_to_option();
    [[nodiscard]] Location everything() const noexcept;

    // Options that may stand anywhere.
    void global_option(const Word& option, const GlobalOption& global);
    void system(const Word& option, const GlobalOption& global);
    void memory(const Word& option, const GlobalOption& global, bool rom);
    void cpu(const Word& option);
    void blob(const Word& option);
    void pass(const Word& option, Blob blob);
    void dump(const Word& option, const GlobalOption& global);
    void unsupported(const Word& option, const GlobalOption& global);
    void user(const Word& option, const GlobalOption& global);
    void load(const Word& option, std::string_view takes, Blob blob);
    void cmdline(const Word& option, const GlobalOption& global);
    void logger(const Word& option, const GlobalOption& global);
    void safety(const Word& option, const GlobalOption& global);
    void set(const Word& option, const GlobalOption& global);
    [[nodiscard]] std::vector<SetSpec>* variables_of(const VariableSpec* variable, const Word& name);
    void check_effect(const Word& option, const void* row, std::string_view reason);

    // Options of a context.
    void context_option(const Word& option, const OptionSpec& spec);
    void cpu_option(const Word& option, const OptionSpec& spec);
    void host_cpus(const Word& option, const OptionSpec& spec);
    void reserve_option(const Word& option, const OptionSpec& spec);
    void pass_option(const Word& option, const OptionSpec& spec);
    void name_node(PassSpec& pass, const std::string& name, const Location& where);
    void vdev(const Word& option, const GlobalOption& global);
    void refuse_vdev(const Word& option, const Word& type, const GlobalOption& global);
    [[nodiscard]] const VdevSyntax* find_vdev(std::string_view spelling) const noexcept;
    void vdev_option(const Word& option, const OptionSpec& spec);
    [[nodiscard]] bool fits_vdev(const OptionValue& value);
    [[nodiscard]] bool fits_as_name(std::string_view name, const Location& where);
    [[nodiscard]] bool names_controller(const IntrSpec& intr, const Location& where);
    void finish_vdev();
    void check_name(const VdevSpec& vdev);

    WordStream stream_;
    const VdevGrammar& grammar_;
    const HostMap& map_;
    Diagnostics& diagnostics_;
    const ParserOptions options_;
    MemoryPlan memory_;
    VmConfig config_{};

    Context context_ = Context::None;
    Location context_where_{};
    const OptionSpec* cpus_from_ = nullptr;  ///< which of runmask and cluster the present cpu has; null: none
    std::vector<const OptionSpec*> given_;   ///< options of the present vdev, also those with wrong arguments
    std::map<std::string, Location, std::less<>> vdev_names_;
    /// Where each variable stands in its list; the first half of the key counts the vdevs up to its owner.
    std::map<std::pair<std::size_t, std::string>, std::size_t> variable_at_;
    std::set<const void*> warned_;        ///< rows of tables whose lack of effect was told
    std::size_t errors_before_vdev_ = 0;  ///< how many there were when the present vdev began
    bool vdev_refused_ = false;           ///< the type of the last vdev is unknown
    bool load_refused_ = false;
};

}  // namespace qvm
