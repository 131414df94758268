// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-console` (qvmconf specification 4.3).
#include "devices/virtio/console.hpp"
#include "devices/virtio/options.hpp"

namespace qvm {

namespace {

/// The vdev of the console's transport, which tells the console that the VM starts.
class ConsoleVdev final : public Vdev {
public:
    ConsoleVdev(const VdevSpec& spec, VdevContext& context) : ConsoleVdev{spec, context, make(spec, context)} {}
    void start() override {
        vdev_->start();
        console_.attach();
    }

private:
    static std::unique_ptr<Console> make(const VdevSpec& spec, VdevContext& context) {
        return std::make_unique<Console>(spec, context);
    }
    ConsoleVdev(const VdevSpec& spec, VdevContext& context, std::unique_ptr<Console> console)
        : console_{*console}, vdev_{make_virtio_vdev(spec, context, std::move(console))} {}

    Console& console_;
    std::unique_ptr<Vdev> vdev_;
};

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "hostdev",
     .type = ArgType::HostDev,
     .help = "the host's end: -, a path, /dev/ptmx, unix-listen:path or |command, after < for input only or > for "
             "output only",
     .repeatable = true,
     .fallback = "none: output vanishes"},
    {.name = "port",
     .type = ArgType::String,
     .help = "a port of that name beside the console, /dev/virtio-ports/NAME in Linux; the hostdev options behind it "
             "are its own",
     .repeatable = true},
    {.name = "delayed",
     .type = ArgType::Delay,
     .help = "open a path or start a command on first use, then retry for so many seconds",
     .fallback = "at the start"},
    {.name = "tx-backpressure",
     .type = ArgType::Flag,
     .help = "a full host end makes the guest wait in place of losing output"},
    {.name = "sched",
     .type = ArgType::Sched,
     .help = "priority of the vdev's thread",
     .no_effect = "all vdevs share one io thread: set host-io-sched"},
};

}  // namespace

extern constinit const VdevType kVirtioConsole{
    .syntax = {.type = "virtio-console",
               .summary = "console, and named ports",
               .options = kOptions,
               .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return std::make_unique<ConsoleVdev>(spec, context);
    },
    .level = true};

}  // namespace qvm
