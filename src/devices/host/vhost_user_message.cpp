// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost_user_message.hpp"

namespace qvm {

std::string_view vhost_user_name(VhostUserRequest request) noexcept {
    switch (request) {
        case VhostUserRequest::GetFeatures:
            return "GET_FEATURES";
        case VhostUserRequest::SetFeatures:
            return "SET_FEATURES";
        case VhostUserRequest::SetOwner:
            return "SET_OWNER";
        case VhostUserRequest::SetMemTable:
            return "SET_MEM_TABLE";
        case VhostUserRequest::SetVringNum:
            return "SET_VRING_NUM";
        case VhostUserRequest::SetVringAddr:
            return "SET_VRING_ADDR";
        case VhostUserRequest::SetVringBase:
            return "SET_VRING_BASE";
        case VhostUserRequest::GetVringBase:
            return "GET_VRING_BASE";
        case VhostUserRequest::SetVringKick:
            return "SET_VRING_KICK";
        case VhostUserRequest::SetVringCall:
            return "SET_VRING_CALL";
        case VhostUserRequest::GetProtocolFeatures:
            return "GET_PROTOCOL_FEATURES";
        case VhostUserRequest::SetProtocolFeatures:
            return "SET_PROTOCOL_FEATURES";
        case VhostUserRequest::GetQueueNum:
            return "GET_QUEUE_NUM";
        case VhostUserRequest::SetVringEnable:
            return "SET_VRING_ENABLE";
        case VhostUserRequest::SetBackendReqFd:
            return "SET_BACKEND_REQ_FD";
        case VhostUserRequest::GetConfig:
            return "GET_CONFIG";
        case VhostUserRequest::SetConfig:
            return "SET_CONFIG";
    }
    return "message";
}

bool answers(const VhostUserMessage& message, VhostUserRequest request) noexcept {
    const std::uint32_t flags = message.header.flags;
    return message.request() == request && (flags & VhostUserHeader::kReply) != 0 &&
           (flags & VhostUserHeader::kVersionMask) == VhostUserHeader::kVersion;
}

std::optional<std::span<const std::byte>> config_in(const VhostUserMessage& answer, std::size_t size) noexcept {
    constexpr std::size_t kBefore = offsetof(VhostUserConfig, bytes);
    VhostUserConfig config{};
    if (size > config.bytes.size() || answer.header.size != kBefore + size) return std::nullopt;
    std::memcpy(&config, answer.payload.data(), kBefore);
    if (config.offset != 0 || config.size != size) return std::nullopt;
    return std::span{answer.payload}.subspan(kBefore, size);
}

std::span<std::byte> VhostUserDecoder::room() noexcept {
    const std::span whole{reinterpret_cast<std::byte*>(&message_), sizeof message_};
    const std::size_t header = sizeof message_.header;
    const std::size_t end = got_ < header ? header : header + message_.header.size;
    return end > whole.size() ? std::span<std::byte>{} : whole.subspan(got_, end - got_);
}

VhostUserDecoder::State VhostUserDecoder::filled(std::size_t bytes) noexcept {
    got_ += std::min(bytes, room().size());
    const std::size_t header = sizeof message_.header;
    if (got_ < header) return State::More;
    if (message_.header.size > VhostUserMessage::kMostPayload) return State::Bad;
    return got_ == header + message_.header.size ? State::Complete : State::More;
}

}  // namespace qvm
