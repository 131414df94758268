// SPDX-License-Identifier: Apache-2.0
// A device that returns what it is sent, written as devices are, and driven as the tests of devices do it.
#include "support/fake_virtio.hpp"

#include <poll.h>

#include <array>
#include <catch2/catch.hpp>

#include "devices/virtio/virtqueue.hpp"

namespace qvm {
namespace {

using namespace test;

class Echo final : public VirtioDevice {
public:
    explicit Echo(VdevContext& context) : memory_{context.memory()}, loop_{context.loop()} {}
    [[nodiscard]] std::uint16_t type() const noexcept override { return 0; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t features() const noexcept override { return 1; }
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return kSizes; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return 4; }
    void read_config(std::size_t, std::span<std::byte> data) noexcept override {
        std::memcpy(data.data(), &config_, data.size());
    }
    void write_config(std::size_t, std::span<const std::byte> data) noexcept override {
        std::memcpy(&config_, data.data(), data.size());
        transport().config_changed();
    }

    void start(std::uint64_t, std::span<QueueEnd* const> queues) noexcept override {
        REQUIRE(queues.size() == 2);
        CHECK_FALSE(queues[1]->enabled());
        end_ = queues[0];
        queue_.emplace(memory_, end_->setup());
        watch_ = loop_.watch(end_->kick().fd(), POLLIN, [this](std::uint32_t) { serve(); });
    }
    void stop(std::function<void()> stopped) noexcept override {
        watch_ = {};
        queue_.reset();
        stopped();
    }

private:
    static constexpr std::uint16_t kSizes[]{8, 1024};

    void serve() {
        end_->kick().drain();
        do {
            queue_->disable_notifications();
            while (auto chain = queue_->pop()) {
                std::array<std::byte, 64> data{};
                const std::size_t size = chain->read(0, data);
                const std::size_t written = chain->write(0, std::span{data}.first(size));
                queue_->push(std::move(*chain), static_cast<std::uint32_t>(written));
            }
        } while (queue_->enable_notifications());
        if (queue_->interrupt_wanted()) end_->interrupt();
        if (queue_->broken()) transport().needs_reset(queue_->fault());
    }

    const GuestMemory& memory_;
    EventLoop& loop_;
    QueueEnd* end_ = nullptr;
    std::optional<Virtqueue> queue_;
    Watch watch_;
    std::uint32_t config_ = 0;
};

}  // namespace

TEST_CASE("fake virtio drives a device through both kinds of ring") {
    for (const std::uint64_t ring : {std::uint64_t{0}, virtio_feature::kRingPacked}) {
        FakeContext context;
        Echo echo{context};
        FakeVirtio driver{context, echo};
        driver.ring_features |= ring | virtio_feature::kIndirectDesc | virtio_feature::kEventIdx;
        driver.left_out = {1};
        driver.start();
        for (unsigned i = 0; i < 100; ++i) {
            const Buffer answer = driver.heap.writable(8);
            const auto id = driver.queue(0).send({driver.heap.readable("ping"), answer},
                                                 i % 2 == 0 ? Layout::Direct : Layout::Indirect);
            const auto used = driver.queue(0).wait_used();
            CHECK(used.id == id);
            CHECK(used.written == 4);
            CHECK(driver.heap.text(answer).substr(0, 4) == "ping");
        }
        driver.set_config(0, 42U);
        CHECK(driver.config<std::uint32_t>(0) == 42);
        CHECK(driver.transport.config_changes() == 1);
        driver.stop();
        CHECK(driver.transport.reset_reasons().empty());
    }
}

TEST_CASE("fake virtio hears that a device needs a reset") {
    FakeContext context;
    Echo echo{context};
    FakeVirtio driver{context, echo};
    driver.left_out = {1};
    driver.start();
    driver.queue(0).send({{Gpa{FakeVirtio::kMemory}, 1, false}});
    CHECK(driver.transport.wait_needs_reset() == "a buffer outside of guest memory");
    driver.stop();
    driver.start();
    driver.queue(0).send({driver.heap.readable("again")});
    CHECK(driver.queue(0).wait_used().written == 0);
}

}  // namespace qvm
