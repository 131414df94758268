// SPDX-License-Identifier: Apache-2.0
#include "kvm/guest.hpp"

#include <stdexcept>

namespace qvm::test {

std::string guest_file(std::string_view name) { return std::string{QVM_GUEST_DIR} + "/" + std::string{name}; }

std::string config_text(const GuestConfig& config) {
    std::string text = config.ram;
    for (unsigned i = 0; i < config.cpus; ++i) text += "cpu\n";
    text += "load " + config.kernel + "\n";
    text += "cmdline \"" + config.cmdline + "\"\n";
    text += "vdev ser8250\n  hostdev -\n";
    return text + config.more;
}

std::vector<std::string> qvm_command(std::vector<std::string> words) {
    words.insert(words.begin(), QVM_PROGRAM);
    return words;
}

std::vector<std::string> qvm_command(const TempDir& dir, std::string_view text) {
    return qvm_command({"-f", dir.write("test.qvmconf", text)});
}

bool Outcome::says(std::string_view line) const {
    std::string_view rest = out;
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        auto one = rest.substr(0, end);
        if (one.ends_with('\r')) one.remove_suffix(1);
        if (one == line) return true;
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return false;
}

unsigned long Outcome::value(std::string_view name) const {
    const auto key = "\n" + std::string{name} + "=";
    const auto text = "\n" + out;
    const auto at = text.find(key);
    if (at == std::string::npos) throw std::runtime_error{"no '" + std::string{name} + "=' in:\n" + out + "\n" + err};
    return std::stoul(text.substr(at + key.size(), 8), nullptr, 16);
}

Outcome outcome(Child& child) {
    const auto ending = child.wait();
    return {ending, child.out(), child.err()};
}

Outcome run(const std::vector<std::string>& command, ChildOptions options) {
    Child child{command, options};
    return outcome(child);
}

Outcome run_text(std::string_view text, ChildOptions options) {
    const TempDir dir;
    return run(qvm_command(dir, text), options);
}

Outcome run_guest(std::string_view name) {
    return run_text(config_text({.kernel = guest_file(std::string{name} + ".elf")}));
}

}  // namespace qvm::test
