// SPDX-License-Identifier: Apache-2.0
#include "devices/watchdog_bite.hpp"

#include <fmt/format.h>

#include "config/language.hpp"

namespace qvm {
namespace {

std::string action_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find(kWatchdogAction.name);
    const auto* const word = option != nullptr ? std::get_if<std::string>(&option->value) : nullptr;
    return word != nullptr ? *word : std::string{kWatchdogAction.fallback};
}

}  // namespace

WatchdogBite::WatchdogBite(const VdevSpec& spec, VdevContext& context)
    : who_{fmt::format("vdev {}", spec.syntax->type)}, control_{context.control()}, log_{context.log()} {
    const std::string action = action_of(spec);
    dump_ = action.starts_with("dump");
    terminate_ = action.ends_with("terminate");
    const bool raises = action.ends_with("fiq");
    if (!raises && spec.find("intr") == nullptr) return;
    IrqLine& line = context.irq();  // taken in any case: nobody else is to have it
    if (raises) line_ = &line;
}

void WatchdogBite::operator()() noexcept {
    log_.error(fmt::format("{}: the guest has let its watchdog run out", who_));
    if (dump_)
        control_.dump(terminate_ ? std::optional{EndCause::Watchdog} : std::nullopt);
    else if (terminate_)
        control_.end(EndCause::Watchdog);
    if (line_ != nullptr) line_->pulse();
}

}  // namespace qvm
