// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "devices/host/spawn_shell.hpp"
#include "ops/dump_file.hpp"
#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

namespace qvm {
namespace {

constexpr int kPipeSize = 1 << 20;
constexpr int kGrace = 1000;  // milliseconds between SIGTERM and SIGKILL

/// The command, which is stopped and reaped at the latest by the destructor.
class Reader {
public:
    explicit Reader(const std::string& command) {
        std::array<int, 2> ends{};
        check("pipe", ::pipe2(ends.data(), O_CLOEXEC));
        const UniqueFd reading{ends[0]};
        input_ = UniqueFd{ends[1]};
        ::fcntl(input_.get(), F_SETPIPE_SZ, kPipeSize);  // only faster
        check("fcntl", ::fcntl(input_.get(), F_SETFL, O_NONBLOCK));
        pid_ = spawn_shell(command, reading.get());
        process_ = UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    }
    ~Reader() {
        for (const int signal : {SIGTERM, SIGKILL}) {
            if (pid_ == 0) return;
            ::kill(-pid_, signal);
            (void)wait(signal == SIGTERM ? kGrace : -1);
        }
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] int input() const noexcept { return input_.get(); }
    void close_input() noexcept { input_ = UniqueFd{}; }

    /// How it ended, as of waitpid(2); nothing if it still runs after that many milliseconds (negative: forever).
    [[nodiscard]] std::optional<int> wait(int milliseconds) noexcept {
        pollfd item{.fd = process_.get(), .events = POLLIN, .revents = 0};
        while (process_ && ::poll(&item, 1, milliseconds) < 0 && errno == EINTR) {
        }
        int status = 0;
        const int flags = process_ && milliseconds >= 0 ? WNOHANG : 0;
        if (::waitpid(pid_, &status, flags) != pid_) return std::nullopt;
        pid_ = 0;
        return status;
    }

private:
    UniqueFd input_;
    pid_t pid_ = 0;  // 0 once it is reaped
    UniqueFd process_;
};

std::string ending(const std::optional<int>& status) {
    if (!status) return "it still runs and is stopped";
    if (WIFSIGNALED(*status)) return fmt::format("it was ended by signal {}", WTERMSIG(*status));
    return fmt::format("exit status {}", WEXITSTATUS(*status));
}

std::string failure(const CoreSink& sink, Reader& reader, const DumpPatience& patience) {
    const std::string so_far = size_text(sink.size());
    if (sink.error() == ETIMEDOUT)
        return fmt::format("the command took {} and then nothing for {} s; it is stopped", so_far,
                           patience.reader / 1000);
    if (sink.error() != EPIPE) return errno_text(fmt::format("after {}", so_far), sink.error());
    reader.close_input();
    return fmt::format("the command stopped reading after at most {}: {}", so_far, ending(reader.wait(kGrace)));
}

}  // namespace

std::string dump_to_command(const std::string& command, const CoreImage& image,
                            const std::function<void()>& memory_done, const DumpPatience& patience) {
    Reader reader{command};
    CoreSink sink{reader.input(), CoreSink::Kind::Stream, patience.reader};
    const bool good = write_core(image, sink) && sink.finish();
    memory_done();
    if (!good) throw HostError{failure(sink, reader, patience)};
    reader.close_input();
    const auto status = reader.wait(patience.ending);
    if (!status || *status != 0)
        throw HostError{fmt::format("the command got all {}, but {}", size_text(sink.size()), ending(status))};
    return fmt::format("|{} ({})", command, size_text(sink.size()));
}

}  // namespace qvm
