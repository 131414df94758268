// SPDX-License-Identifier: Apache-2.0
#include "devices/host/open_char_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "devices/host/stream_port.hpp"
#include "devices/host/terminal.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr std::string_view kNewPseudoTerminal = "/dev/ptmx";

class NullPort final : public CharPort {
public:
    void attach(CharClient&) override {}
    [[nodiscard]] bool put(std::byte) noexcept override { return true; }
    void resume_input() noexcept override {}
};

[[nodiscard]] std::string_view hint_for(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return "check the permissions of the path and of the folders above it";
        case ENOENT:
            return "a file is made if it is missing, but only for output and not its folder";
        case ECONNREFUSED:
            return "start the program that listens on this socket first";
        case EBADF:
            return "qvm was started with this descriptor closed";
        default:
            return {};
    }
}

/// Opens the parts of one port, option by option.
class Opener {
public:
    Opener(const VdevSpec& spec, const CharHost& host) : spec_{spec}, host_{host} {}

    [[nodiscard]] std::unique_ptr<CharPort> open() {
        for (const OptionValue& option : spec_.options) {
            if (option.spec->name == "hostdev") add(option);
        }
        if (host_.check != nullptr || (!has_output_ && !has_input_)) return std::make_unique<NullPort>();
        return std::make_unique<StreamPort>(host_.loop, std::move(parts_));
    }

private:
    using Direction = HostDev::Direction;

    void add(const OptionValue& option) {
        const auto* dev = std::get_if<HostDev>(&option.value);
        if (dev == nullptr) return;
        where_ = option.where;
        name_ = label(*dev);
        // A command can only listen, whatever the direction says.
        const bool command = dev->kind == HostDev::Kind::Command;
        reads_ = dev->direction != Direction::Output && !command;
        writes_ = dev->direction != Direction::Input || command;
        if (command && dev->direction == Direction::Input) fail("a command can take output only", "leave out the `<`");
        if (reads_ && has_input_) fail("an earlier hostdev gives the input already", "write `>` for output only");
        if (writes_ && has_output_) fail("an earlier hostdev gives the output already", "write `<` for input only");
        try {
            open_target(*dev);
        } catch (const HostError& error) {
            fail(error.what());
        }
        has_input_ = has_input_ || reads_;
        has_output_ = has_output_ || writes_;
    }

    void open_target(const HostDev& dev) {
        if (host_.check != nullptr) return judge(dev);
        if (dev.kind == HostDev::Kind::Stdio) return open_stdio();
        if (dev.kind == HostDev::Kind::Command) return open_command(dev.target);
        if (dev.target == kNewPseudoTerminal) return open_pseudo_terminal();
        open_path(dev.target);
    }

    /// As much of open_target() as is certain without touching the target.
    void judge(const HostDev& dev) {
        if (dev.kind == HostDev::Kind::Stdio && reads_ && std::exchange(host_.check->stdin_taken, true)) fail_taken();
        if (dev.kind != HostDev::Kind::Path || dev.target == kNewPseudoTerminal) return;
        struct stat status {};
        const bool there = ::stat(dev.target.c_str(), &status) == 0;
        if (there && S_ISDIR(status.st_mode)) fail_directory();
        if (writes_ && (!there || S_ISREG(status.st_mode))) reads_ = false;  // as in open_file()
    }

    void open_stdio() {
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
        use_input(std::make_shared<HostStream>(fd, HostStream::Use::Input), keys(terminal));
    }

    [[nodiscard]] InputPump::Filter keys(Terminal* terminal) const {
        if (terminal == nullptr || !terminal->raw()) return {};
        return [terminal, output = parts_.output.get()](std::byte key) {
            const EscapeKeys::Action action = terminal->key(key);
            if (action == EscapeKeys::Action::Help && output != nullptr) output->put_text(Terminal::kHelp);
            return action == EscapeKeys::Action::Pass;
        };
    }

    void open_command(const std::string& command) {
        parts_.command = std::make_unique<ShellCommand>(host_.loop, host_.log, command, name_);
        use_output(std::make_shared<HostStream>(parts_.command->take_input()));
    }

    void open_pseudo_terminal() {
        parts_.pseudo_terminal = std::make_unique<PseudoTerminal>();
        host_.log.info(fmt::format("{}: the other end is {}", label_of_vdev(), parts_.pseudo_terminal->path()));
        if (host_.pseudo_terminals != nullptr)
            host_.pseudo_terminals->push_back({label_of_vdev(), parts_.pseudo_terminal->path()});
        use(std::make_shared<HostStream>(parts_.pseudo_terminal->take_master()), true);
    }

