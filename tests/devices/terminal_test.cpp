// SPDX-License-Identifier: Apache-2.0
// The terminal is always put back. Each case has a pseudo-terminal of its own; where qvm has to die, a forked child
// dies in its place, with the terminal as its controlling one, as under a shell.
#include "devices/host/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>

#include "devices/host/open_char_port.hpp"
#include "support/fake_context.hpp"
#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {
namespace {

struct PtyPair {
    PtyPair() {
        int master = -1, slave = -1;
        if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) throw std::runtime_error{"openpty"};
        keyboard = UniqueFd{master};
        terminal = UniqueFd{slave};
        ::fcntl(master, F_SETFD, FD_CLOEXEC);
        ::fcntl(slave, F_SETFD, FD_CLOEXEC);
    }
    /// Lines are edited and echoed, and Ctrl-C is a signal: as a shell leaves it.
    [[nodiscard]] bool cooked() const {
        const tcflag_t wanted = ICANON | ECHO | ISIG;
        return (mode().c_lflag & wanted) == wanted && (mode().c_iflag & ICRNL) != 0;
    }
    [[nodiscard]] bool raw() const { return (mode().c_lflag & (ICANON | ECHO | ISIG)) == 0; }
    [[nodiscard]] termios mode() const {
        termios value{};
        ::tcgetattr(terminal.get(), &value);
        return value;
    }
    UniqueFd keyboard, terminal;
};

