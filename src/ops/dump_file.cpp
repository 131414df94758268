// SPDX-License-Identifier: Apache-2.0
#include "ops/dump_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "config/diagnostics.hpp"
#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kStatBlock = 512;  // stat(2)

bool exists(int folder, const std::string& name) noexcept {
    struct stat unused {};
    return ::fstatat(folder, name.c_str(), &unused, AT_SYMLINK_NOFOLLOW) == 0;
}

/// A dump that is being written; gone again unless it is published.
class Part {
public:
    /// Nothing in it if the name is taken.
    Part(int folder, const std::string& name) : folder_{folder}, name_{name + ".part"} {
        constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        fd_ = UniqueFd{::openat(folder, name_.c_str(), kFlags, S_IRUSR | S_IWUSR)};
        if (!fd_ && errno != EEXIST) throw HostError{errno_text("cannot make " + qvm::quoted(name_), errno)};
    }
    Part(Part&& other) noexcept : folder_{other.folder_}, name_{std::move(other.name_)}, fd_{std::move(other.fd_)} {}
    Part& operator=(Part&&) = delete;
    ~Part() {
        if (fd_) ::unlinkat(folder_, name_.c_str(), 0);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// False if somebody has taken the name meanwhile.
    [[nodiscard]] bool publish(const std::string& name) {
        if (::renameat2(folder_, name_.c_str(), folder_, name.c_str(), RENAME_NOREPLACE) == 0) {
            fd_ = UniqueFd{};
            return true;
        }
        // Not every file system can rename without replacing; a hard link does not replace either.
        if (errno == EINVAL && ::linkat(folder_, name_.c_str(), folder_, name.c_str(), 0) == 0) return true;
        if (errno != EEXIST) throw HostError{errno_text("cannot name the file " + qvm::quoted(name), errno)};
        return false;
    }

private:
    int folder_;
    std::string name_;
    UniqueFd fd_;
};

void write_file(const CoreImage& image, const Part& part, const std::function<void()>& memory_done) {
    CoreSink sink{part.fd(), CoreSink::Kind::File, 0};
    const bool good = write_core(image, sink) && sink.finish();
    if (!good)
        throw HostError{errno_text(fmt::format("after {}", size_text(sink.size())), sink.error()) +
                        "; what was written is removed"};
    memory_done();
    // A full disk of some file systems shows only here.
    if (::fsync(part.fd()) != 0) throw HostError{errno_text("fsync", errno) + "; what was written is removed"};
}

std::string sizes(int fd) {
    struct stat file {};
    ::fstat(fd, &file);
    return fmt::format("{}, {} of it on disk", size_text(static_cast<std::uint64_t>(file.st_size)),
                       size_text(static_cast<std::uint64_t>(file.st_blocks) * kStatBlock));
}

}  // namespace

std::string dump_to_directory(const std::string& directory, const std::vector<std::string>& names,
                              const CoreImage& image, const std::function<void()>& memory_done) {
    const UniqueFd folder{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) throw HostError{errno_text("directory " + qvm::quoted(directory), errno)};
    auto name = names.begin();
    const auto is_free = [&folder](const std::string& each) { return !exists(folder.get(), each); };
    while ((name = std::find_if(name, names.end(), is_free)) != names.end()) {
        Part part{folder.get(), *name};
        if (part) {
            write_file(image, part, memory_done);
            const std::string how_much = sizes(part.fd());
            while (name != names.end() && !part.publish(*name)) ++name;
            if (name != names.end()) return fmt::format("{}/{} ({})", directory, *name, how_much);
            break;
        }
        ++name;
    }
    throw HostError{fmt::format("{} and nine more of this second exist in {}", names.front(), qvm::quoted(directory))};
}

}  // namespace qvm
