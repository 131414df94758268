// SPDX-License-Identifier: Apache-2.0
// The x86 board: local APICs in the kernel, IOAPICs as vdevs ("split irqchip"), ACPI fixed hardware.
#include "arch/machine.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>

#include "arch/x86/acpi_pm.hpp"
#include "arch/x86/boot.hpp"
#include "arch/x86/cpu_kvm.hpp"
#include "arch/x86/host_ports.hpp"
#include "arch/x86/ioapic.hpp"
#include "arch/x86/late_line.hpp"
#include "arch/x86/layout.hpp"
#include "arch/x86/message_target.hpp"
#include "arch/x86/pci_board.hpp"
#include "arch/x86/vdevs.hpp"
#include "config/settings.hpp"
#include "vcpu/vcpu_thread.hpp"
#include "vmm/kvm_device_memory.hpp"
#include "vmm/kvm_doorbells.hpp"
#include "vmm/kvm_irq.hpp"
#include "vmm/kvm_vfio.hpp"

namespace qvm {
namespace x86 {
namespace {

constexpr KvmCapability kSplitIrqchip{KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP"};
constexpr std::array kRequired{
    kSplitIrqchip,
    KvmCapability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    KvmCapability{KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
    KvmCapability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    KvmCapability{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    KvmCapability{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
    KvmCapability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    KvmCapability{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    KvmCapability{KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR"},
};
constexpr KvmCapability kUserSpaceMsr{KVM_CAP_X86_USER_SPACE_MSR, "KVM_CAP_X86_USER_SPACE_MSR"};
constexpr KvmCapability kDisableExits{KVM_CAP_X86_DISABLE_EXITS, "KVM_CAP_X86_DISABLE_EXITS"};
constexpr KvmCapability kHaltPoll{KVM_CAP_HALT_POLL, "KVM_CAP_HALT_POLL"};
/// Inputs whose end of interrupt the kernel reports: those of ten IOAPICs.
constexpr std::uint64_t kEoiReported = 10ULL * Ioapic::kPins;

struct LegacyPlace {
    std::string_view type;
    unsigned ordinal;
    GuestLocation::Space space;
    std::uint64_t address;
    std::optional<unsigned> line;
};
/// Where a PC has them.
constexpr std::array kLegacyPlaces{
    LegacyPlace{"ioapic", 0, GuestLocation::Space::Memory, kIoapic, {}},
    LegacyPlace{"ser8250", 0, GuestLocation::Space::Io, 0x3f8, 4},
    LegacyPlace{"ser8250", 1, GuestLocation::Space::Io, 0x2f8, 3},
    LegacyPlace{"ser8250", 2, GuestLocation::Space::Io, 0x3e8, {}},
    LegacyPlace{"ser8250", 3, GuestLocation::Space::Io, 0x2e8, {}},
    LegacyPlace{"mc146818", 0, GuestLocation::Space::Io, 0x70, 8},
    LegacyPlace{"pckeyboard", 0, GuestLocation::Space::Io, 0x60, {}},
    LegacyPlace{"wdt-ib700", 0, GuestLocation::Space::Io, 0x441, {}},
};

KvmVm make_vm(const Kvm& kvm) {
    KvmVm vm{kvm};
    vm.require(kRequired);
    std::uint64_t identity_map = kKvmIdentityMap;
    check("KVM_SET_IDENTITY_MAP_ADDR", ::ioctl(vm.fd(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map));
    check("KVM_SET_TSS_ADDR", ::ioctl(vm.fd(), KVM_SET_TSS_ADDR, kKvmTss));
    vm.enable(kSplitIrqchip, kEoiReported);
    return vm;
}

struct KernelVm {
    Kvm kvm;
    KvmVm vm{make_vm(kvm)};
};

class X86Machine final : public Machine {
public:
    /// Without a `plan` it cannot boot, without `pci` it has none.
    X86Machine(const VmConfig& config, const BootPlan* plan, const PciPlan* pci, const BoardServices& services)
        : config_{config},
          plan_{plan},
          services_{services},
          router_{services.log},
          doorbells_{services.log},
          device_memory_{services.log} {
        attach(services_.buses.pio, kPmBase, AcpiPm::kWindow, pm_, "ACPI power management");
        services_.irqs.keep(kSciGsi, "ACPI's SCI");
        if (pci != nullptr) pci_.emplace(*pci, services_, router_, doorbells_);
        if (!declares_ioapic()) add_implicit_ioapic();
    }

    [[nodiscard]] Defaults defaults(const VdevType& type, unsigned ordinal) const override {
        for (const LegacyPlace& place : kLegacyPlaces)
            if (place.type == type.syntax.type && place.ordinal == ordinal)
                return {GuestLocation{place.space, place.address, {}}, place.line};
        return {};
    }
    [[nodiscard]] MsiRouter& msi() override { return router_; }
    [[nodiscard]] Doorbells& doorbells() override { return doorbells_; }
    [[nodiscard]] PciHost* pci() noexcept override { return pci_ ? &pci_->host() : nullptr; }

    [[nodiscard]] DeviceMemory* device_memory() noexcept override { return &device_memory_; }
    [[nodiscard]] std::unique_ptr<IoDevice> host_ports(const Range& ports) override {
        return std::make_unique<HostPorts>(ports);
    }
    void adopt_group(int fd) override {
        if (!vfio_) vfio_.emplace(kernel_->vm);
        vfio_->add_group(fd);
    }

    [[nodiscard]] std::vector<std::unique_ptr<Vcpu>> boot(std::span<const PlacedVdev> vdevs) override {
        connect_lines();
        kernel_.emplace();
        apply_settings(kernel_->vm);
        kernel_->vm.adopt(services_.memory);
        router_.bind(kernel_->vm);
        doorbells_.bind(kernel_->vm);
        device_memory_.bind(kernel_->vm, static_cast<std::uint32_t>(services_.memory.blocks().size()));
        const BootEntry entry = install_boot(*plan_, services_.memory, describe(vdevs));
        return make_vcpus(entry);
    }

    bool press_power_button() noexcept override { return pm_.press_power_button(); }
    [[nodiscard]] std::uint16_t elf_machine() const noexcept override { return EM_X86_64; }
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return __rdtsc(); }
    [[nodiscard]] std::uint64_t ticks_per_second() const noexcept override { return ticks_per_second_; }

    /// A vCPU's local APIC has its number.
    [[nodiscard]] std::optional<unsigned> message_target(std::uint64_t address) const noexcept override {
        return x86::message_target(address);
    }

    void end_of_interrupt(std::uint8_t vector) noexcept override {
        for (const auto& controller : services_.irqs.controllers()) controller.chip->end_of_interrupt(vector);
    }

private:
    [[nodiscard]] bool declares_ioapic() const {
        return std::ranges::any_of(config_.vdevs, [](const VdevSpec& spec) { return spec.syntax->type == "ioapic"; });
    }

    void attach(Bus& bus, std::uint64_t start, std::uint64_t size, IoDevice& device, const char* owner) {
        const auto conflict = bus.attach(Range::make(start, size).value(), device, owner);
        if (conflict) throw HostError{fmt::format("{} at {:#x} collides with {}", owner, start, conflict->owner)};
    }

    void add_implicit_ioapic() {
        implicit_ioapic_.emplace(router_);
        attach(services_.buses.mmio, kIoapic, Ioapic::kWindow, *implicit_ioapic_, "the implicit ioapic");
        services_.irqs.add("ioapic", *implicit_ioapic_, {});
    }

    void connect_lines() {
        InterruptController& first = *services_.irqs.controllers().front().chip;
        sci_.connect(first.line(kSciGsi));
        if (pci_) pci_->connect(first);
    }

    [[nodiscard]] AcpiBoard describe(std::span<const PlacedVdev> vdevs) const {
        AcpiBoard board{.cpus = static_cast<unsigned>(config_.cpus.size())};
        if (implicit_ioapic_) board.ioapics.push_back({implicit_ioapic_->id(), kIoapic, implicit_ioapic_->gsi(0)});
        for (const PlacedVdev& vdev : vdevs) {
            if (vdev.controller != nullptr)
                board.ioapics.push_back({static_cast<std::uint8_t>(board.ioapics.size()),
                                         static_cast<std::uint32_t>(vdev.windows.front().range.start()),
                                         vdev.controller->gsi(0)});
            if (!vdev.type->acpi_hid.empty() && !vdev.windows.empty()) board.devices.push_back(describe(vdev));
            if (vdev.type->syntax.type == "mc146818") board.rtc = true;
        }
        if (pci_) board.pci = pci_->describe();
        return board;
    }

    [[nodiscard]] static AcpiDevice describe(const PlacedVdev& vdev) {
        AcpiDevice device{.hid = std::string{vdev.type->acpi_hid}};
        for (const auto& window : vdev.windows)
            device.windows.push_back({window.io ? AcpiWindow::Space::Io : AcpiWindow::Space::Memory,
                                      window.range.start(), window.range.size()});
        for (const auto& claim : vdev.interrupts)
            device.interrupts.push_back({claim.chip->gsi(claim.line), vdev.type->level});
        return device;
    }

    [[nodiscard]] std::vector<std::unique_ptr<Vcpu>> make_vcpus(const BootEntry& entry) {
        const auto limit = static_cast<std::size_t>(kernel_->vm.extension(KVM_CAP_MAX_VCPUS));
        if (config_.cpus.size() > limit)
            throw ConfigError{config_.cpus[limit].where, fmt::format("this kernel's KVM has at most {} vCPUs", limit)};
        const auto supported = supported_cpuid(kernel_->kvm);
        CpuidRequest request{.cpus = static_cast<std::uint32_t>(config_.cpus.size()),
                             .tsc_deadline = kernel_->vm.extension(KVM_CAP_TSC_DEADLINE_TIMER) != 0};
        std::vector<std::unique_ptr<Vcpu>> vcpus;
        for (; request.apic_id < request.cpus; ++request.apic_id) {
            auto vcpu = std::make_unique<X86Vcpu>(kernel_->kvm, kernel_->vm, services_.memory, request, supported);
            if (request.apic_id == 0) vcpu->enter_at(entry);
            ticks_per_second_ = vcpu->tsc_khz() * 1000;
            vcpus.push_back(std::move(vcpu));
        }
        return vcpus;
    }

    /// Before there are vCPUs.
    void apply_settings(const KvmVm& vm) {
        const Settings settings = settings_of(config_);
        if (!settings.exit_on_halt) disable_halt_exits(vm);
        if (settings.halt_poll) limit_halt_poll(vm, *settings.halt_poll);
        // Without this the kernel itself answers with #GP, which is what `fail` means.
        if (unsupported_actions(config_).reg == UnsupportedSpec::Action::Fail) return;
        vm.require(std::array{kUserSpaceMsr});
        vm.enable(kUserSpaceMsr, KVM_MSR_EXIT_REASON_UNKNOWN);
    }

    void disable_halt_exits(const KvmVm& vm) {
        if ((vm.extension(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_HLT) != 0)
            return vm.enable(kDisableExits, KVM_X86_DISABLE_EXITS_HLT);
        services_.log.warn("exit-on-halt off: this host's KVM cannot keep a halted vCPU on its CPU; it exits");
    }

    void limit_halt_poll(const KvmVm& vm, std::uint64_t nanoseconds) {
        if (vm.extension(KVM_CAP_HALT_POLL) != 0) return vm.enable(kHaltPoll, nanoseconds);
        services_.log.warn("host-halt-poll: this host's KVM has no limit per VM; kvm.halt_poll_ns counts");
    }

    const VmConfig& config_;
    const BootPlan* plan_;
    BoardServices services_;
    std::optional<KernelVm> kernel_;
    KvmMsiRouter router_;
    KvmDoorbells doorbells_;
    KvmDeviceMemory device_memory_;
    std::optional<KvmVfio> vfio_;
    std::optional<Ioapic> implicit_ioapic_;
    std::uint64_t ticks_per_second_ = 0;
    LateLine sci_;
    AcpiPm pm_{services_.clock, services_.control, sci_};
    std::optional<PciBoard> pci_;
};

class X86Plan final : public BoardPlan {
public:
    X86Plan(const VmConfig& config, std::optional<PciPlan> pci, std::optional<BootPlan> boot)
        : config_{config}, pci_{std::move(pci)}, boot_{std::move(boot)} {}
    [[nodiscard]] std::unique_ptr<Machine> build(const BoardServices& services) override {
        return std::make_unique<X86Machine>(config_, boot_ ? &*boot_ : nullptr, pci_ ? &*pci_ : nullptr, services);
    }

private:
    const VmConfig& config_;
    std::optional<PciPlan> pci_;
    std::optional<BootPlan> boot_;  ///< nothing if the configuration is wrong
};

}  // namespace
}  // namespace x86

Boards this_board() noexcept { return Boards::X86; }

std::span<const VdevType* const> board_vdev_types() noexcept { return x86::vdev_types(); }

std::unique_ptr<BoardPlan> plan_board(const VmConfig& config, Diagnostics& diagnostics, KeptMemory* host) {
    auto pci = x86::plan_pci(config, diagnostics);
    auto boot = x86::plan_boot(config, diagnostics, pci ? pci->ecam : std::nullopt, host);
    return std::make_unique<x86::X86Plan>(config, std::move(pci), std::move(boot));
}

}  // namespace qvm
