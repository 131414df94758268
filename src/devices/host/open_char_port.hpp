// SPDX-License-Identifier: Apache-2.0
// From `hostdev` options to the host's end of a character vdev.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/vm_config.hpp"
#include "devices/host/char_port.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"

namespace qvm {

class Terminal;

/// For judging `hostdev` options without opening anything.
struct HostEndCheck {
    bool stdin_taken = false;
};

/// Where the other end of a `/dev/ptmx` came to be.
struct NewPseudoTerminal {
    std::string vdev;  ///< its type, and its name if it has one
    std::string path;
};

/// What host ends stand on. All of it must outlive the ports.
struct CharHost {
    EventLoop& loop;
    Log& log;
    Terminal* terminal = nullptr;  ///< who owns stdin; null: stdin is read as it is
    HostEndCheck* check =
        nullptr;  ///< if there is one, all ports swallow everything, and no host end is opened or made
    std::vector<NewPseudoTerminal>* pseudo_terminals = nullptr;  ///< gets those that are made; null: nobody asks
    std::string runtime_directory{};                             ///< of this VM; empty if there is none
};

/// What a port is to be made of.
struct CharEnd {
    std::string label;                       ///< of vdev and port, for messages
    std::span<const OptionValue> options{};  ///< the `hostdev` options among these
    std::optional<Delay> delayed{};          ///< how long to try what cannot be opened on first use; nothing: at once
};

/// The host's end of a vdev.
[[nodiscard]] CharEnd char_end(const VdevSpec& spec);
/// That of one port among several of a vdev; `options` are those of the port.
[[nodiscard]] CharEnd char_end(const VdevSpec& spec, std::string_view port, std::span<const OptionValue> options);

/// Opens what the `hostdev` options of `end` name; without any, a port that swallows everything. Throws ConfigError
/// at the option's place. Set-up only, on the main thread, which also destroys the port.
///
/// Forms (qvmconf 3.4), each optionally after `<` (input only) or `>` (output only):
///   -                 stdin and stdout
///   path              a character device, a FIFO, a unix socket to connect to; a regular file is appended to (made if
///                     it is missing) or, with `<`, read once from its start
///   /dev/ptmx         a new pseudo-terminal, whose other end is logged at `info`
///   unix-listen:path  a unix socket for others to connect to, one after the other
///   |command          the output goes to a shell command
/// Two options give input and output separately. With `delayed`, a path or a command is opened by CharPort::use(),
/// files are not made but waited for, and a socket whose peer has gone is connected to again.
///
/// Output is queued (64 KiB) and written by the loop's thread. While nobody has the other end open, the latest output
/// is kept. A host end that dies is reported once, and what the guest sends it from then on is swallowed. Destruction
/// writes out what is queued, but waits a second at most. SIGPIPE is ignored in the whole process from the first call
/// on.
[[nodiscard]] std::unique_ptr<CharPort> open_char_port(const CharEnd& end, const CharHost& host);

}  // namespace qvm
