// SPDX-License-Identifier: Apache-2.0
#include "devices/host/stream_port.hpp"

namespace qvm {

StreamPort::~StreamPort() {
    // What calls others goes before those others.
    if (parts_.pseudo_terminal) parts_.pseudo_terminal->stop_monitoring();
    parts_.input.reset();
    parts_.output.reset();
}

void StreamPort::attach(CharClient& client) {
    if (parts_.output) parts_.output->on_room([&client] { client.writable(); });
    if (parts_.pseudo_terminal) {
        parts_.pseudo_terminal->monitor(loop_, [this](bool open) {
            if (parts_.output) parts_.output->set_detached(!open);
            if (parts_.input) parts_.input->set_open(open);
        });
    }
    if (parts_.input) parts_.input->start(client);
}

}  // namespace qvm
