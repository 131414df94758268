// SPDX-License-Identifier: Apache-2.0
#include "devices/host/port_opener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "devices/host/host_path.hpp"
#include "devices/host/late_end.hpp"
#include "devices/host/listening_end.hpp"
#include "devices/host/pseudo_terminal.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr std::string_view kNewPseudoTerminal = "/dev/ptmx";
constexpr std::string_view kListen = "unix-listen:";

using Direction = HostDev::Direction;

/// Where to listen; nothing if it is an ordinary path.
[[nodiscard]] std::optional<std::string> listening_path(const HostDev& dev) {
    if (dev.kind != HostDev::Kind::Path || !dev.target.starts_with(kListen)) return std::nullopt;
    return dev.target.substr(kListen.size());
}

/// Whether it is there, or made, as soon as qvm is.
[[nodiscard]] bool is_always_there(const HostDev& dev) {
    return dev.kind == HostDev::Kind::Stdio || dev.target == kNewPseudoTerminal || listening_path(dev);
}

[[nodiscard]] std::string target_text(const HostDev& dev) {
    if (dev.kind == HostDev::Kind::Stdio) return "-";
    return dev.kind == HostDev::Kind::Command ? "|" + dev.target : dev.target;
}

}  // namespace

void PortOpener::add(const OptionValue& option) {
    const auto* dev = std::get_if<HostDev>(&option.value);
    if (dev == nullptr) return;
    begin(option, *dev);
    try {
        if (host_.check != nullptr) {
            judge(*dev);
        } else if (end_.delayed && !is_always_there(*dev)) {
            open_later(*dev);
        } else {
            open_target(*dev);
        }
    } catch (const HostEndError& error) {
        fail(fmt::format("{}: {}", name_, error.what()), error.hint());
    } catch (const HostError& error) {
        fail(fmt::format("{}: {}", name_, error.what()));
    }
    has_input_ = has_input_ || reads_;
    has_output_ = has_output_ || writes_;
}

void PortOpener::begin(const OptionValue& option, const HostDev& dev) {
    where_ = option.where;
    name_ = name_of(dev);
    // A command can only listen, whatever the direction says.
    const bool command = dev.kind == HostDev::Kind::Command;
    reads_ = dev.direction != Direction::Output && !command;
    writes_ = dev.direction != Direction::Input || command;
    if (command && dev.direction == Direction::Input) fail("a command can take output only", "leave out the `<`");
    if (reads_ && has_input_) fail("an earlier hostdev gives the input already", "write `>` for output only");
    if (writes_ && has_output_) fail("an earlier hostdev gives the output already", "write `<` for input only");
}

/// As much of open_target() as is certain without touching the target.
void PortOpener::judge(const HostDev& dev) {
    if (dev.kind == HostDev::Kind::Stdio && reads_ && std::exchange(host_.check->stdin_taken, true)) fail_taken();
    if (dev.kind != HostDev::Kind::Path || is_always_there(dev)) return;
    struct stat status {};
    const bool there = ::stat(dev.target.c_str(), &status) == 0;
    if (there && S_ISDIR(status.st_mode)) throw HostError{errno_text("cannot open", EISDIR)};
    if (writes_ && (there ? S_ISREG(status.st_mode) : !end_.delayed)) reads_ = false;  // as in open_host_path()
}

void PortOpener::open_target(const HostDev& dev) {
    if (dev.kind == HostDev::Kind::Stdio) return open_stdio();
    if (dev.kind == HostDev::Kind::Command) return open_command(dev.target);
    if (dev.target == kNewPseudoTerminal) return open_pseudo_terminal();
    if (const auto path = listening_path(dev)) return open_listener(*path);
    open_path(dev.target);
}

void PortOpener::open_stdio() {
    if (writes_) {
        require_open(STDOUT_FILENO);
        use_output(std::make_shared<HostStream>(STDOUT_FILENO, HostStream::Use::Output));
    }
    if (!reads_) return;
    Terminal* const terminal = host_.terminal;
    const int fd = terminal != nullptr ? terminal->fd() : STDIN_FILENO;
    require_open(fd);
    if (terminal != nullptr && !terminal->claim()) fail_taken();
    if (terminal != nullptr && terminal->in_background()) {
        host_.log.warn(fmt::format("{}: qvm is in the background of its terminal, so there is no input", name_));
        return;
    }
    use_input(std::make_shared<HostStream>(fd, HostStream::Use::Input));
    if (terminal == nullptr || !terminal->raw()) return;
    parts_.terminal = terminal;
    parts_.input->set_filter(keys(*terminal));
}

