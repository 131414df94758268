// SPDX-License-Identifier: Apache-2.0
#include "devices/host/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace qvm {
namespace {

namespace fs = std::filesystem;

/// Errors are no entries: processes end while one looks.
template <typename Visit>
bool any_entry(const fs::path& folder, Visit visit) {
    std::error_code error;
    for (fs::directory_iterator each{folder, error}, end; !error && each != end; each.increment(error))
        if (visit(each->path())) return true;
    return false;
}

[[nodiscard]] bool is_file(const fs::path& descriptor, const struct stat& file) {
    struct stat other {};
    return ::stat(descriptor.c_str(), &other) == 0 && other.st_dev == file.st_dev && other.st_ino == file.st_ino;
}

/// proc(5): each lock of the open file is a line "lock:" of its fdinfo.
[[nodiscard]] bool has_lock(const fs::path& info) {
    std::ifstream lines{info};
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("lock:")) return true;
    return false;
}

[[nodiscard]] bool holds_lock(const fs::path& process, const struct stat& file) {
    return any_entry(process / "fd", [&](const fs::path& descriptor) {
        return is_file(descriptor, file) && has_lock(process / "fdinfo" / descriptor.filename());
    });
}

[[nodiscard]] std::string text_of(const fs::path& process) {
    std::string command;
    std::getline(std::ifstream{process / "comm"}, command);
    return fmt::format("{} (pid {})", command, process.filename().string());
}

}  // namespace

int lock_file(int fd, LockKind kind) noexcept {
    struct flock whole {};
    whole.l_type = kind == LockKind::Exclusive ? F_WRLCK : F_RDLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return 0;
    return errno == EACCES ? EAGAIN : errno;
}

std::string find_lock_holder(int fd) {
    struct stat file {};
    std::string holder;
    if (::fstat(fd, &file) != 0) return holder;
    any_entry("/proc", [&](const fs::path& process) {
        const char first = process.filename().string().front();
        if (first < '0' || first > '9' || !holds_lock(process, file)) return false;
        holder = text_of(process);
        return true;
    });
    return holder;
}

}  // namespace qvm
