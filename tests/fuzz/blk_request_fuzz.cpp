// SPDX-License-Identifier: Apache-2.0
// Requests to a disk (virtio 1.2, 5.2.6) in chains of any shape, down to the buffers of each system call.
#include "devices/virtio/blk_clear.hpp"
#include "devices/virtio/blk_disk.hpp"
#include "devices/virtio/io_pieces.hpp"
#include "fuzz/input.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kMemory = 256 * kKiB;
constexpr std::uint16_t kQueueSize = 64;
constexpr std::uint64_t kFeatures = virtio_feature::kVersion1 | virtio_feature::kIndirectDesc;

[[nodiscard]] std::size_t sum(std::span<const iovec> buffers) {
    std::size_t out = 0;
    for (const iovec& buffer : buffers) out += buffer.iov_len;
    return out;
}

class BlkFuzz {
public:
    BlkFuzz(GuestHeap& heap, FuzzInput& input)
        : heap_{heap},
          input_{input},
          driver_{make_queue_driver(heap, kQueueSize, kFeatures)},
          queue_{heap.memory(), driver_->setup()} {
        limits_.sectors = input_.word();
        limits_.features = input_.dword();
        limits_.read_only = (input_.byte() & 1) != 0;
        limits_.range_sectors = input_.word();
        limits_.ranges = input_.byte();
    }

    void run() {
        for (unsigned requests = 0; !input_.empty() && requests < 64; ++requests) request();
    }

private:
    void request() {
        driver_->add(chain(), (input_.byte() & 1) != 0 ? Layout::Indirect : Layout::Direct);
        auto popped = queue_.pop();
        promise(popped.has_value(), "a chain that keeps the rules of rings is there");
        const std::uint32_t written = can_be_answered(*popped) ? serve(*popped) : 0;
        queue_.push(std::move(*popped), written);
        promise(driver_->collect().has_value(), "it comes back");
    }

    /// The readable part is what the input says, cut anywhere.
    [[nodiscard]] std::vector<Buffer> chain() {
        const std::uint8_t shape = input_.byte();
        std::vector<Buffer> out;
        for (unsigned left = 1U + shape % 8U; left != 0; --left) {
            const auto bytes = input_.bytes(input_.byte() % 64U);
            if (!bytes.empty()) out.push_back(heap_.readable(bytes));
        }
        for (unsigned left = shape / 32U; left != 0; --left)
            out.push_back(heap_.writable(1U + input_.word() % (4U * kKiB)));
        if (out.empty()) out.push_back(heap_.writable(1));
        return out;
    }

    [[nodiscard]] std::uint32_t serve(const Chain& chain) {
        const BlkRequest request = parse_blk_request(chain, limits_);
        if (request.verdict != BlkStatus::Ok) return 0;
        switch (request.type) {
            case BlkType::In:
                return transfer(request, chain.writable(), 0);
            case BlkType::Out:
                promise(!limits_.read_only, "what is read only is not written to");
                return transfer(request, chain.readable(), kBlkHeaderSize);
            case BlkType::Flush:
            case BlkType::GetId:
                return 0;
            case BlkType::Discard:
            case BlkType::WriteZeroes:
                return clear(request, chain);
        }
        promise(false, "unknown types are not accepted");
        return 0;
    }

    [[nodiscard]] std::uint32_t transfer(const BlkRequest& request, std::span<const iovec> buffers,
                                         std::size_t offset) {
        promise_within(request.sector, request.size / kSectorSize);
        promise(request.size % kSectorSize == 0, "whole sectors are transferred");
        promise(offset + request.size <= sum(buffers), "the chain has what is transferred");
        pieces_.set(buffers, offset, request.size);
        while (pieces_.left() != 0) {
            promise(sum(pieces_.next()) == pieces_.left(), "what is left has buffers");
            pieces_.advance(std::min<std::size_t>(1U + input_.word(), pieces_.left()));
        }
        return request.type == BlkType::In ? request.size : 0;
    }

    [[nodiscard]] std::uint32_t clear(const BlkRequest& request, const Chain& chain) {
        promise(!limits_.read_only, "what is read only is not cleared");
        promise(request.size / sizeof(BlkRange) <= limits_.ranges, "there are not too many ranges");
        for (std::size_t at = kBlkHeaderSize; at < kBlkHeaderSize + request.size; at += sizeof(BlkRange)) {
            const auto range = chain.read<BlkRange>(at);
            promise(range.has_value(), "ranges are whole");
            if (judge_range(request.type, *range, limits_) != BlkStatus::Ok || range->sectors == 0) continue;
            promise_within(range->sector, range->sectors);
            promise(range->sectors <= limits_.range_sectors, "a range is not too long");
            finish(BlkClear::Wish{static_cast<std::uint8_t>(input_.byte() % 3)}, *range);
        }
        return 0;
    }

    /// Each operation has any result; the last one of a range that is written ends at its end.
    void finish(BlkClear::Wish wish, const BlkRange& range) {
        BlkClear clear;
        clear.start(wish, range.sector * kSectorSize, range.sectors * kSectorSize);
        for (unsigned steps = 0; steps < 64; ++steps) {
            io_uring_sqe entry{};
            clear.fill(&entry, file());
            promise(entry.off >= range.sector * kSectorSize, "nothing before the range is cleared");
            const bool writes = entry.opcode == IORING_OP_WRITE;
            const std::uint64_t size = writes ? entry.len : entry.addr;
            promise(size != 0 && entry.off + size <= (range.sector + range.sectors) * kSectorSize,
                    "nothing behind the range is cleared");
            const int errors[]{0, -EINTR, -EOPNOTSUPP, -EINVAL, -EIO};
            const std::uint8_t choice = input_.byte();
            const int count = static_cast<int>(std::min<std::uint64_t>(size, 1U + choice * 256U));
            const int result = writes && choice >= 8 ? count : errors[choice % std::size(errors)];
            if (clear.done(result) != BlkClear::Progress::More) return;
        }
    }

    void promise_within(std::uint64_t sector, std::uint64_t count) const {
        promise(sector <= limits_.sectors && count <= limits_.sectors - sector, "all is within the capacity");
    }

    /// Only its descriptor is asked for.
    [[nodiscard]] static const BlockFile& file() {
        static const BlockFile self{{.path = "/proc/self/exe", .read_only = true}};
        return self;
    }

    GuestHeap& heap_;
    FuzzInput& input_;
    std::unique_ptr<QueueDriver> driver_;
    Virtqueue queue_;
    BlkLimits limits_;
    IoPieces pieces_;
};

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    static const qvm::GuestMemory* const memory = [] {
        auto* const out = new qvm::GuestMemory;
        out->add(qvm::Range::make(0, kMemory).value(), qvm::GuestMemory::Kind::Ram);
        return out;
    }();
    GuestHeap heap{*memory, qvm::Gpa{0x1000}, kMemory - 0x1000};
    FuzzInput input{data, size};
    try {
        BlkFuzz{heap, input}.run();
    } catch (const std::logic_error&) {
        // The driver's heap is full: enough of this input.
    }
    return 0;
}
