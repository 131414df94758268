// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/image.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "arch/arm64/layout.hpp"
#include "vmm/units.hpp"

namespace qvm::arm64 {
namespace {

// Offsets in the header.
constexpr std::uint64_t kTextOffset = 8, kImageSize = 16, kFlags = 24, kHeader = 64;
constexpr std::uint64_t kBigEndian = 1;             // of the flags
constexpr std::uint64_t kOldTextOffset = 0x8'0000;  // of kernels whose image_size is 0 (before 3.17)
constexpr std::uint64_t kOldMemory = 32 * kMiB;     // what those may use behind their image, generously

/// zlib's state, which must be given back.
class Inflater {
public:
    Inflater() { good_ = ::inflateInit2(&stream_, kGzip) == Z_OK; }
    ~Inflater() {
        if (good_) ::inflateEnd(&stream_);
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    /// Continues; Z_OK, Z_STREAM_END or an error.
    int step(ByteView& in, std::span<std::byte>& out) {
        if (!good_) return Z_MEM_ERROR;
        // zlib only reads there.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
        stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(in.size(), kUnpackLimit));
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        const uInt offered = stream_.avail_in;
        const int result = ::inflate(&stream_, Z_NO_FLUSH);
        in = in.subspan(offered - stream_.avail_in);
        out = out.subspan(out.size() - stream_.avail_out);
        return result;
    }

private:
    static constexpr int kGzip = 15 + 16;  // largest window, gzip header
    z_stream stream_{};
    bool good_ = false;
};

constexpr std::size_t kChunk = 1 << 20;

ImageFault damaged_header(const std::string& what) { return {"is damaged: " + what, "copy or build it again"}; }

ImageFault bad_gzip(const std::string& what) { return {"is a damaged gzip file: " + what, "copy or build it again"}; }

}  // namespace

bool is_gzip(ByteView file) noexcept { return get<std::uint16_t>(file, 0) == std::uint16_t{0x8b1f}; }

LinuxImageResult parse_linux_image(ByteView file) {
    if (file.size() < kHeader) return {{}, {"is truncated: it ends within its header", "copy or build it again"}};
    const auto flags = get<std::uint64_t>(file, kFlags).value();
    if ((flags & kBigEndian) != 0) return {{}, {"is a big-endian kernel", "build it with CONFIG_CPU_LITTLE_ENDIAN=y"}};
    LinuxImage image{.bytes = file,
                     .text_offset = get<std::uint64_t>(file, kTextOffset).value(),
                     .memory_size = get<std::uint64_t>(file, kImageSize).value()};
    if (image.memory_size == 0) {
        image.text_offset = kOldTextOffset;
        image.memory_size = file.size() + kOldMemory;
    }
    if (image.text_offset >= kKernelStep || image.text_offset % kPage != 0)
        return {{}, damaged_header(fmt::format("its text_offset is {:#x}", image.text_offset))};
    if (image.memory_size > kGiB)
        return {{}, damaged_header(fmt::format("its image_size is {:#x}", image.memory_size))};
    image.memory_size = std::max<std::uint64_t>(image.memory_size, file.size());
    return {image, {}};
}

Unpacked unpack_gzip(ByteView file) {
    Inflater inflater;
    std::vector<std::byte> bytes;
    for (;;) {
        const std::size_t filled = bytes.size();
        if (filled >= kUnpackLimit)
            return {{}, bad_gzip(fmt::format("it unpacks to more than {} MiB", kUnpackLimit >> 20))};
        bytes.resize(filled + kChunk);
        std::span<std::byte> room{bytes.data() + filled, kChunk};
        const int result = inflater.step(file, room);
        bytes.resize(bytes.size() - room.size());
        if (result == Z_STREAM_END) return {std::move(bytes), {}};
        if (result != Z_OK) return {{}, bad_gzip(file.empty() ? "it is truncated" : "its data make no sense")};
        if (file.empty() && !room.empty()) return {{}, bad_gzip("it is truncated")};
    }
}

}  // namespace qvm::arm64
