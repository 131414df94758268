// SPDX-License-Identifier: Apache-2.0
// The two ways in which a StreamLink finds its other end.
#pragma once

#include <sys/types.h>

#include <string>

#include "devices/host/one_shot.hpp"
#include "devices/host/stream_link.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Connects to a program that listens, as passt(1) does, and again after it has gone.
class DialConnector final : public Connector {
public:
    static constexpr std::chrono::milliseconds kAgain{500};

    DialConnector(EventLoop& loop, Log& log, std::string path);

    void start(StreamLink& link) override;
    void lost() noexcept override { again_.after(kAgain); }
    void stop() noexcept override { again_.cancel(); }

private:
    void dial();

    Log& log_;
    std::string path_;
    StreamLink* link_ = nullptr;
    bool told_ = false;
    OneShot again_;
};

/// A network card among those of all VMs: its VM's name and its own, and the socket where it can be met.
struct NetAddress {
    std::string name;  ///< SYSTEM/NAME
    std::string path;
};

/// Two VMs find each other, whichever starts first: each listens for the other and tries once to reach it. Whoever is
/// second succeeds.
class PeerConnector final : public Connector {
public:
    /// Listens from now on. Throws HostError.
    PeerConnector(EventLoop& loop, Log& log, NetAddress own, NetAddress peer, mode_t mode);
    ~PeerConnector() override;

    void start(StreamLink& link) override;
    void lost() noexcept override {}
    void stop() noexcept override;

private:
    /// A connection on which the other end has not said yet who it is.
    struct Caller {
        UniqueFd fd{};
        Watch watch{};
    };
    void accept();
    void greet(Caller& caller, UniqueFd fd, bool called_by_us);
    void hear(Caller& caller, bool called_by_us);
    [[nodiscard]] bool is_welcome(int fd);

    EventLoop& loop_;
    Log& log_;
    NetAddress own_;
    NetAddress peer_;
    UniqueFd listener_;
    StreamLink* link_ = nullptr;
    bool current_by_us_ = false;  ///< who has made the link's connection
    Watch accepting_;
    Caller outgoing_;
    Caller incoming_;  ///< the latest one: who says nothing keeps nobody out
};

}  // namespace qvm
