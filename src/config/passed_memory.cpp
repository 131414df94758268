// SPDX-License-Identifier: Apache-2.0
#include "config/passed_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/memory_plan.hpp"
#include "config/value_text.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kPage = 4 * kKiB;

bool is_image(Blob blob) noexcept { return blob != Blob::Sniff && blob != Blob::Data; }

/// Whether it may lie in the guest's RAM where it is. The others are read, and what they are goes elsewhere.
bool stays_in_place(Blob blob) noexcept { return blob == Blob::Initrd || blob == Blob::Data; }

/// Nothing if there is no such memory.
std::optional<PassedImage> image_in(const PassSpec& pass, const PassLocation& location) {
    if (!is_image(pass.blob) || !location.has_address() || location.size() > PassedImage::kMost) return std::nullopt;
    const auto guest = Range::make(location.guest.address, location.size());
    const auto host = Range::make(location.host_start(), location.size());
    const bool ram = location.is_memory();
    if (!guest || !host || (ram && !stays_in_place(pass.blob))) return std::nullopt;
    return PassedImage{.load = {.blob = pass.blob,
                                .address = {},
                                .path = fmt::format("host memory at {:#x}", host->start()),
                                .where = location.where,
                                .passed = true},
                       .host = *host,
                       .cached = pass_attributes(location.attributes).cached,
                       .in_ram = ram ? guest : std::nullopt};
}

class Taker {
public:
    Taker(VmConfig& config, Diagnostics& diagnostics) : config_{config}, diagnostics_{diagnostics} {}

    void take(const PassSpec& pass) {
        if (is_image(pass.blob) && pass.locations.empty())
            lose_image(pass.where, fmt::format("this '{} pass' names no memory", blob_name(pass.blob)),
                       "add loc address,length=host-address");
        for (const PassLocation& location : pass.locations) {
            if (is_image(pass.blob)) check_image(pass.blob, location);
            if (!location.is_memory() || location.guest.space == GuestLocation::Space::Pci) continue;
            if (!take_ram(pass.blob, location)) config_.damage.memory = true;
        }
    }

private:
    void check_image(Blob blob, const PassLocation& location) {
        if (!location.has_address())
            return lose_image(location.where, fmt::format("'{} pass' takes memory, and this is none", blob_name(blob)),
                              "write loc address,length=host-address");
        if (location.size() > PassedImage::kMost)
            lose_image(location.where, fmt::format("an image of {:#x} bytes; it may have 1 GiB", location.size()),
                       "give the length of the image, not that of all memory");
    }

    void lose_image(const Location& where, std::string what, std::string hint) {
        diagnostics_.error(where, std::move(what), std::move(hint));
        config_.damage.loads = true;
    }

    /// False if it cannot be, which has been said.
    bool take_ram(Blob blob, const PassLocation& location) {
        if (!location.has_address())
            return refuse(location, "ports cannot be the guest's RAM", "leave the m out of its letters");
        const PassAttributes letters = pass_attributes(location.attributes);
        if (!letters.read || !letters.write)
            return refuse(location, "what the guest takes for RAM (m) can be read and written", "write rwcxm");
        if (is_image(blob) && !stays_in_place(blob))
            return refuse(location,
                          fmt::format("'{} pass' reads the image where it is, which is no RAM (m)", blob_name(blob)),
                          "leave the m out of its letters");
        if (!whole_pages(location)) return false;
        const auto range = Range::make(location.guest.address, location.size());
        if (!range) return refuse(location, "this does not fit in the 64-bit address space");
        if (!is_free(*range, location)) return false;
        config_.memory.push_back(
            {.rom = false,
             .range = *range,
             .where = location.where,
             .host = MemorySpec::Host{location.host_start(), letters.cached, stays_in_place(blob)}});
        return true;
    }

    bool whole_pages(const PassLocation& location) {
        struct Number {
            const char* what;
            std::uint64_t value;
        };
        const std::array numbers{Number{"start", location.guest.address}, Number{"length", location.size()},
                                 Number{"host's address", location.host_start()}};
        const auto* const bad =
            std::ranges::find_if(numbers, [](const Number& each) { return each.value % kPage != 0; });
        if (bad == numbers.end()) return true;
        return refuse(location, fmt::format("the {} {:#x} of RAM is not a multiple of 4 KiB", bad->what, bad->value),
                      "KVM maps whole pages of 4 KiB");
    }

    bool is_free(const Range& range, const PassLocation& location) {
        const auto other =
            std::ranges::find_if(config_.memory, [&](const MemorySpec& each) { return each.range.overlaps(range); });
        if (other == config_.memory.end()) return true;
        refuse_overlap(diagnostics_, range, location.where, *other);
        return false;
    }

    bool refuse(const PassLocation& location, const std::string& what, const std::string& hint = {}) {
        diagnostics_.error(location.where, what, hint);
        return false;
    }

    VmConfig& config_;
    Diagnostics& diagnostics_;
};

}  // namespace

void take_passed_memory(VmConfig& config, Diagnostics& diagnostics) {
    Taker taker{config, diagnostics};
    for (const PassSpec& pass : config.passed) taker.take(pass);
}

std::string words_for(std::string_view blob, const LoadSpec& load) {
    return load.passed ? fmt::format("{} pass", blob) : fmt::format("{} load {}", blob, load.path);
}

std::vector<PassedImage> passed_images(const VmConfig& config) {
    std::vector<PassedImage> images;
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations)
            if (auto image = image_in(pass, location)) images.push_back(std::move(*image));
    return images;
}

}  // namespace qvm
