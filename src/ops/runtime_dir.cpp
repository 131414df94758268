// SPDX-License-Identifier: Apache-2.0
#include "ops/runtime_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "ops/directory.hpp"
#include "vmm/error.hpp"
#include "vmm/replace_file.hpp"

namespace qvm {
namespace {

constexpr const char* kLock = "lock";
constexpr std::string_view kUnnamed = "qvm-guest-";

/// The lock file, if it can be opened and is one: a hard link to something else would have that overwritten.
UniqueFd open_lock(int directory, int flags) {
    constexpr mode_t kMode = 0600;
    UniqueFd file{::openat(directory, kLock, flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kMode)};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return {};
    // No link at all: its owner has just removed it, which the caller finds out.
    if (S_ISREG(status.st_mode) && status.st_nlink <= 1) return file;
    errno = EPERM;
    return {};
}

pid_t holder_of(int lock) noexcept {
    std::array<char, 16> text{};
    const ssize_t size = ::pread(lock, text.data(), text.size(), 0);
    pid_t pid = 0;
    if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
    return pid;
}

void remove_all_but_lock(int directory) {
    for_each_entry(directory, [directory](const std::string& name) {
        if (name == kLock) return;
        if (::unlinkat(directory, name.c_str(), 0) != 0) ::unlinkat(directory, name.c_str(), AT_REMOVEDIR);
    });
}

/// The lock is last: who comes next finds either a directory that is taken or an empty one.
void remove_all(const RuntimeRoot& root, const std::string& name, int directory) {
    remove_all_but_lock(directory);
    ::unlinkat(directory, kLock, 0);
    ::unlinkat(root.fd.get(), name.c_str(), AT_REMOVEDIR);
}

bool is_unnamed(std::string_view name) {
    if (!name.starts_with(kUnnamed)) return false;
    name.remove_prefix(kUnnamed.size());
    return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Removes it if nobody holds its lock, or if it is empty.
void sweep(const RuntimeRoot& root, const std::string& name) {
    const UniqueFd directory = open_directory(root.fd.get(), name.c_str());
    if (!directory) return;
    const UniqueFd lock = open_lock(directory.get(), 0);
    if (!lock) {
        if (errno == ENOENT) ::unlinkat(root.fd.get(), name.c_str(), AT_REMOVEDIR);
        return;
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0 && is_still(directory.get(), kLock, lock.get()))
        remove_all(root, name, directory.get());
}

}  // namespace

std::string RuntimeDir::unnamed() { return fmt::format("{}{}", kUnnamed, ::getpid()); }

RuntimeDir::RuntimeDir(RuntimeRoot root, std::string name, Last last)
    : root_{std::move(root)}, name_{std::move(name)}, path_{root_.path + "/" + name_} {
    claim();
    try {
        remove_all_but_lock(directory_.get());
        empty_lock();
        write_all(lock_.get(), fmt::format("{}\n", ::getpid()));
        if (last == Last::Keep) make_last();
    } catch (...) {
        remove_all(root_, name_, directory_.get());
        throw;
    }
}

RuntimeDir::~RuntimeDir() {
    if (last_ && !last_written_) ::unlinkat(root_.fd.get(), (name_ + "@last").c_str(), 0);
    remove_all(root_, name_, directory_.get());
}

void RuntimeDir::claim() {
    // Each failed try means that somebody else removed the directory between two steps: they were ending, or sweeping.
    constexpr int kTries = 100;
    for (int i = 0; i < kTries; ++i)
        if (try_claim()) return;
    throw HostError{path_ + ": others keep removing it"};
}

bool RuntimeDir::try_claim() {
    const auto gone_or_fail = [this] {
        if (errno != ENOENT) throw HostError{errno_text(path_, errno)};
        return false;
    };
    constexpr mode_t kMode = 0755;
    if (::mkdirat(root_.fd.get(), name_.c_str(), kMode) != 0 && errno != EEXIST) return gone_or_fail();
    directory_ = open_directory(root_.fd.get(), name_.c_str());
    if (!directory_) return gone_or_fail();
    // Root may take over what another user's VM has left: nothing in there is followed or kept.
    if (::geteuid() != 0 && !is_trusted(directory_.get())) throw HostError{path_ + ": belongs to somebody else"};
    lock_ = open_lock(directory_.get(), O_CREAT);
    if (!lock_) return gone_or_fail();
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) throw NameTaken{holder_of(lock_.get())};
    return is_still(root_.fd.get(), name_.c_str(), directory_.get()) && is_still(directory_.get(), kLock, lock_.get());
}

/// Only when it is not: some file systems write a file to its disk at once that has been cut to nothing.
void RuntimeDir::empty_lock() const {
    struct stat status {};
    check("lock", ::fstat(lock_.get(), &status));
    if (status.st_size != 0) check("lock", ::ftruncate(lock_.get(), 0));
}

/// Made here and kept open: after give_to() the root may be closed to this process.
void RuntimeDir::make_last() {
    const std::string file = name_ + "@last";
    constexpr mode_t kMode = 0644;
    ::unlinkat(root_.fd.get(), file.c_str(), 0);
    last_ = UniqueFd{::openat(root_.fd.get(), file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode)};
    if (!last_) throw HostError{errno_text(root_.path + "/" + file, errno)};
}

void RuntimeDir::give_to(uid_t user, gid_t group) const {
    check("fchown", ::fchown(directory_.get(), user, group));
    check("fchown", ::fchown(lock_.get(), user, group));
    for_each_entry(directory_.get(), [&](const std::string& name) {
        check("fchownat", ::fchownat(directory_.get(), name.c_str(), user, group, AT_SYMLINK_NOFOLLOW));
    });
}

void RuntimeDir::write(const std::string& file, std::string_view text) const {
    replace_file(directory_.get(), file, text);
}

void RuntimeDir::remove(const std::string& file) const noexcept { ::unlinkat(directory_.get(), file.c_str(), 0); }

void RuntimeDir::write_last(std::string_view text) {
    if (!last_ || std::exchange(last_written_, true)) return;
    // The size of a file changes after its content: readers see nothing of it or all.
    write_all(last_.get(), text);
}

void sweep_unnamed(const RuntimeRoot& root) {
    for_each_entry(root.fd.get(), [&root](const std::string& name) {
        if (is_unnamed(name)) sweep(root, name);
    });
}

}  // namespace qvm
