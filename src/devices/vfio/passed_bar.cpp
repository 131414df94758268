// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/passed_bar.hpp"

#include <algorithm>

namespace qvm {

namespace {

constexpr std::uint64_t kPage = 4 * kKiB;

void add_pages(std::uint64_t first, std::uint64_t end, std::vector<Range>& out) {
    const std::uint64_t start = align_up(first, kPage);
    const std::uint64_t stop = align_down(end, kPage);
    if (start >= stop) return;
    if (const auto range = Range::make(start, stop - start)) out.push_back(*range);
}

}  // namespace

std::vector<Range> without_holes(const std::vector<Range>& areas, const std::vector<BarHole>& holes) {
    std::vector<Range> sorted;
    sorted.reserve(holes.size());
    for (const BarHole& hole : holes) sorted.push_back(hole.range);
    std::ranges::sort(sorted, {}, &Range::start);
    std::vector<Range> left;
    for (const Range& area : areas) {
        std::uint64_t from = area.start();
        const std::uint64_t end = area.last() + 1;
        for (const Range& hole : sorted) {
            add_pages(from, std::min(align_down(hole.start(), kPage), end), left);
            from = std::max(from, align_up(hole.last() + 1, kPage));
        }
        add_pages(from, end, left);
    }
    return left;
}

PassedBar::PassedBar(VfioDevice& device, unsigned index, std::vector<BarHole> holes, DeviceMemory& memory,
                     BarRouter& router)
    : device_{device},
      index_{index},
      size_{device.region(index).size},
      holes_{std::move(holes)},
      memory_{memory},
      routed_{router.add(*this, size_)} {
    for (const Range& range : without_holes(device.region(index).mappable, holes_)) {
        Part& part = parts_.emplace_back(Part{range.start(), device.map(index, range), 0});
        part.number = memory_.add(part.mapping.bytes());
    }
}

std::uint64_t PassedBar::mapped() const noexcept {
    std::uint64_t bytes = 0;
    for (const Part& part : parts_) bytes += part.mapping.bytes().size();
    return bytes;
}

/// What the kernel refuses to show is still reached through us.
void PassedBar::move(std::uint64_t base) noexcept {
    if (base_ == base) return;
    base_ = base;
    routed_.move(base);
    for (const Part& part : parts_)
        if (base % kPage == 0)
            memory_.show(part.number, Gpa{base + part.offset});
        else
            memory_.hide(part.number);
}

void PassedBar::hide() noexcept {
    if (!base_) return;
    base_.reset();
    for (const Part& part : parts_) memory_.hide(part.number);
    routed_.hide();
}

const BarHole* PassedBar::hole_at(std::uint64_t offset, std::size_t length) const noexcept {
    const auto found =
        std::ranges::find_if(holes_, [&](const BarHole& hole) { return hole.range.contains(offset, length); });
    return found == holes_.end() ? nullptr : &*found;
}

/// An access across a hole's border is nothing that a driver does; it goes to the device, which the kernel guards.
void PassedBar::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (const BarHole* hole = hole_at(offset, data.size()))
        return hole->registers->read(hole->first + (offset - hole->range.start()), data);
    (void)device_.read(index_, offset, data);
}

void PassedBar::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (const BarHole* hole = hole_at(offset, data.size()))
        return hole->registers->write(hole->first + (offset - hole->range.start()), data);
    (void)device_.write(index_, offset, data);
}

}  // namespace qvm
