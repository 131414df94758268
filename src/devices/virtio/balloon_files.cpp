// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/balloon_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "config/diagnostics.hpp"
#include "config/numbers.hpp"
#include "vmm/error.hpp"
#include "vmm/replace_file.hpp"

namespace qvm {
namespace {

constexpr std::size_t kLongest = 64;

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) + 1 - first);
}

}  // namespace

BalloonFiles::BalloonFiles(const std::string& directory, std::uint64_t size, EventLoop& loop, Log& log,
                           std::function<void(std::uint64_t)> wanted)
    : path_{directory + "/" + kSize},
      log_{log},
      wanted_{std::move(wanted)},
      directory_{check(directory.c_str(), ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))},
      changes_{check("inotify_init1", ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))} {
    replace_file(directory_.get(), kSize, fmt::format("{}\n", size));
    check(directory.c_str(), ::inotify_add_watch(changes_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO));
    changed_ = loop.watch(changes_.get(), POLLIN, [this](std::uint32_t) { look(); });
}

/// Other files of the directory change as well; those that are lost in an overflow count as this one.
void BalloonFiles::look() const {
    alignas(inotify_event) std::array<char, 4096> events{};
    const ssize_t length = ::read(changes_.get(), events.data(), events.size());
    bool ours = false;
    inotify_event event{};
    for (std::size_t at = 0; length > 0 && at < static_cast<std::size_t>(length); at += sizeof event + event.len) {
        std::memcpy(&event, &events.at(at), sizeof event);
        const char* const name = &events.at(at) + sizeof event;
        ours = ours || (event.mask & IN_Q_OVERFLOW) != 0 || (event.len != 0 && std::string_view{name} == kSize);
    }
    if (ours) read_size();
}

void BalloonFiles::read_size() const {
    const UniqueFd file{::openat(directory_.get(), kSize, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
    std::array<char, kLongest> text{};
    const ssize_t length = file ? ::read(file.get(), text.data(), text.size()) : -1;
    if (length < 0) return log_.warn(errno_text(path_, errno));
    const std::string_view word = trimmed({text.data(), static_cast<std::size_t>(length)});
    if (word.empty()) return;  // somebody empties it before they write
    const auto size = parse_size(word);
    if (!size) return log_.warn(fmt::format("{}: {} is no size: the balloon stays as it is", path_, quoted(word)));
    wanted_(*size);
}

void BalloonFiles::show(const std::string& json) const noexcept {
    try {
        replace_file(directory_.get(), kState, json + '\n');
    } catch (const std::exception& error) {
        log_.warn(fmt::format("the state of the balloon cannot be shown: {}", error.what()));
    }
}

}  // namespace qvm