/// A child process in a session of its own, with the pseudo-terminal as its controlling terminal.
class Child {
public:
    Child(const PtyPair& pty, const std::function<void(Terminal&)>& then) {
        std::array<int, 2> ready{};
        if (::pipe2(ready.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe"};
        const UniqueFd reading{ready[0]};
        UniqueFd writing{ready[1]};
        // The watcher outlives the child; this process is then the one to wait for it.
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_ = ::fork();
        if (pid_ == 0) run(pty, writing.get(), then);
        writing = UniqueFd{};
        if (::read(reading.get(), &watcher_, sizeof watcher_) != sizeof watcher_) watcher_ = 0;
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    [[nodiscard]] pid_t watcher() const { return watcher_; }
    void kill(int signal) const { ::kill(pid_, signal); }
    /// The signal that ended it; 0 if it ended by itself.
    [[nodiscard]] int wait() const {
        int status = 0;
        return ::waitpid(pid_, &status, 0) == pid_ && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    /// It cannot be waited for before its parent is gone.
    void wait_for_watcher() const { ::waitpid(watcher_, nullptr, 0); }

private:
    [[noreturn]] static void run(const PtyPair& pty, int ready, const std::function<void(Terminal&)>& then) {
        const rlimit none{};
        ::setrlimit(RLIMIT_CORE, &none);
        for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
        ::setsid();
        ::ioctl(pty.terminal.get(), TIOCSCTTY, 0);
        {
            test::RecordingControl control;
            Terminal terminal{control, pty.terminal.get()};
            if (!terminal.claim()) ::_exit(2);
            const pid_t watcher = terminal.watcher();
            if (::write(ready, &watcher, sizeof watcher) < 0) ::_exit(2);
            then(terminal);
        }
        ::_exit(0);
    }
    pid_t pid_ = 0;
    pid_t watcher_ = 0;
};

void sleep_until_killed(Terminal&) {
    for (;;) ::pause();
}

}  // namespace

TEST_CASE("escape keys: everything but Ctrl-A is the guest's") {
    EscapeKeys keys;
    for (unsigned key = 0; key < 256; ++key) {
        if (key == 1) continue;
        CHECK(keys.feed(std::byte{static_cast<unsigned char>(key)}) == EscapeKeys::Action::Pass);
    }
}

TEST_CASE("escape keys: Ctrl-A x ends, Ctrl-A h helps, Ctrl-A twice is one, others are swallowed") {
    EscapeKeys keys;
    const auto after_prefix = [&](char key) {
        CHECK(keys.feed(EscapeKeys::kPrefix) == EscapeKeys::Action::Swallow);
        return keys.feed(static_cast<std::byte>(key));
    };
    CHECK(after_prefix('x') == EscapeKeys::Action::End);
    CHECK(after_prefix('h') == EscapeKeys::Action::Help);
    CHECK(after_prefix('\x01') == EscapeKeys::Action::Pass);
    CHECK(after_prefix('q') == EscapeKeys::Action::Swallow);
    CHECK(keys.feed(std::byte{'x'}) == EscapeKeys::Action::Pass);
}

TEST_CASE("a terminal is raw while it is claimed and what it was afterwards") {
    const PtyPair pty;
    REQUIRE(pty.cooked());
    const tcflag_t output = pty.mode().c_oflag;
    test::RecordingControl control;
    {
        Terminal terminal{control, pty.terminal.get()};
        CHECK(pty.cooked());
        CHECK(terminal.claim());
        CHECK(terminal.raw());
        CHECK(pty.raw());
        CHECK((pty.mode().c_iflag & (ICRNL | IXON)) == 0);
        CHECK(pty.mode().c_oflag == output);
        CHECK(terminal.watcher() > 0);
    }
    CHECK(pty.cooked());
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("there is one terminal, and one reader of it") {
    const PtyPair pty;
    test::RecordingControl control;
    Terminal terminal{control, pty.terminal.get()};
    CHECK_THROWS_AS((Terminal{control, pty.terminal.get()}), HostError);
    CHECK(terminal.claim());
    CHECK_FALSE(terminal.claim());
}

TEST_CASE("what is no terminal is claimed and left alone") {
    test::RecordingControl control;
    const UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    Terminal terminal{control, null.get()};
    CHECK(terminal.claim());
    CHECK_FALSE(terminal.raw());
    CHECK(terminal.watcher() == 0);
}

TEST_CASE("a terminal is put back when its watcher has been killed") {
    const PtyPair pty;
    test::RecordingControl control;
    {
        Terminal terminal{control, pty.terminal.get()};
        REQUIRE(terminal.claim());
        REQUIRE(::kill(terminal.watcher(), SIGKILL) == 0);
        siginfo_t info{};
        REQUIRE(::waitid(P_PID, static_cast<id_t>(terminal.watcher()), &info, WEXITED | WNOWAIT) == 0);
        CHECK(pty.raw());
    }
    CHECK(pty.cooked());
}

TEST_CASE("a terminal is put back by a fatal signal, which then does what it does") {
    const PtyPair pty;
    SECTION("abort") {
        const Child child{pty, [](Terminal&) { std::abort(); }};
        CHECK(child.wait() == SIGABRT);
    }
    SECTION("a fault") {
        const Child child{pty, [](Terminal&) { (void)*static_cast<volatile int*>(nullptr); }};
        CHECK(child.wait() == SIGSEGV);
    }
    SECTION("a fault's signal from outside") {
        const Child child{pty, sleep_until_killed};
        CHECK(pty.raw());
        child.kill(SIGBUS);
        CHECK(child.wait() == SIGBUS);
    }
    SECTION("the end of the connection") {
        const Child child{pty, sleep_until_killed};
        child.kill(SIGHUP);
        CHECK(child.wait() == SIGHUP);
    }
    CHECK(pty.cooked());
}

TEST_CASE("a terminal is put back by the watcher when qvm is killed", "[kernel]") {
    const PtyPair pty;
    const Child child{pty, sleep_until_killed};
    REQUIRE(child.watcher() > 0);
    CHECK(pty.raw());
    child.kill(SIGKILL);
    CHECK(child.wait() == SIGKILL);
    child.wait_for_watcher();
    CHECK(pty.cooked());
}

TEST_CASE("the watcher survives the signals that a keyboard and a shell send", "[kernel]") {
    const PtyPair pty;
    const Child child{pty, sleep_until_killed};
    REQUIRE(child.watcher() > 0);
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTOU}) ::kill(child.watcher(), signal);
    child.kill(SIGKILL);
    CHECK(child.wait() == SIGKILL);
    child.wait_for_watcher();
    CHECK(pty.cooked());
}

TEST_CASE("a qvm that continues after a stop has its raw mode again") {
    const PtyPair pty;
    const Child child{pty, sleep_until_killed};
    termios cooked = pty.mode();
    cooked.c_lflag |= ICANON | ECHO | ISIG;
    ::tcsetattr(pty.terminal.get(), TCSANOW, &cooked);  // the shell's
    child.kill(SIGCONT);
    while (!pty.raw()) ::poll(nullptr, 0, 1);
    child.kill(SIGKILL);
    (void)child.wait();
    child.wait_for_watcher();
}

TEST_CASE("on a terminal, Ctrl-A x ends the VM even while the guest takes no input, and other keys are the guest's") {
    struct Deaf final : CharClient {
        std::size_t receive(std::span<const std::byte> data) noexcept override {
            const std::lock_guard lock{mutex};
            const std::size_t taken = std::min(data.size(), 3 - std::min<std::size_t>(3, text.size()));
            for (const std::byte byte : data.first(taken)) text.push_back(static_cast<char>(byte));
            changed.notify_all();
            return taken;
        }
        void writable() noexcept override {}
        std::mutex mutex;
        std::condition_variable changed;
        std::string text;
    } client;
    const PtyPair pty;
    test::RecordingControl control;
    Terminal terminal{control, pty.terminal.get()};
    EventLoop loop{"test io"};
    Log log{"test", test::silence()};
    constexpr OptionSpec options[]{{.name = "hostdev", .type = ArgType::HostDev}};
    const VdevSyntax syntax{.type = "uart", .summary = {}, .options = options};
    test::FakeSpec spec{syntax};
    spec.with("hostdev", HostDev{.direction = HostDev::Direction::Input, .kind = HostDev::Kind::Stdio, .target = {}});
    const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log, .terminal = &terminal});
    port->attach(client);

