// SPDX-License-Identifier: Apache-2.0
// For the tests that go through the qvmconf specification section by section: the tables that users get, and the
// judgement of `qvm --check`.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "config/support.hpp"
#include "launcher/launcher.hpp"

namespace qvm::test {

inline const Catalog& catalog() {
    static const Catalog all = make_catalog();
    return all;
}

/// As the program reads it; there is a configuration only if there is no error.
inline Outcome read_spec(std::string_view text, std::string_view host_map = {}) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("vm.qvmconf", std::string{text});
    if (!host_map.empty()) reader.add_host_map_text("host.map", std::string{host_map});
    out.config = reader.finish(catalog());
    return out;
}

/// The configuration; fails, with the messages, if there is none.
inline VmConfig sound(std::string_view text) {
    const Outcome out = read_spec(text);
    INFO(out.rendered());
    REQUIRE(out.config);
    return *out.config;
}

/// The last vdev of `ram 1M` and `text`.
inline VdevSpec last_vdev(std::string_view text) {
    const VmConfig config = sound("ram 1M " + std::string{text});
    REQUIRE_FALSE(config.vdevs.empty());
    return config.vdevs.back();
}

inline Messages said(std::string_view text) {
    const Outcome out = read_spec(text);
    CHECK(out.config.has_value() != out.diagnostics.has_errors());
    return out.messages();
}

/// The hint of the first message.
inline std::string first_hint(std::string_view text) {
    const Outcome out = read_spec(text);
    return out.diagnostics.all().empty() ? "no message" : out.diagnostics.all().front().hint;
}

/// What `qvm --check` says, without what is not in this version. Images are not asked for: a configuration without
/// `load` is judged by the rest.
inline Messages judged(std::string_view text) {
    Outcome out;
    ConfigReader reader{out.sources, out.diagnostics, kHost};
    reader.add_text("vm.qvmconf", std::string{text});
    out.config = reader.read(catalog());
    if (out.config) {
        out.config->damage.loads = out.config->loads.empty();
        const auto plan = plan_vm(*out.config, catalog(), Purpose::Check, out.diagnostics);
        (void)check_vm(*out.config, catalog(), *plan, out.diagnostics);
    }
    Messages messages = out.messages();
    std::erase_if(messages, [](const std::string& each) { return each.find(" warning: ") != std::string::npos; });
    return messages;
}

inline Range range_of(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

/// Whether both mean the same.
inline void check_same(std::string_view one, std::string_view other) {
    CAPTURE(one, other);
    CHECK(sound(one) == sound(other));
}

}  // namespace qvm::test
