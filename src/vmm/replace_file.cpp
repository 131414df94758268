// SPDX-License-Identifier: Apache-2.0
#include "vmm/replace_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {
namespace {

/// `fresh` becomes `name`. The file that it takes the place of is exchanged with it and goes away under the other name:
/// ext4 writes a file to the disk at once that is renamed onto another, which nobody needs here.
int put_in_place(int directory, const char* fresh, const char* name) noexcept {
    if (::renameat2(directory, fresh, directory, name, RENAME_EXCHANGE) == 0) return ::unlinkat(directory, fresh, 0);
    return ::renameat(directory, fresh, directory, name);  // the first of its name, or a file system that cannot
}

}  // namespace

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

}  // namespace qvm