InputPump::Filter PortOpener::keys(Terminal& terminal) const {
    return [&terminal, output = parts_.output.get()](std::byte key) {
        const EscapeKeys::Action action = terminal.key(key);
        if (action == EscapeKeys::Action::Help && output != nullptr) output->put_text(Terminal::kHelp);
        return action == EscapeKeys::Action::Pass;
    };
}

void PortOpener::open_command(const std::string& command) {
    parts_.command = std::make_unique<ShellCommand>(host_.loop, host_.log, command, name_);
    use(std::make_shared<HostStream>(parts_.command->take_input()));
}

void PortOpener::open_pseudo_terminal() {
    auto end = std::make_unique<PseudoTerminal>();
    host_.log.info(fmt::format("{}: the other end is {}", end_.label, end->path()));
    if (host_.pseudo_terminals != nullptr) host_.pseudo_terminals->push_back({end_.label, end->path()});
    use_end(std::move(end));
}

void PortOpener::open_listener(const std::string& path) { use_end(std::make_unique<ListeningEnd>(path, reads_)); }

void PortOpener::open_path(const std::string& path) {
    const OpenedPath opened = open_host_path(path, {.reads = reads_, .writes = writes_, .make = true});
    reads_ = opened.reads;
    use(opened.stream);
}

/// What is captured outlives the opener.
void PortOpener::open_later(const HostDev& dev) {
    LateEnd::Open open;
    if (dev.kind == HostDev::Kind::Command) {
        open = [&loop = host_.loop, &log = host_.log, command = dev.target, name = name_]() -> LateEnd::Opened {
            auto shell = std::make_shared<ShellCommand>(loop, log, command, name);
            auto stream = std::make_shared<HostStream>(shell->take_input());
            return {std::move(shell), std::move(stream), false};
        };
    } else {
        open = [path = dev.target, use = PathUse{.reads = reads_, .writes = writes_}]() -> LateEnd::Opened {
            const OpenedPath opened = open_host_path(path, use);
            return {{}, opened.stream, opened.connection};
        };
    }
    use_end(std::make_unique<LateEnd>(host_.log, name_, *end_.delayed, reads_, std::move(open)));
}

void PortOpener::use(const std::shared_ptr<HostStream>& stream) {
    if (writes_) use_output(stream);
    if (reads_) use_input(stream);
}

void PortOpener::use_end(std::unique_ptr<HostEnd> end) {
    parts_.ends.push_back({.end = std::move(end), .reads = reads_, .writes = writes_});
    if (writes_) use_output(nullptr);
    if (reads_) use_input(nullptr);
}

void PortOpener::use_output(std::shared_ptr<HostStream> stream) {
    if (stream) parts_.fixed = stream;
    parts_.output = std::make_unique<OutputQueue>(host_.loop, host_.log, std::move(stream), name_);
}

void PortOpener::use_input(std::shared_ptr<HostStream> stream) {
    if (stream && !parts_.fixed) parts_.fixed = stream;
    parts_.input = std::make_unique<InputPump>(host_.loop, host_.log, std::move(stream), name_);
}

void PortOpener::require_open(int fd) const {
    if (::fcntl(fd, F_GETFD) >= 0) return;
    throw HostEndError{errno_text("cannot open", errno), "qvm was started with this descriptor closed"};
}

std::string PortOpener::name_of(const HostDev& dev) const {
    return fmt::format("{}: hostdev '{}'", end_.label, target_text(dev));
}

void PortOpener::fail(const std::string& message, std::string hint) const {
    throw ConfigError{where_, message, std::move(hint)};
}

void PortOpener::fail_taken() const { fail("another vdev reads stdin already", "write `>-` here"); }

}  // namespace qvm
