// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtqueue.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "devices/virtio/chain_slot.hpp"
#include "devices/virtio/packed_ring.hpp"
#include "devices/virtio/split_ring.hpp"

namespace qvm {

namespace {

using Ring = std::variant<SplitRing, PackedRing>;

Ring make_ring(const GuestMemory& memory, const QueueSetup& setup) {
    if ((setup.features & virtio_feature::kRingPacked) != 0) return PackedRing{memory, setup};
    return SplitRing{memory, setup};
}

}  // namespace

class Virtqueue::Impl {
public:
    Impl(const GuestMemory& memory, const QueueSetup& setup) : ring_{make_ring(memory, setup)} {}

    template <typename Call>
    auto on_ring(Call call) noexcept {
        return std::visit(call, ring_);
    }
    [[nodiscard]] QueueFault fault() const noexcept {
        return std::visit([](const auto& ring) { return ring.fault(); }, ring_);
    }
    [[nodiscard]] SlotPool& slots() noexcept { return slots_; }

private:
    Ring ring_;
    SlotPool slots_;
};

Virtqueue::Virtqueue(const GuestMemory& memory, const QueueSetup& setup)
    : impl_{std::make_unique<Impl>(memory, setup)} {}
Virtqueue::Virtqueue(Virtqueue&&) noexcept = default;
Virtqueue& Virtqueue::operator=(Virtqueue&&) noexcept = default;
Virtqueue::~Virtqueue() = default;

std::optional<Chain> Virtqueue::pop() noexcept {
    if (broken()) return std::nullopt;
    ChainSlot& slot = impl_->slots().take();
    slot.clear();
    if (impl_->on_ring([&](auto& ring) { return ring.pop(slot); })) return Chain{slot};
    impl_->slots().give_back(slot);
    return std::nullopt;
}

void Virtqueue::push(Chain chain, std::uint32_t written) noexcept { give_back(std::move(chain), written, true); }
void Virtqueue::hold(Chain chain, std::uint32_t written) noexcept { give_back(std::move(chain), written, false); }

void Virtqueue::give_back(Chain chain, std::uint32_t written, bool last) noexcept {
    ChainSlot* const slot = std::exchange(chain.slot_, nullptr);
    if (slot == nullptr) return;
    if (!broken()) {
        const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(written, slot->writable_size));
        impl_->on_ring([&](auto& ring) {
            ring.push(*slot, length);
            if (last) ring.publish();
        });
    }
    impl_->slots().give_back(*slot);
}

bool Virtqueue::interrupt_wanted() noexcept {
    return !broken() && impl_->on_ring([](auto& ring) { return ring.interrupt_wanted(); });
}

void Virtqueue::disable_notifications() noexcept {
    if (!broken()) impl_->on_ring([](auto& ring) { ring.disable_notifications(); });
}

bool Virtqueue::enable_notifications() noexcept {
    return !broken() && impl_->on_ring([](auto& ring) { return ring.enable_notifications(); });
}

bool Virtqueue::broken() const noexcept { return !impl_->fault().empty(); }
std::string_view Virtqueue::fault() const noexcept { return impl_->fault(); }
std::size_t Virtqueue::in_flight() const noexcept { return impl_->slots().taken(); }

}  // namespace qvm
