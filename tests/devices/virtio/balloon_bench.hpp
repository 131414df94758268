// SPDX-License-Identifier: Apache-2.0
// A balloon between a driver of the test's and a runtime directory of its own.
#pragma once

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/balloon.hpp"
#include "support/fake_virtio.hpp"
#include "support/temp_dir.hpp"

namespace qvm::test {

/// Bytes of a block that the host has given pages for.
[[nodiscard]] inline std::uint64_t present(const GuestMemory::Block& block) {
    struct stat status {};
    if (::fstat(block.memfd.get(), &status) != 0) throw std::runtime_error{"fstat"};
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

/// Guest memory: 16 MiB of RAM for the driver, ROM, and 4 MiB of RAM to give away, all of it there.
struct BalloonBench {
    static constexpr std::uint64_t kRom = FakeVirtio::kMemory;
    static constexpr std::uint64_t kSpare = kRom + kMiB;
    static constexpr std::uint64_t kSpareSize = 4 * kMiB;
    static constexpr std::uint32_t kSparePage = kSpare / kBalloonPage;

    explicit BalloonBench(const BalloonSettings& settings = {.name = "balloon"}) {
        path = directory.root().string();
        context.identity.runtime_directory = path;
        context.ram.add(Range::make(0, FakeVirtio::kMemory).value(), GuestMemory::Kind::Ram);
        context.ram.add(Range::make(kRom, kMiB).value(), GuestMemory::Kind::Rom);
        context.ram.add(Range::make(kSpare, kSpareSize).value(), GuestMemory::Kind::Ram);
        std::ranges::fill(spare(), std::byte{0x5a});
        std::ranges::fill(context.ram.span(Gpa{kRom}, kMiB).value(), std::byte{0xf0});
        balloon = std::make_unique<VirtioBalloon>(context, settings);
        driver = std::make_unique<FakeVirtio>(context, *balloon);
    }
    ~BalloonBench() { driver->stop(); }
    BalloonBench(const BalloonBench&) = delete;
    BalloonBench& operator=(const BalloonBench&) = delete;

    [[nodiscard]] std::span<std::byte> spare() const { return context.ram.span(Gpa{kSpare}, kSpareSize).value(); }
    [[nodiscard]] std::uint64_t spare_present() const { return present(*context.ram.block_at(Gpa{kSpare})); }
    [[nodiscard]] std::byte first_byte(std::uint32_t number) const {
        return context.ram.read<std::byte>(Gpa{number * kBalloonPage}).value();
    }

    /// Sends one list of pages and waits until it comes back.
    void list(unsigned queue, const std::vector<std::uint32_t>& numbers) {
        driver->queue(queue).send({driver->heap.readable(std::as_bytes(std::span{numbers}))});
        (void)driver->queue(queue).wait_used();
    }
    void inflate(const std::vector<std::uint32_t>& numbers) { list(0, numbers); }
    void deflate(const std::vector<std::uint32_t>& numbers) { list(1, numbers); }
    void settle() {
        for (int i = 0; i < 3; ++i) run_on_loop(context.loop(), [] {});
    }

    FakeContext context;
    TempDir directory;
    std::string path;
    std::unique_ptr<VirtioBalloon> balloon;
    std::unique_ptr<FakeVirtio> driver;
};

/// What is in a file of a directory, when it has come to be.
class WatchedFile {
public:
    WatchedFile(const std::string& directory, const std::string& name)
        : path_{directory + "/" + name}, changes_{::inotify_init1(IN_CLOEXEC)} {
        if (::inotify_add_watch(changes_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
            throw std::runtime_error{"inotify"};
    }
    /// Waits until the file contains `text`; what it contains at last.
    [[nodiscard]] std::string wait_for(const std::string& text) const {
        pollfd changed{changes_.get(), POLLIN, 0};
        while (true) {
            std::string content = std::filesystem::exists(path_) ? read_file(path_) : "";
            const auto patience = static_cast<int>(std::chrono::milliseconds{kPatience}.count());
            if (content.find(text) != std::string::npos || ::poll(&changed, 1, patience) != 1) return content;
            std::array<char, 4096> events{};
            if (::read(changes_.get(), events.data(), events.size()) < 0) throw std::runtime_error{"inotify"};
        }
    }

private:
    std::string path_;
    UniqueFd changes_;
};

}  // namespace qvm::test
