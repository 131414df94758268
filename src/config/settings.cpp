// SPDX-License-Identifier: Apache-2.0
#include "config/settings.hpp"

#include <algorithm>

#include "config/values.hpp"
#include "config/variables.hpp"

namespace qvm {

namespace {

class Reader {
public:
    explicit Reader(const VmConfig& config) : config_{config} {}

    [[nodiscard]] const SetSpec* find(std::string_view name) const {
        const auto found = std::ranges::find(config_.variables, name, &SetSpec::name);
        return found == config_.variables.end() ? nullptr : &*found;
    }
    void boolean(std::string_view name, bool& value, Place* where = nullptr) const {
        const SetSpec* given = find(name);
        if (given == nullptr) return;
        value = is_true(given->value);
        if (where != nullptr) *where = given->value_where;
    }
    void thread(std::string_view runmask, std::string_view sched, ThreadSetting& out) const {
        if (const SetSpec* cpus = find(runmask)) {
            out.runmask = *parse_runmask(cpus->value);
            out.runmask_where = cpus->value_where;
        }
        if (const SetSpec* priority = find(sched)) {
            out.sched = *parse_sched(priority->value);
            out.sched_where = priority->value_where;
        }
    }

private:
    const VmConfig& config_;
};

HugePages huge_pages(std::string_view value) noexcept {
    if (value == "2M") return HugePages::Size2M;
    return value == "1G" ? HugePages::Size1G : HugePages::Off;
}

/// More than a minute is as good as for ever, and fits into all units.
std::chrono::microseconds io_poll(std::uint64_t microseconds) noexcept {
    constexpr std::chrono::microseconds kMost = std::chrono::minutes{1};
    return std::chrono::microseconds{std::min<std::uint64_t>(microseconds, kMost.count())};
}

Tristate tristate(std::string_view value) {
    if (value == "auto") return Tristate::Auto;
    return is_true(value) ? Tristate::On : Tristate::Off;
}

}  // namespace

Settings settings_of(const VmConfig& config) {
    const Reader reader{config};
    Settings out;
    if (const SetSpec* sched = reader.find("host-sched")) out.best_effort_sched = sched->value == "best-effort";
    reader.thread("host-main-runmask", "host-main-sched", out.main);
    reader.thread("host-io-runmask", "host-io-sched", out.io);
    reader.boolean("host-lock-memory", out.lock_memory, &out.lock_memory_where);
    reader.boolean("host-prefault", out.prefault);
    if (const SetSpec* pages = reader.find("host-hugepages")) {
        out.huge_pages = huge_pages(pages->value);
        out.huge_pages_where = pages->value_where;
    }
    reader.boolean("exit-on-halt", out.exit_on_halt, &out.exit_on_halt_where);
    if (const SetSpec* poll = reader.find("host-halt-poll")) out.halt_poll = *parse_number(poll->value);
    if (const SetSpec* poll = reader.find("host-io-poll")) out.io_poll = io_poll(*parse_number(poll->value));
    reader.boolean("pass-intr-follow", out.pass_intr_follow);
    if (const SetSpec* limit = reader.find("pass-intr-limit")) out.pass_intr_limit = *parse_number(limit->value);
    if (const SetSpec* offset = reader.find("counter-offset")) out.counter_offset = *parse_number(offset->value);
    if (const SetSpec* file = reader.find("fdt-dump-file")) {
        out.fdt_dump_file = file->value;
        out.fdt_dump_file_where = file->value_where;
    }
    if (const SetSpec* wanted = reader.find("pointer-authentication")) {
        out.pointer_authentication = tristate(wanted->value);
        out.pointer_authentication_where = wanted->value_where;
    }
    reader.boolean("power-key", out.power_key);
    reader.boolean("host-devmem", out.host_devmem);
    return out;
}

}  // namespace qvm
