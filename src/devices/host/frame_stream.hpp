// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/unique_fd.hpp"

namespace qvm {

/// Frames over a stream socket, each after its length as 32 bits, big-endian: what passt(1) and QEMU's `-netdev stream`
/// speak. Reads and writes as many at once as there are, and never waits.
class FrameStream {
public:
    /// Whether a NetHeader stands between length and frame, as qvm does it with its kind.
    enum class Headers : bool { No, Yes };
    explicit FrameStream(Headers headers);

    /// A new connection, with nothing of the old one left; without one, nothing comes and all that is sent is lost.
    void connect(UniqueFd fd) noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The other end is gone, or said what is no frame.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

    /// As NetBackend::send(). False: the other end is too slow, and the frame is lost.
    [[nodiscard]] bool send(std::span<const iovec> frame) noexcept;
    /// Writes what it can. False: some is left, try again when fd() is writable.
    [[nodiscard]] bool flush() noexcept;

    /// The next frame, or nothing. It stays until the next call.
    struct Frame {
        std::span<std::byte> header;  ///< of a NetHeader's size; empty without Headers
        std::span<std::byte> data;
    };
    [[nodiscard]] std::optional<Frame> next() noexcept;
    /// Whether next() has one without reading.
    [[nodiscard]] bool has_frame() const noexcept;

private:
    static constexpr std::size_t kCapacity = std::size_t{256} * 1024;
    static constexpr std::size_t kBurst = kCapacity / 4;  ///< what is worth a system call of its own

    [[nodiscard]] std::optional<std::size_t> next_length() const noexcept;
    void judge() noexcept;
    [[nodiscard]] bool fill() noexcept;
    void append(std::span<const std::byte> bytes) noexcept;

    std::size_t header_size_;
    UniqueFd fd_;
    bool broken_ = false;
    bool blocked_ = false;  ///< the other end took no more when it was last tried
    std::vector<std::byte> out_ = std::vector<std::byte>(kCapacity);  ///< a ring
    std::size_t out_at_ = 0;
    std::size_t out_size_ = 0;
    std::vector<std::byte> in_ = std::vector<std::byte>(kCapacity);
    std::size_t in_at_ = 0;
    std::size_t in_end_ = 0;
};

}  // namespace qvm
