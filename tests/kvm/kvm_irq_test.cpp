// SPDX-License-Identifier: Apache-2.0
// The kernel's interrupt inputs without a guest: who has a signal, the eventfd or the kernel.
#include "vmm/kvm_irq.hpp"

#include <poll.h>

#include <catch2/catch.hpp>

#include "support/fake_context.hpp"

namespace qvm::test {
namespace {

constexpr KvmCapability kSplitIrqchip{KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP"};
constexpr MsiMessage kMessage{0xfee0'0000, 0x41};

struct Router {
    Router() { vm.enable(kSplitIrqchip, 24); }

    /// Whether a signal waits in the input's eventfd.
    [[nodiscard]] bool waits(unsigned gsi) {
        pollfd one{router.trigger(gsi), POLLIN, 0};
        return ::poll(&one, 1, 0) == 1;
    }

    Log log{"test", silence()};
    Kvm kvm;
    KvmVm vm{kvm};
    KvmMsiRouter router{log};
};

}  // namespace

TEST_CASE("a masked input keeps its signal, and the kernel takes it when the input is let through") {
    Router r;
    const unsigned gsi = r.router.reserve(2);
    r.router.bind(r.vm);
    r.router.route(gsi, kMessage);
    r.router.signal(gsi);
    CHECK_FALSE(r.waits(gsi));
    CHECK_FALSE(r.router.pending(gsi));
    r.router.mask(gsi);
    r.router.signal(gsi);
    r.router.signal(gsi);
    CHECK(r.waits(gsi));
    CHECK(r.router.pending(gsi));
    CHECK_FALSE(r.router.pending(gsi + 1));
    r.router.mask(gsi);  // again changes nothing
    CHECK(r.router.pending(gsi));
    r.router.unmask(gsi);
    CHECK_FALSE(r.router.pending(gsi));
    CHECK_FALSE(r.waits(gsi));
    r.router.mask(gsi);
    CHECK_FALSE(r.router.pending(gsi));  // it has been delivered
    r.router.unmask(gsi);
    r.router.signal(gsi);
    CHECK_FALSE(r.waits(gsi));
}

TEST_CASE("inputs may be masked before there is a VM") {
    Router r;
    const unsigned gsi = r.router.reserve(1);
    r.router.mask(gsi);
    r.router.bind(r.vm);
    r.router.signal(gsi);
    CHECK(r.router.pending(gsi));
    r.router.route(gsi, kMessage);
    r.router.unmask(gsi);
    CHECK_FALSE(r.router.pending(gsi));
}

TEST_CASE("an input may be let through before there is a VM") {
    Router r;
    const unsigned gsi = r.router.reserve(1);
    r.router.mask(gsi);
    r.router.unmask(gsi);
    r.router.bind(r.vm);
    r.router.signal(gsi);
    CHECK_FALSE(r.waits(gsi));
}

}  // namespace qvm::test
