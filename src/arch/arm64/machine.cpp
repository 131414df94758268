// SPDX-License-Identifier: Apache-2.0
// The arm64 board: a GIC in the kernel, the generic timer, PSCI by HVC, a device tree.
#include "arch/machine.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>

#include "arch/arm64/boot.hpp"
#include "arch/arm64/cpu_kvm.hpp"
#include "arch/arm64/gic_kvm.hpp"
#include "arch/arm64/host_tree.hpp"
#include "arch/arm64/layout.hpp"
#include "arch/arm64/msi_frame.hpp"
#include "arch/arm64/pci_board.hpp"
#include "arch/arm64/power_key.hpp"
#include "arch/arm64/vdevs.hpp"
#include "config/settings.hpp"
#include "vcpu/vcpu_thread.hpp"
#include "vmm/kvm_device_memory.hpp"
#include "vmm/kvm_doorbells.hpp"
#include "vmm/kvm_irq.hpp"
#include "vmm/kvm_vfio.hpp"

namespace qvm {
namespace arm64 {
namespace {

constexpr std::array kRequired{
    KvmCapability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    KvmCapability{KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
    KvmCapability{KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG"},
    KvmCapability{KVM_CAP_ARM_PSCI_0_2, "KVM_CAP_ARM_PSCI_0_2"},
    KvmCapability{KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL"},
    KvmCapability{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    KvmCapability{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
    KvmCapability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    KvmCapability{KVM_CAP_ARM_INJECT_EXT_DABT, "KVM_CAP_ARM_INJECT_EXT_DABT"},
};
constexpr KvmCapability kNisvToUser{KVM_CAP_ARM_NISV_TO_USER, "KVM_CAP_ARM_NISV_TO_USER"};
constexpr KvmCapability kSystemSuspend{KVM_CAP_ARM_SYSTEM_SUSPEND, "KVM_CAP_ARM_SYSTEM_SUSPEND"};
constexpr KvmCapability kHaltPoll{KVM_CAP_HALT_POLL, "KVM_CAP_HALT_POLL"};

// Linux 6.4 and newer (Documentation/virt/kvm/api.rst, KVM_ARM_SET_COUNTER_OFFSET).
constexpr int kCapCounterOffset = 227;
struct CounterOffset {
    std::uint64_t counter_offset;  ///< what the guest's counter lacks to the host's
    std::uint64_t reserved;
};
constexpr unsigned long kSetCounterOffset = _IOW(KVMIO, 0xb5, CounterOffset);
constexpr std::uint64_t kCountFromZero = UINT64_MAX;

/// Guest-physical addresses have as many bits as the VM is made for; 40 where nothing is said.
constexpr unsigned kUsualAddressBits = 40;

unsigned long vm_type(const Kvm& kvm, const VmConfig& config) {
    std::uint64_t last = kGicr;
    for (const MemorySpec& line : config.memory) last = std::max(last, line.range.last());
    const auto needed = static_cast<unsigned>(std::bit_width(last));
    const auto limit = static_cast<unsigned>(kvm.extension(KVM_CAP_ARM_VM_IPA_SIZE));
    if (needed > (limit != 0 ? limit : kUsualAddressBits))
        throw HostError{fmt::format("guest memory ends at {:#x}, and this host's guests have addresses of {} bits",
                                    last, limit != 0 ? limit : kUsualAddressBits)};
    if (limit != 0 && limit < kUsualAddressBits) return KVM_VM_TYPE_ARM_IPA_SIZE(limit);
    return needed > kUsualAddressBits ? KVM_VM_TYPE_ARM_IPA_SIZE(needed) : 0;
}

struct KernelVm {
    explicit KernelVm(const VmConfig& config) : vm{kvm, vm_type(kvm, config)} { vm.require(kRequired); }
    Kvm kvm;
    KvmVm vm;
};

/// Holds what the kernel's interrupt controller has on the bus; no access comes here.
class KernelWindow final : public IoDevice {
public:
    void read(std::uint64_t /*offset*/, std::span<std::byte> data) noexcept override {
        std::ranges::fill(data, std::byte{0xff});
    }
    void write(std::uint64_t /*offset*/, std::span<const std::byte> /*data*/) noexcept override {}
};

template <std::size_t Size>
std::array<std::byte, Size> random_bytes() {
    std::array<std::byte, Size> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw HostError{errno_text("getrandom", errno)};
    return bytes;
}

class Arm64Machine final : public Machine {
public:
    /// What has been decided. Without `boot` it cannot boot, without `pci` it has none.
    struct Plans {
        const GicPlan& gic;
        const PciPlan* pci;
        const BootPlan* boot;
    };
    Arm64Machine(const VmConfig& config, const Plans& plans, const BoardServices& services)
        : config_{config},
          settings_{settings_of(config)},
          plan_{plans.boot},
          services_{services},
          gic_{services.log, services.loop},
          router_{services.log, pins_of(plans.gic)},
          doorbells_{services.log},
          device_memory_{services.log} {
        for (const GicWindow& window : windows_of(plans.gic))
            attach(window.at, device_of(plans.gic, window), window.what);
        services_.irqs.add(plans.gic.name, gic_, plans.gic.where);
        if (plans.pci != nullptr) pci_.emplace(*plans.pci, services_, gic_, router_, doorbells_);
        if (!settings_.power_key) return;
        attach(Range::make(kPowerKey, kDeviceWindow).value(), power_key_.emplace(gic_.line(kPowerKeyId)), kKeyOwner);
        services_.irqs.keep(kPowerKeyId, kKeyOwner);
    }

    [[nodiscard]] Defaults defaults(const VdevType& type, unsigned ordinal) const override {
        return usual_place(type, ordinal);
    }
    [[nodiscard]] MsiRouter& msi() override { return router_; }
    [[nodiscard]] Doorbells& doorbells() override { return doorbells_; }
    [[nodiscard]] PciHost* pci() noexcept override { return pci_ ? &pci_->host() : nullptr; }

    [[nodiscard]] DeviceMemory* device_memory() noexcept override { return &device_memory_; }
    void announce(const PassedChip& chip) override { chips_.push_back(chip); }
    void adopt_group(int fd) override {
        if (!vfio_) vfio_.emplace(kernel_->vm);
        vfio_->add_group(fd);
    }

    [[nodiscard]] std::vector<std::unique_ptr<Vcpu>> boot(std::span<const PlacedVdev> vdevs) override {
        if (pci_) pci_->host().connect();
        kernel_.emplace(config_);
        const KvmVm& vm = kernel_->vm;
        apply_settings(vm);
        vm.adopt(services_.memory);
        const CpuFeatures features = wanted_features(vm);
        auto vcpus = make_vcpus(features);
        gic_.make(vm, plan_->gic);
        if (features.pmu)
            for (const auto& vcpu : vcpus) vcpu->start_pmu();
        if (vm.extension(KVM_CAP_STEAL_TIME) != 0 && plan_->stolen) keep_stolen_time(vcpus);
        router_.bind(vm);
        doorbells_.bind(vm);
        device_memory_.bind(vm, static_cast<std::uint32_t>(services_.memory.blocks().size()));
        const std::vector<std::byte> tree = make_tree(*plan_, describe(vdevs, features));
        if (!settings_.fdt_dump_file.empty()) dump_tree(tree);
        vcpus.front()->enter_at(install_boot(*plan_, services_.memory, tree));
        return {std::make_move_iterator(vcpus.begin()), std::make_move_iterator(vcpus.end())};
    }

    void be_quiet() noexcept override { gic_.be_quiet(); }
    bool press_power_button() noexcept override { return power_key_ && power_key_->press(); }
    [[nodiscard]] std::uint16_t elf_machine() const noexcept override { return EM_AARCH64; }
    void end_of_interrupt(std::uint8_t /*vector*/) noexcept override {}

    // The virtual counter, which Linux shows its user space (ARM ARM, DDI 0487, D13.8: CNTVCT_EL0, CNTFRQ_EL0).
    [[nodiscard]] std::uint64_t ticks() const noexcept override {
        std::uint64_t value = 0;
        asm volatile("mrs %0, cntvct_el0" : "=r"(value));
        return value;
    }
    [[nodiscard]] std::uint64_t ticks_per_second() const noexcept override {
        std::uint64_t value = 0;
        asm volatile("mrs %0, cntfrq_el0" : "=r"(value));
        return value;
    }

private:
    /// The frame is the only window of the GIC that the kernel does not serve.
    IoDevice& device_of(const GicPlan& gic, const GicWindow& window) {
        if (!gic.frame || window.at != gic.frame->at) return window_;
        for (unsigned i = 0; i < gic.frame->count; ++i) services_.irqs.keep(gic.frame->first + i, window.what);
        return frame_.emplace(*gic.frame, gic_, services_.log);
    }

    void attach(const Range& at, IoDevice& device, const char* owner) {
        if (const auto conflict = services_.buses.mmio.attach(at, device, owner))
            throw HostError{fmt::format("{} at {:#x} collides with {}", owner, at.start(), conflict->owner)};
    }

    [[nodiscard]] std::vector<std::unique_ptr<Arm64Vcpu>> make_vcpus(const CpuFeatures& features) const {
        const auto limit = static_cast<std::size_t>(kernel_->vm.extension(KVM_CAP_MAX_VCPUS));
        if (config_.cpus.size() > limit)
            throw ConfigError{config_.cpus[limit].where, fmt::format("this kernel's KVM has at most {} vCPUs", limit)};
        std::vector<std::unique_ptr<Arm64Vcpu>> vcpus;
        for (unsigned i = 0; i < config_.cpus.size(); ++i)
            vcpus.push_back(std::make_unique<Arm64Vcpu>(kernel_->kvm, kernel_->vm, i, features, services_.memory));
        return vcpus;
    }

    [[nodiscard]] CpuFeatures wanted_features(const KvmVm& vm) const {
        CpuFeatures features = host_features(vm);
        if (settings_.pointer_authentication == Tristate::On && !features.pointer_authentication)
            throw ConfigError{settings_.pointer_authentication_where, "this host has no pointer authentication",
                              "write `auto`, or leave it out"};
        if (settings_.pointer_authentication == Tristate::Off) features.pointer_authentication = false;
        return features;
    }

    void keep_stolen_time(const std::vector<std::unique_ptr<Arm64Vcpu>>& vcpus) const {
        std::uint64_t record = plan_->stolen->start();
        for (const auto& vcpu : vcpus) {
            vcpu->keep_stolen_time(record);
            record += kStolenRecord;
        }
    }

    [[nodiscard]] BoardTree describe(std::span<const PlacedVdev> vdevs, const CpuFeatures& features) const {
        BoardTree board{.cpus = static_cast<unsigned>(config_.cpus.size()),
                        .gic = plan_->gic,
                        .kaslr_seed = random_bytes<8>(),
                        .rng_seed = random_bytes<32>(),
                        .pmu = features.pmu};
        for (const PlacedVdev& vdev : vdevs)
            if (auto node = tree_vdev(vdev)) board.vdevs.push_back(std::move(*node));
        if (pci_) board.pci = pci_->describe();
        if (!chips_.empty()) board.passed = describe_passed();
        if (power_key_) board.power_key = power_key_node();
        return board;
    }

    /// What the user's own tree tells of is the user's.
    [[nodiscard]] std::vector<TreePassed> describe_passed() const {
        const auto host = host_tree();
        const std::uint32_t last = plan_->user_tree ? last_phandle(plan_->user_tree->root) : 0;
        PassedNodes nodes{host ? &*host : nullptr, last + kBoardPhandles};
        std::vector<TreePassed> all;
        for (PassedChip chip : chips_) {
            const std::size_t told = std::erase_if(chip.regions, [&](const PassedChip::Region& each) {
                return plan_->user_tree && node_at(*plan_->user_tree, each.guest.start()) != nullptr;
            });
            if (told == 0 || !chip.node) std::ranges::move(nodes.copy(chip), std::back_inserter(all));
        }
        for (const std::string& path : nodes.cut())
            services_.log.warn(
                fmt::format("the guest is not told all that is below {} of the host's device tree: it is "
                            "too much; give it a tree by `fdt load`",
                            path));
        for (const std::uint64_t at : nodes.untold())
            services_.log.warn(
                fmt::format("the guest is not told what it has at {:#x}: /sys/firmware/fdt of the host has "
                            "no node for it; give it one by `fdt load`",
                            at));
        return all;
    }

    void dump_tree(std::span<const std::byte> tree) const {
        std::ofstream file{settings_.fdt_dump_file, std::ios::binary | std::ios::trunc};
        file.write(reinterpret_cast<const char*>(tree.data()), static_cast<std::streamsize>(tree.size()));
        if (!file.flush())
            throw ConfigError{settings_.fdt_dump_file_where,
                              fmt::format("cannot write the device tree to '{}'", settings_.fdt_dump_file)};
        services_.log.info(fmt::format("FDT saved to '{}'", settings_.fdt_dump_file));
    }

    /// Before there are vCPUs.
    void apply_settings(const KvmVm& vm) {
        for (const KvmCapability& each : {kNisvToUser, kSystemSuspend})
            if (vm.extension(each.number) != 0) vm.enable(each, 0);
        if (!settings_.exit_on_halt)
            services_.log.warn("exit-on-halt off: on arm64 a vCPU that waits gives up its CPU; see host-halt-poll");
        if (settings_.halt_poll) limit_halt_poll(vm, *settings_.halt_poll);
        if (unsupported_actions(config_).reg != UnsupportedSpec::Action::Fail)
            services_.log.warn(
                "unsupported register: on arm64 the kernel itself answers with an exception: it is `fail`");
        set_counter(vm);
    }

    void limit_halt_poll(const KvmVm& vm, std::uint64_t nanoseconds) {
        if (vm.extension(KVM_CAP_HALT_POLL) != 0) return vm.enable(kHaltPoll, nanoseconds);
        services_.log.warn("host-halt-poll: this host's KVM has no limit per VM; kvm.halt_poll_ns counts");
    }

    /// The kernel lets a new VM's counter begin with 0.
    void set_counter(const KvmVm& vm) {
        if (settings_.counter_offset == kCountFromZero) return;
        if (vm.extension(kCapCounterOffset) == 0)
            return services_.log.warn("counter-offset: this host's KVM cannot set it; the guest's counter starts at 0");
        CounterOffset offset{0 - settings_.counter_offset, 0};
        check("KVM_ARM_SET_COUNTER_OFFSET", ::ioctl(vm.fd(), kSetCounterOffset, &offset));
    }

    static constexpr const char* kKeyOwner = "the power key";

    const VmConfig& config_;
    const Settings settings_;
    const BootPlan* plan_;
    BoardServices services_;
    std::optional<KernelVm> kernel_;
    KernelWindow window_;
    KernelGic gic_;
    std::optional<MsiFrame> frame_;
    KvmMsiRouter router_;
    KvmDoorbells doorbells_;
    KvmDeviceMemory device_memory_;
    std::optional<KvmVfio> vfio_;
    std::vector<PassedChip> chips_;
    std::optional<PowerKey> power_key_;
    std::optional<PciBoard> pci_;
};

class Arm64Plan final : public BoardPlan {
public:
    Arm64Plan(const VmConfig& config, Diagnostics& diagnostics, KeptMemory* host)
        : config_{config},
          gic_{plan_gic(config, diagnostics)},
          pci_{plan_pci(config, gic_, diagnostics)},
          boot_{plan_boot(config, gic_, diagnostics, host)} {}
    [[nodiscard]] std::unique_ptr<Machine> build(const BoardServices& services) override {
        const Arm64Machine::Plans plans{gic_, pci_ ? &*pci_ : nullptr, boot_ ? &*boot_ : nullptr};
        return std::make_unique<Arm64Machine>(config_, plans, services);
    }

private:
    const VmConfig& config_;
    GicPlan gic_;
    std::optional<PciPlan> pci_;
    std::optional<BootPlan> boot_;  ///< nothing if the configuration is wrong
};

}  // namespace
}  // namespace arm64

Boards this_board() noexcept { return Boards::Arm64; }

std::span<const VdevType* const> board_vdev_types() noexcept { return arm64::vdev_types(); }

std::unique_ptr<BoardPlan> plan_board(const VmConfig& config, Diagnostics& diagnostics, KeptMemory* host) {
    return std::make_unique<arm64::Arm64Plan>(config, diagnostics, host);
}

}  // namespace qvm
