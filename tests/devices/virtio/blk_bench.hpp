// SPDX-License-Identifier: Apache-2.0
// A block device under test with its driver.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "devices/virtio/blk.hpp"
#include "support/fake_virtio.hpp"
#include "support/temp_dir.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

/// The contents of a sector that say which one it is.
[[nodiscard]] inline std::string sector_text(std::uint64_t sector, char letter = 'a') {
    std::string out = std::to_string(sector) + ":";
    out.resize(kSectorSize, letter);
    return out;
}
[[nodiscard]] inline std::string sectors_text(std::uint64_t first, std::uint64_t count, char letter = 'a') {
    std::string out;
    for (std::uint64_t i = 0; i < count; ++i) out += sector_text(first + i, letter);
    return out;
}

/// An image of 1 MiB, each sector with its number.
inline constexpr std::uint64_t kImageSectors = 2048;

struct BlkAnswer {
    BlkStatus status{0xff};
    std::uint32_t written = 0;
    std::string data{};
};

/// Everything that a driver does with a disk. Requests wait for their answers.
class BlkBench {
public:
    explicit BlkBench(BlkOptions options = {}) : BlkBench{std::move(options), true} {}
    /// Without an image: the options have a path.
    struct NoImage {};
    BlkBench(NoImage, BlkOptions options) : BlkBench{std::move(options), false} {}

    void start() { driver.start(); }

    [[nodiscard]] static BlkHeader header(BlkType type, std::uint64_t sector = 0) {
        return {static_cast<std::uint32_t>(type), 0, sector};
    }
    BlkAnswer send(const std::vector<Buffer>& readable, const std::vector<Buffer>& writable, unsigned queue = 0,
                   Layout layout = Layout::Direct) {
        const Buffer status = driver.heap.writable(1);
        std::vector<Buffer> chain = readable;
        chain.insert(chain.end(), writable.begin(), writable.end());
        chain.push_back(status);
        driver.queue(queue).send(chain, layout);
        BlkAnswer answer;
        answer.written = driver.queue(queue).wait_used().written;
        answer.status = driver.heap.value<BlkStatus>(status);
        for (const Buffer& buffer : writable) answer.data += driver.heap.text(buffer);
        return answer;
    }
    BlkAnswer request(const BlkHeader& head, std::string_view out, std::uint32_t in, unsigned queue = 0) {
        std::vector<Buffer> readable{driver.heap.readable_value(head)};
        if (!out.empty()) readable.push_back(driver.heap.readable(out));
        std::vector<Buffer> writable;
        if (in != 0) writable.push_back(driver.heap.writable(in));
        return send(readable, writable, queue);
    }
    BlkAnswer read(std::uint64_t sector, std::uint32_t sectors, unsigned queue = 0) {
        return request(header(BlkType::In, sector), {}, sectors * static_cast<std::uint32_t>(kSectorSize), queue);
    }
    BlkAnswer write(std::uint64_t sector, std::string_view data, unsigned queue = 0) {
        return request(header(BlkType::Out, sector), data, 0, queue);
    }
    BlkAnswer flush() { return request(header(BlkType::Flush), {}, 0); }
    BlkAnswer clear(BlkType type, const std::vector<BlkRange>& ranges) {
        const auto bytes = std::as_bytes(std::span{ranges});
        return request(header(type), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, 0);
    }
    /// What the host has at those sectors.
    [[nodiscard]] std::string on_host(std::uint64_t sector, std::uint64_t sectors) const {
        std::string out(sectors * kSectorSize, '?');
        const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        const auto got = ::pread(fd.get(), out.data(), out.size(), static_cast<off_t>(sector * kSectorSize));
        out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return out;
    }

    TempDir folder;
    std::string path;
    FakeContext context;
    VirtioBlk device;
    FakeVirtio driver{context, device};

private:
    BlkBench(BlkOptions options, bool makes_image)
        : path{makes_image ? folder.write("disk.img", sectors_text(0, kImageSectors)) : options.file.path},
          device{context, completed(std::move(options))} {}

    [[nodiscard]] BlkOptions completed(BlkOptions options) const {
        options.label = "disk under test";
        options.thread_name = "io/test";
        options.file.path = path;
        return options;
    }
};

}  // namespace qvm::test
