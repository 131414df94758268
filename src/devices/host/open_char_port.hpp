// SPDX-License-Identifier: Apache-2.0
// From `hostdev` options to the host's end of a character vdev.
#pragma once

#include <memory>
#include <string>
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

/// Opens what the `hostdev` options of `spec` name; without any, a port that swallows everything. Throws ConfigError
/// at the option's place. Set-up only, on the main thread, which also destroys the port.
///
/// Forms (qvmconf 3.4), each optionally after `<` (input only) or `>` (output only):
///   -          stdin and stdout
///   path       a character device, a FIFO, a unix socket to connect to; a regular file is appended to (made if it is
///              missing) or, with `<`, read once from its start
///   /dev/ptmx  a new pseudo-terminal, whose other end is logged at `info`
///   |command   the output goes to a shell command
/// Two options give input and output separately.
///
/// Output is queued (64 KiB) and written by the loop's thread. A host end that dies is reported once, and what the
/// guest sends it from then on is swallowed. Destruction writes out what is queued, but waits a second at most.
/// SIGPIPE is ignored in the whole process from the first call on.
[[nodiscard]] std::unique_ptr<CharPort> open_char_port(const VdevSpec& spec, const CharHost& host);

}  // namespace qvm
