// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace qvm {

BlkDisk::BlkDisk(Log& log, std::string label, std::string_view serial, How how)
    : malformed{log, label + ": a request that breaks the rules"}, log_{log}, label_{std::move(label)}, how_{how} {
    std::ranges::copy(serial.substr(0, id_.size()), id_.begin());
}

void BlkDisk::insert(std::unique_ptr<BlockFile> file) {
    for (const std::string& note : file->notes()) log_.warn(fmt::format("{}: {}", label_, note));
    owned_ = std::move(file);
    file_.store(owned_.get(), std::memory_order_release);
}

void BlkDisk::report(const BlkFailure& failure) noexcept {
    const std::uint64_t count = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (!std::has_single_bit(count)) return;
    const std::string text =
        fmt::format("{}: {} of {} sectors at {} failed", label_, failure.what, failure.sectors, failure.sector);
    log_.error(errno_text(count == 1 ? text : fmt::format("{} (failure {})", text, count), failure.error));
}

void BlkDisk::direct_io_failed(int error) noexcept {
    if (file()->give_up_direct())
        log_.warn(errno_text(label_ + ": direct I/O failed; from now on it goes through the page cache", error));
}

}  // namespace qvm
