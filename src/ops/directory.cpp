// SPDX-License-Identifier: Apache-2.0
#include "ops/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "vmm/error.hpp"

namespace qvm {
namespace {

struct CloseDirectory {
    void operator()(DIR* stream) const noexcept { ::closedir(stream); }
};

/// `fresh` becomes `name`. The file that it takes the place of is exchanged with it and goes away under the other name:
/// ext4 writes a file to the disk at once that is renamed onto another, which nobody needs here.
int put_in_place(int directory, const char* fresh, const char* name) noexcept {
    if (::renameat2(directory, fresh, directory, name, RENAME_EXCHANGE) == 0) return ::unlinkat(directory, fresh, 0);
    return ::renameat(directory, fresh, directory, name);  // the first of its name, or a file system that cannot
}

}  // namespace

UniqueFd open_directory(int parent, const char* name) noexcept {
    return UniqueFd{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

bool is_trusted(int directory) noexcept {
    struct stat status {};
    if (::fstat(directory, &status) != 0) return false;
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) return false;
    return (status.st_mode & S_IWOTH) == 0;
}

bool is_still(int parent, const char* name, int fd) noexcept {
    struct stat there {};
    struct stat here {};
    return ::fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(fd, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        text.remove_prefix(static_cast<std::size_t>(check("write", count)));
    }
}

void replace_file(int directory, const std::string& name, std::string_view text) {
    const std::string fresh = "." + name + ".new";
    constexpr mode_t kMode = 0644;
    const UniqueFd file{
        ::openat(directory, fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kMode)};
    if (!file) throw HostError{errno_text(name, errno)};
    try {
        write_all(file.get(), text);
        check(name.c_str(), put_in_place(directory, fresh.c_str(), name.c_str()));
    } catch (const HostError&) {
        ::unlinkat(directory, fresh.c_str(), 0);
        throw;
    }
}

void for_each_entry(int directory, const std::function<void(const std::string&)>& visit) {
    // Opened anew: the position in a directory is shared by all copies of a descriptor.
    const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, CloseDirectory> stream{fd < 0 ? nullptr : ::fdopendir(fd)};
    if (!stream) return;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (const dirent* const entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") visit(name);
    }
}

}  // namespace qvm
