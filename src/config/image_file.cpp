// SPDX-License-Identifier: Apache-2.0
#include "config/image_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {
namespace {

std::string quoted(const std::string& path) { return fmt::format("'{}'", path); }

std::string hint_for(const std::string& path, int error) {
    if (error == EACCES) return "let the user that runs qvm read it and enter its directories";
    if (error != ENOENT && error != ENOTDIR) return "";
    if (!path.empty() && path.front() == '/') return "check the path";
    std::error_code failed;
    const std::string here = std::filesystem::current_path(failed).string();
    return fmt::format("the path is relative to qvm's current directory, {}", failed ? "which is gone" : here);
}

UniqueFd open_file(const std::string& path, Location where) {
    // A FIFO or a terminal must give an error and not wait for its other end.
    UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (file) return file;
    const int error = errno;
    throw ConfigError{where, errno_text("cannot open " + quoted(path), error), hint_for(path, error)};
}

std::size_t size_of(int file, const std::string& path, Location where) {
    struct stat status {};
    if (::fstat(file, &status) != 0) throw ConfigError{where, errno_text("cannot examine " + quoted(path), errno)};
    if (S_ISDIR(status.st_mode)) throw ConfigError{where, quoted(path) + " is a directory", "name a file in it"};
    if (!S_ISREG(status.st_mode))
        throw ConfigError{where, quoted(path) + " is no regular file", "copy what it gives into a file first"};
    if (status.st_size == 0) throw ConfigError{where, quoted(path) + " is empty", "was it copied or built completely?"};
    return static_cast<std::size_t>(status.st_size);
}

}  // namespace

ImageFile::ImageFile(const std::string& path, Location where) {
    const UniqueFd file = open_file(path, where);
    const std::size_t size = size_of(file.get(), path, where);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (at == MAP_FAILED) throw ConfigError{where, errno_text("cannot map " + quoted(path), errno)};
    bytes_ = {static_cast<const std::byte*>(at), size};
}

ImageFile::ImageFile(ImageFile&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}

ImageFile& ImageFile::operator=(ImageFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

ImageFile::~ImageFile() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace qvm
