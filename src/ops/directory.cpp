// SPDX-License-Identifier: Apache-2.0
#include "ops/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

namespace qvm {
namespace {

struct CloseDirectory {
    void operator()(DIR* stream) const noexcept { ::closedir(stream); }
};

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
