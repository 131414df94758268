// SPDX-License-Identifier: Apache-2.0
// Messages to and from a vhost-user back end, byte for byte. Nothing here asks the system for anything.
// Source: docs/interop/vhost-user.rst of QEMU 7.2. Numbers are in the machine's own byte order.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace qvm {

/// Front-end message types.
enum class VhostUserRequest : std::uint32_t {
    GetFeatures = 1,
    SetFeatures = 2,
    SetOwner = 3,
    SetMemTable = 5,
    SetVringNum = 8,
    SetVringAddr = 9,
    SetVringBase = 10,
    GetVringBase = 11,
    SetVringKick = 12,
    SetVringCall = 13,
    GetProtocolFeatures = 15,
    SetProtocolFeatures = 16,
    GetQueueNum = 17,
    SetVringEnable = 18,
    SetBackendReqFd = 21,
    GetConfig = 24,
    SetConfig = 25,
};
/// "GET_FEATURES"; "message" for what is none of them.
[[nodiscard]] std::string_view vhost_user_name(VhostUserRequest request) noexcept;

/// Back-end message types.
namespace vhost_user_event {
inline constexpr std::uint32_t kConfigChange = 2;
}

namespace vhost_user_feature {
inline constexpr std::uint64_t kProtocolFeatures = 1ULL << 30;  ///< among the device's features
// Protocol features.
inline constexpr std::uint64_t kMq = 1ULL << 0;
inline constexpr std::uint64_t kReplyAck = 1ULL << 3;
inline constexpr std::uint64_t kBackendReq = 1ULL << 5;
inline constexpr std::uint64_t kConfig = 1ULL << 9;
}  // namespace vhost_user_feature

struct VhostUserHeader {
    static constexpr std::uint32_t kVersion = 1, kVersionMask = 3, kReply = 4, kNeedReply = 8;
    std::uint32_t request = 0;
    std::uint32_t flags = 0;
    std::uint32_t size = 0;  ///< bytes of payload behind the header
};

// Payloads.
struct VhostUserVringState {
    std::uint32_t index;
    std::uint32_t num;
};
struct VhostUserVringAddr {
    std::uint32_t index;
    std::uint32_t flags;
    std::uint64_t descriptor;
    std::uint64_t used;
    std::uint64_t available;
    std::uint64_t log;
};
struct VhostUserRegion {
    std::uint64_t guest_address;
    std::uint64_t size;
    std::uint64_t user_address;
    std::uint64_t mmap_offset;
};
struct VhostUserMemTable {
    static constexpr std::size_t kMostRegions = 8;
    std::uint32_t count;
    std::uint32_t padding;
    std::array<VhostUserRegion, kMostRegions> regions;
};
struct VhostUserConfig {
    static constexpr std::size_t kMost = 256;
    std::uint32_t offset;
    std::uint32_t size;
    std::uint32_t flags;
    std::array<std::byte, kMost> bytes;
};

/// One message; the header says how much of the payload counts, which is never more than there is.
struct VhostUserMessage {
    static constexpr std::size_t kMostPayload = std::max(sizeof(VhostUserMemTable), sizeof(VhostUserConfig));

    VhostUserHeader header{};
    std::array<std::byte, kMostPayload> payload{};

    [[nodiscard]] static VhostUserMessage of(VhostUserRequest request) noexcept {
        VhostUserMessage message;
        message.header = {static_cast<std::uint32_t>(request), VhostUserHeader::kVersion, 0};
        return message;
    }
    /// With the first `size` bytes of `value`.
    template <typename T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] static VhostUserMessage of(VhostUserRequest request, const T& value,
                                             std::size_t size = sizeof(T)) noexcept {
        static_assert(sizeof(T) <= kMostPayload);
        VhostUserMessage message = of(request);
        message.header.size = static_cast<std::uint32_t>(std::min(size, sizeof(T)));
        std::memcpy(message.payload.data(), &value, message.header.size);
        return message;
    }

    [[nodiscard]] VhostUserRequest request() const noexcept { return static_cast<VhostUserRequest>(header.request); }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {reinterpret_cast<const std::byte*>(this), sizeof header + header.size};
    }
    /// The payload, if it is of just that size.
    template <typename T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] std::optional<T> as() const noexcept {
        if (header.size != sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, payload.data(), sizeof value);
        return value;
    }
};
static_assert(sizeof(VhostUserMessage) == sizeof(VhostUserHeader) + VhostUserMessage::kMostPayload);

/// Whether `message` answers a request of that type: version, reply bit and type are right. Its payload is still to be
/// judged.
[[nodiscard]] bool answers(const VhostUserMessage& message, VhostUserRequest request) noexcept;

/// The bytes of a GET_CONFIG answer, if it is one for the first `size` bytes.
[[nodiscard]] std::optional<std::span<const std::byte>> config_in(const VhostUserMessage& answer,
                                                                  std::size_t size) noexcept;

/// Puts one message together from what a stream brings.
class VhostUserDecoder {
public:
    enum class State : std::uint8_t { More, Complete, Bad };

    /// Where the next bytes of the message go: never beyond its end, and never nothing unless it is complete or bad.
    [[nodiscard]] std::span<std::byte> room() noexcept;
    /// So many bytes of room() are there. Bad: longer than any message is.
    [[nodiscard]] State filled(std::size_t bytes) noexcept;
    /// What is complete.
    [[nodiscard]] const VhostUserMessage& message() const noexcept { return message_; }
    void clear() noexcept { *this = {}; }

private:
    VhostUserMessage message_{};
    std::size_t got_ = 0;
};

}  // namespace qvm