    void open_path(const std::string& path) {
        struct stat status {};
        const bool there = ::stat(path.c_str(), &status) == 0;
        if (there && S_ISDIR(status.st_mode)) fail_directory();
        if (there && S_ISSOCK(status.st_mode)) return use(std::make_shared<HostStream>(connect_to(path)), false);
        if (!there || S_ISREG(status.st_mode)) return open_file(path);
        // A FIFO is opened both ways: then neither does a missing writer end the input, nor must a reader come first.
        const bool both = (reads_ && writes_) || S_ISFIFO(status.st_mode);
        const auto stream =
            std::make_shared<HostStream>(open_or_fail(path, both ? O_RDWR : (reads_ ? O_RDONLY : O_WRONLY)));
        stream->make_raw();
        use(stream, false);
    }

    /// For both directions, a regular file is taken for a record of the output: reading it would send the guest its
    /// own words.
    void open_file(const std::string& path) {
        if (writes_) reads_ = false;
        use(std::make_shared<HostStream>(open_or_fail(path, writes_ ? O_WRONLY | O_APPEND | O_CREAT : O_RDONLY)),
            false);
    }

    [[nodiscard]] UniqueFd open_or_fail(const std::string& path, int flags) {
        constexpr mode_t kMode = 0666;  // less the umask
        UniqueFd fd{::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode)};
        if (!fd) fail_errno(errno);
        return fd;
    }

    [[nodiscard]] UniqueFd connect_to(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) fail_errno(ENAMETOOLONG);
        std::memcpy(address.sun_path, path.data(), path.size());
        UniqueFd fd{check("socket", ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail_errno(errno);
        return fd;
    }

    void use(const std::shared_ptr<HostStream>& stream, bool hangs_up) {
        if (writes_) use_output(stream, hangs_up);
        if (reads_) use_input(stream, {}, hangs_up);
    }
    void use_output(std::shared_ptr<HostStream> stream, bool detached = false) {
        parts_.output = std::make_unique<OutputQueue>(host_.loop, host_.log, std::move(stream), name_, detached);
    }
    void use_input(std::shared_ptr<HostStream> stream, InputPump::Filter filter, bool hangs_up = false) {
        parts_.input =
            std::make_unique<InputPump>(host_.loop, host_.log, std::move(stream), name_, std::move(filter), hangs_up);
    }

    void require_open(int fd) {
        if (::fcntl(fd, F_GETFD) < 0) fail_errno(errno);
    }

    [[nodiscard]] std::string label_of_vdev() const {
        const std::string type{spec_.syntax != nullptr ? spec_.syntax->type : "vdev"};
        return spec_.name().empty() ? type : fmt::format("{} {}", type, spec_.name());
    }
    [[nodiscard]] std::string label(const HostDev& dev) const {
        const std::string target = dev.kind == HostDev::Kind::Stdio     ? "-"
                                   : dev.kind == HostDev::Kind::Command ? "|" + dev.target
                                                                        : dev.target;
        return fmt::format("{}: hostdev '{}'", label_of_vdev(), target);
    }
    [[nodiscard]] std::string cannot_open() const { return name_ + ": cannot open"; }
    [[noreturn]] void fail(const std::string& message, std::string hint = {}) const {
        throw ConfigError{where_, message, std::move(hint)};
    }
    [[noreturn]] void fail_taken() const { fail("another vdev reads stdin already", "write `>-` here"); }
    [[noreturn]] void fail_directory() const { fail(errno_text(cannot_open(), EISDIR)); }
    [[noreturn]] void fail_errno(int error) const {
        fail(errno_text(cannot_open(), error), std::string{hint_for(error)});
    }

    const VdevSpec& spec_;
    const CharHost& host_;
    PortParts parts_{};
    bool has_input_ = false;
    bool has_output_ = false;

    // Of the option at hand.
    Location where_{};
    std::string name_;
    bool reads_ = false;
    bool writes_ = false;
};

}  // namespace

std::unique_ptr<CharPort> open_char_port(const VdevSpec& spec, const CharHost& host) {
    // A host end that dies is an error of write(2) and not the end of the VM.
    std::signal(SIGPIPE, SIG_IGN);
    return Opener{spec, host}.open();
}

}  // namespace qvm
