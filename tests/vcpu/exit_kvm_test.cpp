// SPDX-License-Identifier: Apache-2.0
#include "vcpu/exit_kvm.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using namespace qvm;

namespace {

/// A kvm_run with its I/O data page behind it, in plain memory.
struct Shared {
    alignas(8) std::byte bytes[8192]{};
    kvm_run& run() { return *reinterpret_cast<kvm_run*>(bytes); }
    explicit Shared(unsigned reason) { run().exit_reason = reason; }
};

}  // namespace

TEST_CASE("port output is decoded with its data, string output with all of it") {
    Shared shared{KVM_EXIT_IO};
    auto& io = shared.run().io;
    io.direction = KVM_EXIT_IO_OUT;
    io.port = 0x3f8;
    io.size = 2;
    io.count = 3;
    io.data_offset = 4096;
    shared.bytes[4096] = std::byte{0x41};
    const Exit exit = decode(shared.run());
    const auto& out = std::get<PortOut>(exit);
    CHECK(raw(out.port) == 0x3f8);
    CHECK(out.size == 2);
    CHECK(out.data.size() == 6);
    CHECK(out.data[0] == std::byte{0x41});
}

TEST_CASE("port input points to where KVM takes the answer from") {
    Shared shared{KVM_EXIT_IO};
    auto& io = shared.run().io;
    io.direction = KVM_EXIT_IO_IN;
    io.size = 4;
    io.count = 1;
    io.data_offset = 4096;
    const Exit exit = decode(shared.run());
    std::get<PortIn>(exit).data[3] = std::byte{7};
    CHECK(shared.bytes[4099] == std::byte{7});
}

TEST_CASE("memory accesses are decoded in both directions and never longer than their field") {
    Shared shared{KVM_EXIT_MMIO};
    auto& mmio = shared.run().mmio;
    mmio.phys_addr = 0xfec00010;
    mmio.len = 4;
    mmio.is_write = 1;
    CHECK(std::get<MmioWrite>(decode(shared.run())).data.size() == 4);
    mmio.is_write = 0;
    mmio.len = 99;
    const Exit exit = decode(shared.run());
    CHECK(std::get<MmioRead>(exit).data.size() == 8);
    CHECK(raw(std::get<MmioRead>(exit).at) == 0xfec00010);
}

TEST_CASE("a shutdown exit is a triple fault") {
    Shared shared{KVM_EXIT_SHUTDOWN};
    CHECK(std::holds_alternative<TripleFault>(decode(shared.run())));
}

TEST_CASE("the end of a level interrupt names its vector") {
    Shared shared{KVM_EXIT_IOAPIC_EOI};
    shared.run().eoi.vector = 0x31;
    CHECK(std::get<EndOfInterrupt>(decode(shared.run())).vector == 0x31);
}

TEST_CASE("firmware calls for power-off, reset and sleep are told apart") {
    Shared shared{KVM_EXIT_SYSTEM_EVENT};
    shared.run().system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
    CHECK(std::holds_alternative<SystemPowerOff>(decode(shared.run())));
    shared.run().system_event.type = KVM_SYSTEM_EVENT_RESET;
    CHECK(std::holds_alternative<SystemReset>(decode(shared.run())));
    shared.run().system_event.type = KVM_SYSTEM_EVENT_SUSPEND;
    CHECK(std::holds_alternative<SystemSuspend>(decode(shared.run())));
    shared.run().system_event.type = KVM_SYSTEM_EVENT_WAKEUP;
    CHECK(std::holds_alternative<SystemWakeUp>(decode(shared.run())));
    shared.run().system_event.type = KVM_SYSTEM_EVENT_CRASH;
    CHECK(std::get<Stuck>(decode(shared.run())).code == KVM_SYSTEM_EVENT_CRASH);
}

TEST_CASE("exits that only tell let the vCPU go on") {
    for (const int reason :
         {KVM_EXIT_INTR, KVM_EXIT_HLT, KVM_EXIT_NMI, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_SET_TPR, KVM_EXIT_TPR_ACCESS}) {
        Shared shared{static_cast<unsigned>(reason)};
        CHECK(std::holds_alternative<Resume>(decode(shared.run())));
    }
}

TEST_CASE("every other reason is reported with KVM's own number") {
    Shared entry{KVM_EXIT_FAIL_ENTRY};
    entry.run().fail_entry.hardware_entry_failure_reason = 0x80000021;
    CHECK(std::get<Stuck>(decode(entry.run())).code == 0x80000021);
    Shared internal{KVM_EXIT_INTERNAL_ERROR};
    internal.run().internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
    CHECK(std::holds_alternative<UnknownInstruction>(decode(internal.run())));
    for (unsigned reason = 0; reason < 64; ++reason) {
        Shared shared{reason};
        const Exit exit = decode(shared.run());
        if (const auto* stuck = std::get_if<Stuck>(&exit)) CHECK_FALSE(stuck->reason.empty());
    }
    Shared unknown{12345};
    CHECK(std::get<Stuck>(decode(unknown.run())).code == 12345);
}
