// SPDX-License-Identifier: Apache-2.0
// A configuration for programs.
#pragma once

#include <string>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// One JSON object with a line end behind it. Every key is always there; null: not given, [] : none. Names are words of
/// the language where it has one.
///
/// Addresses and sizes are strings, "0x1000". Other numbers are JSON numbers of up to 64 bits, so that a reader who has
/// only doubles loses digits above 2^53 (options of type number, `delayed`, periods and budgets).
///
///     system       {"name", where}           safety      "none" | "warn" | "required"
///     debug        true | false              dryrun      {where}
///     loggers      [{"severities": ["error"...], "destination"}]
///     variables    [{"name", "value", where, "value_where"}]
///     memory       [{"kind": "ram" | "rom", "start", "size", where}]
///     loads        [{"blob": "initrd"..., "address", "path", where}]
///     cmdline      {"text", where}
///     cpus         [{"sched", "sched_where", "runmask": [0...], "runmask_where", "partition", where}]
///     vdevs        [{"type", "options": [{"name", "value", where}], "variables", where}]
///     passed       [{"blob", "locations": [{"guest", "attributes", "host", where}],
///                    "interrupts": [{"guest", "delivery": "thread" | "unmask", "host", where}], "after_vdevs", where}]
///     reserved     [{"loc" or "intr", "after_vdevs", where}]
///     dump         {"command": true | false, "target", where}
///     unsupported  [{"type", "action", where}]
///     user         {"user", "groups": [...], where}
///
/// `where` is "where": {"file", "line", "column"}, counted as in Location; null for what stands nowhere.
/// The value of a vdev's option by its ArgType: Flag true; Number, Octal a number; Size an address; String, Choice, Mac
/// a string; Location {"space": "mem" | "io", "address", "length"}, or {"space": "pci", "bus", "device", "function"},
/// or
/// {"space": "pci", "vendor_id", "device_id"}; Intr {"controller", "line"}; HostDev {"direction": "input" | "output",
/// "kind": "stdio" | "path" | "command", "target"}; Sched {"priority", "policy": "r" | "f" | "o" | "s"} and for "s"
/// "low", "max_replenishments", "period", "budget"; Delay a number or "forever"; Pair [1,2]; Numbers addresses; Intrs a
/// list of Intr; NamedSize {"name", "size"}; LogRule as in `loggers`.
[[nodiscard]] std::string config_to_json(const VmConfig& config, const Sources& sources);

}  // namespace qvm
