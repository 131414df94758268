// SPDX-License-Identifier: Apache-2.0
#include "launcher/foreign_board.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/image_file.hpp"
#include "launcher/absent.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr std::string_view kGic = "gic";
constexpr unsigned kGicLines = 1020;  // interrupt IDs below the special ones (GIC architecture, IHI 0048 2.2.1)
constexpr unsigned kIoapicLines = 24;

class NoRouter final : public MsiRouter {
public:
    unsigned reserve(unsigned count) override { return std::exchange(next_, next_ + count); }
    void route(unsigned /*gsi*/, MsiMessage /*message*/) noexcept override {}
    void signal(unsigned /*gsi*/) noexcept override {}
    void mask(unsigned /*gsi*/) noexcept override {}
    void unmask(unsigned /*gsi*/) noexcept override {}
    [[nodiscard]] bool pending(unsigned /*gsi*/) noexcept override { return false; }
    [[nodiscard]] int trigger(unsigned /*gsi*/) noexcept override { return -1; }

private:
    unsigned next_ = 0;
};

class NoDoorbells final : public Doorbells {
public:
    void attach(const Doorbell& /*bell*/, int /*fd*/) noexcept override {}
    void detach(const Doorbell& /*bell*/, int /*fd*/) noexcept override {}
};

class NoLine final : public IrqLine {
public:
    void set(bool /*high*/) noexcept override {}
};

class ForeignMachine final : public Machine {
public:
    ForeignMachine(const VmConfig& config, Boards board, const BoardServices& services)
        : implicit_{board == Boards::Arm64 ? kGicLines : kIoapicLines}, log_{services.log} {
        const auto on_pci = [](const VdevSpec& each) { return !each.damaged && each.on_pci(); };
        if (std::ranges::any_of(config.vdevs, on_pci))
            pci_.emplace(PciHost::Setup{router_, doorbells_, log_, {}, {{pin_, PciHost::kNoNumber}}});
        const std::string_view name = board == Boards::Arm64 ? kGic : "ioapic";
        const bool declared =
            std::ranges::any_of(config.vdevs, [&](const VdevSpec& each) { return each.syntax->type == name; });
        if (!declared) services.irqs.add(std::string{name}, implicit_, {});
    }

    [[nodiscard]] Defaults defaults(const VdevType& /*type*/, unsigned /*ordinal*/) const override { return {}; }
    [[nodiscard]] MsiRouter& msi() override { return router_; }
    [[nodiscard]] Doorbells& doorbells() override { return doorbells_; }
    [[nodiscard]] PciHost* pci() noexcept override { return pci_ ? &*pci_ : nullptr; }
    [[nodiscard]] std::vector<std::unique_ptr<Vcpu>> boot(std::span<const PlacedVdev> /*vdevs*/) override {
        throw HostError{"this board cannot run here"};
    }
    bool press_power_button() noexcept override { return false; }
    void end_of_interrupt(std::uint8_t /*vector*/) noexcept override {}
    [[nodiscard]] std::uint16_t elf_machine() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t ticks_per_second() const noexcept override { return 0; }

private:
    AbsentController implicit_;
    NoRouter router_;
    NoDoorbells doorbells_;
    Log& log_;
    NoLine pin_;
    std::optional<PciHost> pci_;  ///< its addresses and lines are not known
};

class ForeignPlan final : public BoardPlan {
public:
    ForeignPlan(const VmConfig& config, Boards board) : config_{config}, board_{board} {}
    [[nodiscard]] std::unique_ptr<Machine> build(const BoardServices& services) override {
        return std::make_unique<ForeignMachine>(config_, board_, services);
    }

private:
    const VmConfig& config_;
    Boards board_;
};

bool is_gic_line(const IntrSpec& intr) noexcept { return intr.controller == kGic && intr.line; }

/// The GIC is there without being declared, so that naming it is a sign, too.
std::optional<Location> names_implicit_gic(const VmConfig& config) {
    if (std::ranges::any_of(config.vdevs, [](const VdevSpec& each) { return each.name() == kGic; }))
        return std::nullopt;
    for (const VdevSpec& vdev : config.vdevs) {
        const auto found = std::ranges::find_if(vdev.options, [](const OptionValue& option) {
            const auto* intr = std::get_if<IntrSpec>(&option.value);
            return intr != nullptr && is_gic_line(*intr);
        });
        if (found != vdev.options.end()) return found->where;
    }
    for (const PassSpec& pass : config.passed) {
        const auto found = std::ranges::find_if(pass.interrupts, is_gic_line, &PassIntr::guest);
        if (found != pass.interrupts.end()) return found->where;
    }
    return std::nullopt;
}

}  // namespace

std::string_view board_name(Boards board) noexcept { return board == Boards::Arm64 ? "arm64" : "x86-64"; }

std::optional<ForeignSign> foreign_sign(const VmConfig& config, Boards own) {
    const auto is_own = [own](const VdevSpec& each) {
        return each.syntax->boards != Boards::Both && has_board(each.syntax->boards, own);
    };
    if (std::ranges::any_of(config.vdevs, is_own)) return std::nullopt;
    for (const VdevSpec& vdev : config.vdevs)
        if (!has_board(vdev.syntax->boards, own))
            return ForeignSign{vdev.syntax->boards, vdev.where, fmt::format("vdev '{}'", vdev.syntax->type)};
    if (own == Boards::Arm64) return std::nullopt;
    for (const PassSpec& pass : config.passed)
        if (pass.node) return ForeignSign{Boards::Arm64, pass.node->where, "a 'node' of the host's device tree"};
    const auto gic = names_implicit_gic(config);
    if (!gic) return std::nullopt;
    return ForeignSign{Boards::Arm64, *gic, "the interrupt controller 'gic'"};
}

void check_images(const VmConfig& config, Diagnostics& diagnostics) {
    for (const LoadSpec& load : config.loads) {
        try {
            const ImageFile file{load.path, load.where};
        } catch (const ConfigError& error) {
            diagnostics.error(error);
        }
    }
}

std::unique_ptr<BoardPlan> plan_foreign(const VmConfig& config, Boards board, Diagnostics& diagnostics) {
    check_images(config, diagnostics);
    return std::make_unique<ForeignPlan>(config, board);
}

}  // namespace qvm