    const std::string keys = "a\x03\x01\x01" + std::string(10'000, 'z');  // with Ctrl-C and one Ctrl-A
    for (std::size_t sent = 0; sent < keys.size();) {
        const auto count =
            ::write(pty.keyboard.get(), keys.data() + sent, std::min<std::size_t>(256, keys.size() - sent));
        REQUIRE(count > 0);
        sent += static_cast<std::size_t>(count);
    }
    {
        std::unique_lock lock{client.mutex};
        REQUIRE(client.changed.wait_for(lock, test::kPatience, [&] { return client.text.size() == 3; }));
        CHECK(client.text == "a\x03\x01");
    }
    CHECK_FALSE(control.cause());
    REQUIRE(::write(pty.keyboard.get(), "\x01x", 2) == 2);
    REQUIRE(control.wait());
    CHECK(control.cause() == EndCause::Forced);
    CHECK_THROWS_WITH(open_char_port(char_end(spec.get()), {.loop = loop, .log = log, .terminal = &terminal}),
                      Catch::Matchers::Contains("another vdev reads stdin already"));
}

TEST_CASE("the vdev on the terminal is told its new size by SIGWINCH") {
    struct Sized final : CharClient {
        std::size_t receive(std::span<const std::byte> data) noexcept override { return data.size(); }
        void writable() noexcept override {}
        void resized(TerminalSize size) noexcept override {
            const std::lock_guard lock{mutex};
            latest = size;
            changed.notify_all();
        }
        [[nodiscard]] bool wait(TerminalSize size) {
            std::unique_lock lock{mutex};
            return changed.wait_for(lock, test::kPatience, [&] { return latest == size; });
        }
        std::mutex mutex;
        std::condition_variable changed;
        TerminalSize latest{};
    } client;
    sigset_t winch;
    ::sigemptyset(&winch);
    ::sigaddset(&winch, SIGWINCH);
    ::pthread_sigmask(SIG_BLOCK, &winch, nullptr);  // before there are threads, as qvm does
    {
        const PtyPair pty;
        const winsize before{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
        REQUIRE(::ioctl(pty.terminal.get(), TIOCSWINSZ, &before) == 0);
        test::RecordingControl control;
        EventLoop loop{"test io"};
        Log log{"test", test::silence()};
        Terminal terminal{control, pty.terminal.get()};
        constexpr OptionSpec options[]{{.name = "hostdev", .type = ArgType::HostDev}};
        const VdevSyntax syntax{.type = "uart", .summary = {}, .options = options};
        test::FakeSpec spec{syntax};
        spec.with("hostdev",
                  HostDev{.direction = HostDev::Direction::Input, .kind = HostDev::Kind::Stdio, .target = {}});
        const auto port = open_char_port(char_end(spec.get()), {.loop = loop, .log = log, .terminal = &terminal});
        port->attach(client);
        CHECK(client.wait({80, 24}));
        const winsize after{.ws_row = 50, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
        REQUIRE(::ioctl(pty.terminal.get(), TIOCSWINSZ, &after) == 0);
        REQUIRE(::kill(::getpid(), SIGWINCH) == 0);  // the kernel sends it if this is the controlling terminal
        CHECK(client.wait({132, 50}));
    }
    ::pthread_sigmask(SIG_UNBLOCK, &winch, nullptr);
}

}  // namespace qvm
