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

}  // namespace

Next dispatch(const Exit& exit, const Buses& buses, ArchExits& arch) noexcept {
    // No default: a new kind of exit does not compile until someone has decided about it.
    return std::visit(Overload{
                          [&](const PortIn& e) {
                              for (std::size_t at = 0; at < e.data.size(); at += e.size)
                                  buses.pio.read(raw(e.port), e.data.subspan(at, e.size));
                              return Next::Run;
                          },
                          [&](const PortOut& e) {
                              for (std::size_t at = 0; at < e.data.size(); at += e.size)
                                  buses.pio.write(raw(e.port), e.data.subspan(at, e.size));
                              return Next::Run;
                          },
                          [&](const MmioRead& e) {
                              buses.mmio.read(raw(e.at), e.data);
                              return Next::Run;
                          },
                          [&](const MmioWrite& e) {
                              buses.mmio.write(raw(e.at), e.data);
                              return Next::Run;
                          },
                          [&](const EndOfInterrupt& e) {
                              arch.end_of_interrupt(e.vector);
                              return Next::Run;
                          },
                          [](const Resume&) { return Next::Run; },
                          [](const TripleFault&) { return Next::TripleFault; },
                          [](const SystemPowerOff&) { return Next::PowerOff; },
                          [](const SystemReset&) { return Next::Reset; },
                          [](const RunFailed&) { return Next::HostError; },
                          [](const Stuck&) { return Next::Stuck; },
                      },
                      exit);
}

}  // namespace qvm
