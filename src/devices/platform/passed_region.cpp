// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/passed_region.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace qvm {
namespace {

constexpr std::uint64_t kPage = 4 * kKiB;

/// One access of exactly that size, as the guest made it.
template <typename Register>
void load(const std::byte* from, std::span<std::byte> data) noexcept {
    const Register value = *reinterpret_cast<const volatile Register*>(from);
    std::memcpy(data.data(), &value, sizeof value);
}

template <typename Register>
void store(std::byte* to, std::span<const std::byte> data) noexcept {
    Register value{};
    std::memcpy(&value, data.data(), sizeof value);
    *reinterpret_cast<volatile Register*>(to) = value;
}

/// A size that no processor has goes byte by byte, and so does what is not aligned, which device memory does not allow.
std::size_t step(const std::byte* at, std::size_t length) noexcept {
    const bool power = length == 2 || length == 4 || length == 8;
    return power && reinterpret_cast<std::uintptr_t>(at) % length == 0 ? length : 1;
}

}  // namespace

PassedRegion::PassedRegion(HostRegion host, Access access, Log& log)
    : host_{std::move(host)},
      access_{access},
      refused_{log, fmt::format("an access to {} that its attributes do not allow", host_.title)} {}

void PassedRegion::show(DeviceMemory& memory, std::uint64_t start) {
    if (!access_.read || host_.registers || (start - host_.first) % kPage != 0) return;
    const std::uint64_t first = align_up(host_.first, kPage);
    const std::uint64_t end = align_down(host_.first + host_.length, kPage);
    if (first >= end) return;
    const auto pages = host_.pages.bytes().subspan(first, end - first);
    const unsigned number = access_.write ? memory.add(pages) : memory.add_read_only(pages);
    if (memory.show(number, Gpa{start + (first - host_.first)})) shown_ = pages.size();
}

void PassedRegion::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (!access_.read) {
        std::ranges::fill(data, std::byte{0xff});
        return refused_.count();
    }
    if (host_.registers) return host_.registers->read(host_.first + offset, data);
    const std::byte* const at = host_.pages.bytes().data() + host_.first + offset;
    switch (step(at, data.size())) {
        case 8:
            return load<std::uint64_t>(at, data);
        case 4:
            return load<std::uint32_t>(at, data);
        case 2:
            return load<std::uint16_t>(at, data);
        default:
            for (std::size_t i = 0; i < data.size(); ++i) load<std::uint8_t>(at + i, data.subspan(i, 1));
    }
}

void PassedRegion::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (!access_.write) return refused_.count();
    if (host_.registers) return host_.registers->write(host_.first + offset, data);
    std::byte* const at = host_.pages.bytes().data() + host_.first + offset;
    switch (step(at, data.size())) {
        case 8:
            return store<std::uint64_t>(at, data);
        case 4:
            return store<std::uint32_t>(at, data);
        case 2:
            return store<std::uint16_t>(at, data);
        default:
            for (std::size_t i = 0; i < data.size(); ++i) store<std::uint8_t>(at + i, data.subspan(i, 1));
    }
}

}  // namespace qvm
