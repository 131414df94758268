// SPDX-License-Identifier: Apache-2.0
#include "vcpu/dispatch.hpp"

namespace qvm {
namespace {

template <typename... Handlers>
struct Overload : Handlers... {
    using Handlers::operator()...;
};
template <typename... Handlers>
Overload(Handlers...) -> Overload<Handlers...>;  // clang 14 does not deduce it by itself

/// KVM_ENOSYS, negated, as the hypercall's result (Documentation/virt/kvm/x86/hypercalls.rst).
constexpr std::uint64_t kNoSuchHypercall = static_cast<std::uint64_t>(-1000);

Judgement port_access(std::optional<std::size_t> device, Port port) noexcept {
    if (device) return {Next::Run, *device + 1, raw(port)};
    return {Next::UnsupportedReference, 0, raw(port)};
}

Judgement memory_access(std::optional<std::size_t> device, Gpa at, const Buses& buses) noexcept {
    if (device) return {Next::Run, buses.pio.entries().size() + *device + 1, raw(at)};
    return {Next::UnsupportedReference, 0, raw(at)};
}

}  // namespace

Judgement dispatch(const Exit& exit, const Buses& buses, ArchExits& arch) noexcept {
    // No default: a new kind of exit does not compile until someone has decided about it.
    return std::visit(
        Overload{
            [&](const PortIn& e) {
                std::optional<std::size_t> device;
                for (std::size_t at = 0; at < e.data.size(); at += e.size)
                    device = buses.pio.read(raw(e.port), e.data.subspan(at, e.size));
                return port_access(device, e.port);
            },
            [&](const PortOut& e) {
                std::optional<std::size_t> device;
                for (std::size_t at = 0; at < e.data.size(); at += e.size)
                    device = buses.pio.write(raw(e.port), e.data.subspan(at, e.size));
                return port_access(device, e.port);
            },
            [&](const MmioRead& e) { return memory_access(buses.mmio.read(raw(e.at), e.data), e.at, buses); },
            [&](const MmioWrite& e) { return memory_access(buses.mmio.write(raw(e.at), e.data), e.at, buses); },
            [&](const EndOfInterrupt& e) {
                arch.end_of_interrupt(e.vector);
                return Judgement{Next::Run, 0, e.vector};
            },
            [](const Resume&) { return Judgement{}; },
            [](const TripleFault&) { return Judgement{Next::TripleFault}; },
            [](const SystemPowerOff&) { return Judgement{Next::PowerOff}; },
            [](const SystemReset&) { return Judgement{Next::Reset}; },
            [](const SystemSuspend&) { return Judgement{Next::Suspend}; },
            [](const SystemWakeUp&) { return Judgement{Next::WakeUp}; },
            [](const RunFailed&) { return Judgement{Next::HostError}; },
            [](const Stuck&) { return Judgement{Next::Stuck}; },
            [](const UnknownInstruction& e) {
                return Judgement{Next::UnsupportedInstruction, 0, e.where};
            },
            [](const UnknownRegister& e) {
                return Judgement{Next::UnsupportedRegister, 0, e.index};
            },
            [](const Hypercall& e) {
                *e.result = kNoSuchHypercall;
                return Judgement{Next::Run, 0, e.number};
            },
        },
        exit);
}

}  // namespace qvm
