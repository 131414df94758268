// SPDX-License-Identifier: Apache-2.0
#include "config/host_map.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/values.hpp"
#include "config/word_stream.hpp"

namespace qvm {

namespace {

constexpr std::string_view kOneCpu = "_cpu-";
constexpr std::string_view kRegionForm = "region NAME start,length";
constexpr std::string_view kClusterForm = "cluster NAME cpus n[,n]...";

Parsed<Range> parse_region(std::string_view text) {
    const auto asked = parse_memory(text);
    if (!asked) return asked.error();
    if (!asked->start) return ValueError{"the start of this region is missing", fmt::format("write {}", kRegionForm)};
    const auto range = Range::make(*asked->start, asked->length);
    if (!range) return ValueError{"a region has at least one byte and fits in 64 bits"};
    return *range;
}

class MapParser {
public:
    MapParser(std::span<const Word> words, HostMap& map, Diagnostics& diagnostics)
        : stream_{words}, map_{map}, diagnostics_{diagnostics} {}

    void run() {
        while (!stream_.at_end()) step();
    }

private:
    void step() {
        const Word& word = stream_.take();
        if (word.text == "region") return region(word);
        if (word.text == "cluster") return cluster(word);
        if (!word.broken) {
            diagnostics_.error(word.where, fmt::format("{} is not a word of a host map", quoted(word.text)),
                               fmt::format("it has: {}; {}", kRegionForm, kClusterForm));
        }
        while (!stream_.at_end() && !stream_.peek().starts_line) stream_.take();
    }

    const Word* take(const Word& option, std::string_view form) {
        if (!stream_.at_end()) return &stream_.take();
        diagnostics_.error(option.where, fmt::format("'{}' is not complete", option.text),
                           fmt::format("write {}", form));
        return nullptr;
    }

    template <typename T>
    const T* accept(const Word& word, const Parsed<T>& value) {
        if (word.broken) return nullptr;
        if (value) return &*value;
        const ValueError& error = value.error();
        diagnostics_.error(word.part(error.offset, error.length != 0 ? error.length : word.text.size()), error.message,
                           error.hint);
        return nullptr;
    }

    template <typename T>
    void add(std::map<std::string, T, std::less<>>& names, const Word& name, T value) {
        if (name.broken) return;
        const auto [other, is_new] = names.try_emplace(name.text, std::move(value));
        if (is_new) return;
        diagnostics_.error(name.where, fmt::format("the name {} is taken", quoted(name.text)));
        diagnostics_.note(other->second.where, "by this");
    }

    void region(const Word& option) {
        const Word* name = take(option, kRegionForm);
        const Word* value = name == nullptr ? nullptr : take(option, kRegionForm);
        if (value == nullptr) return;
        const auto range = parse_region(value->text);
        if (const Range* good = accept(*value, range)) add(map_.regions, *name, {*good, name->where});
    }

    void cluster(const Word& option) {
        const Word* name = take(option, kClusterForm);
        const Word* cpus = name == nullptr ? nullptr : take(option, kClusterForm);
        if (cpus == nullptr) return;
        if (cpus->text != "cpus") {
            stream_.put_back();
            return diagnostics_.error(cpus->where, "'cpus' is missing before this",
                                      fmt::format("write {}", kClusterForm));
        }
        const Word* value = take(option, kClusterForm);
        if (value == nullptr) return;
        const auto list = parse_runmask(value->text);
        const auto* good = accept(*value, list);
        if (good == nullptr) return;
        if (!name->text.starts_with(kOneCpu)) return add(map_.clusters, *name, {*good, name->where});
        diagnostics_.error(name->where, fmt::format("the names '{}N' are built in", kOneCpu));
    }

    WordStream stream_;
    HostMap& map_;
    Diagnostics& diagnostics_;
};

}  // namespace

void parse_host_map(std::span<const Word> words, HostMap& map, Diagnostics& diagnostics) {
    map.given = true;
    MapParser{words, map, diagnostics}.run();
}

Parsed<std::vector<std::uint32_t>> resolve_cluster(std::string_view name, const HostMap& map) {
    if (name.starts_with(kOneCpu)) {
        const std::string_view digits = name.substr(kOneCpu.size());
        const bool one = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
        const auto cpu = number_up_to({digits, kOneCpu.size()}, kLastCpu, "CPU number");
        if (one && !cpu) return cpu.error();
        if (one) return std::vector{static_cast<std::uint32_t>(*cpu)};
        return ValueError{fmt::format("{} is not '_cpu-' and the number of a host CPU", quoted(name))};
    }
    if (const auto found = map.clusters.find(name); found != map.clusters.end()) return found->second.cpus;
    std::vector<std::string_view> known{"_cpu-N"};
    for (const auto& [each, cluster] : map.clusters) known.push_back(each);
    return ValueError{
        fmt::format("no cluster is named {}", quoted(name)),
        fmt::format("known: {}; {}", fmt::join(known, ", "),
                    map.given ? "the host map names the others" : "a host map can name more, but none was given")};
}

}  // namespace qvm
