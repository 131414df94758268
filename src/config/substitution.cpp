// SPDX-License-Identifier: Apache-2.0
#include "config/substitution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "config/utf8.hpp"

namespace qvm {

namespace {

enum class What : std::uint8_t { Environment, Start, Length };

struct Form {
    std::string_view opening;
    What what;
};
constexpr std::array kForms{Form{"$env{", What::Environment}, Form{"$asinfo_start{", What::Start},
                            Form{"$asinfo_length{", What::Length}};

const Form* form_at(std::string_view text) noexcept {
    const auto found =
        std::find_if(kForms.begin(), kForms.end(), [text](const Form& each) { return text.starts_with(each.opening); });
    return found == kForms.end() ? nullptr : &*found;
}

class Substituter {
public:
    Substituter(const HostInfo& host, const HostMap& map, Diagnostics& diagnostics)
        : host_{host}, map_{map}, diagnostics_{diagnostics} {}

    void expand(Word& word) {
        if (word.broken || word.text.find('$') == std::string::npos) return;
        std::string out;
        bool broken = false;
        bool changed = false;
        std::size_t written = 0;  // where the value of the last form ends
        for (std::size_t at = 0; at < word.text.size();) {
            const std::string_view rest = std::string_view{word.text}.substr(at);
            const Form* form = form_at(rest);
            if (form == nullptr) {
                const std::size_t plain = std::min(rest.find('$', 1), rest.size());
                out += rest.substr(0, plain);
                at += plain;
                continue;
            }
            changed = true;
            if (take_escapes(out, written)) {
                out += form->opening;
                at += form->opening.size();
                continue;
            }
            const std::size_t end = rest.find('}');
            const std::size_t length = end == std::string_view::npos ? rest.size() : end + 1;
            const auto value = value_of(*form, rest.substr(0, length));
            if (value) out += *value;
            written = out.size();
            if (!value) diagnostics_.error(word.part(at, length), value.error().message, value.error().hint);
            broken = broken || !value;
            at += length;
        }
        word.broken = broken;
        if (!changed) return;
        word.text = std::move(out);
        word.verbatim = false;
    }

private:
    /// Before one of the forms, two backslashes are one and a single one makes the form plain text. Whether it does.
    /// What stands before `from` is the value of another form, which has no escapes.
    static bool take_escapes(std::string& out, std::size_t from) {
        std::size_t kept = out.size();
        while (kept > from && out[kept - 1] == '\\') --kept;
        const std::size_t backslashes = out.size() - kept;
        out.resize(kept + backslashes / 2);
        return backslashes % 2 != 0;
    }

    [[nodiscard]] Parsed<std::string> value_of(const Form& form, std::string_view text) {
        if (!text.ends_with('}')) return ValueError{fmt::format("the brace of '{}' is never closed", form.opening)};
        const std::string_view name = text.substr(form.opening.size(), text.size() - form.opening.size() - 1);
        if (name.empty()) return ValueError{fmt::format("'{}}}' names nothing", form.opening)};
        if (form.what == What::Environment) return variable(name);
        const Parsed<Range>& range = region(name);
        if (!range) return range.error();
        return fmt::format("{:#x}", form.what == What::Start ? range->start() : range->size());
    }

    [[nodiscard]] Parsed<std::string> variable(std::string_view name) const {
        auto value = host_.environment(name);
        if (!value) {
            return ValueError{fmt::format("the environment variable {} is not set", quoted(name)),
                              "set it before the program is started; it may be empty"};
        }
        if (first_not_text(*value) == std::string_view::npos) return std::move(*value);
        return ValueError{fmt::format("the environment variable {} is not text", quoted(name)),
                          "it has control characters or is not valid UTF-8"};
    }

    /// The host is asked once for each name, so that start and length are those of one range.
    [[nodiscard]] const Parsed<Range>& region(std::string_view name) {
        const auto known = regions_.find(name);
        return known != regions_.end() ? known->second : regions_.emplace(name, search_region(name)).first->second;
    }

    [[nodiscard]] Parsed<Range> search_region(std::string_view name) const {
        if (const auto found = map_.regions.find(name); found != map_.regions.end()) return found->second.range;
        const auto range = host_.region(name);
        if (range) return *range;
        ValueError error = range.error();
        error.hint = fmt::format("{}; {}", map_.given ? "not in the host map" : "no host map was given", error.hint);
        return error;
    }

    const HostInfo& host_;
    const HostMap& map_;
    Diagnostics& diagnostics_;
    std::map<std::string, Parsed<Range>, std::less<>> regions_;
};

}  // namespace

void substitute(std::vector<Word>& words, const HostInfo& host, const HostMap& map, Diagnostics& diagnostics) {
    Substituter substituter{host, map, diagnostics};
    for (Word& word : words) substituter.expand(word);
}

std::string as_plain_text(std::string_view text) {
    std::string out;
    std::size_t backslashes = 0;  // right before `at`
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (form_at(text.substr(at)) != nullptr) out.append(backslashes + 1, '\\');
        backslashes = text[at] == '\\' ? backslashes + 1 : 0;
        out += text[at];
    }
    return out;
}

}  // namespace qvm
