// SPDX-License-Identifier: Apache-2.0
// What a VM shows of itself to other processes, and the lock on its name.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "ops/runtime_root.hpp"

namespace qvm {

/// The directory `<root>/<name>/` of a running VM, mode 0755 less the umask, and the file `<root>/<name>@last`, which
/// stays. No name of a VM has an `@`, so the two never meet. In the directory:
///   lock     flock(2)ed as long as the VM lives, with its pid as text; 0600, so that nobody else can hold it
///   others   what write() puts there
/// The kernel gives the lock up with the process, however that ends; what such a process left is removed by the next
/// VM of the name. Set-up and the end belong to the main thread; path() and fd() to anybody.
class RuntimeDir {
public:
    /// The name of a VM without `system`: "qvm-guest-PID".
    [[nodiscard]] static std::string unnamed();

    enum class Last { Keep, None };
    /// Takes the name. Throws NameTaken if a VM of that name runs, HostError if the host does not let it. With
    /// Last::Keep the file `<name>@last` is empty from now on.
    RuntimeDir(RuntimeRoot root, std::string name, Last last);
    /// Removes the directory with all that is in it, then gives the name back.
    ~RuntimeDir();
    RuntimeDir(const RuntimeDir&) = delete;
    RuntimeDir& operator=(const RuntimeDir&) = delete;

    /// Hands all of it to whom the process is about to become. That user may remove what is in the directory, but the
    /// directory itself only if the root lets it. Throws HostError.
    void give_to(uid_t user, gid_t group) const;
    /// A file of the directory, complete at any moment. Throws HostError.
    void write(const std::string& file, std::string_view text) const;
    void remove(const std::string& file) const noexcept;
    /// The content of `<name>@last`; once. Throws HostError.
    void write_last(std::string_view text);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int fd() const noexcept { return directory_.get(); }

private:
    void claim();
    [[nodiscard]] bool try_claim();
    void empty_lock() const;
    void make_last();

    RuntimeRoot root_;
    std::string name_;
    std::string path_;
    UniqueFd directory_;
    UniqueFd lock_;
    UniqueFd last_;
    bool last_written_ = false;
};

/// A VM of that name runs.
class NameTaken : public std::exception {
public:
    explicit NameTaken(pid_t holder) noexcept : holder_{holder} {}
    [[nodiscard]] const char* what() const noexcept override { return "the name is taken"; }
    /// Its process; 0 if it has not said so yet.
    [[nodiscard]] pid_t holder() const noexcept { return holder_; }

private:
    pid_t holder_;
};

/// Removes what killed VMs without a name have left: their names come back only with their pids.
void sweep_unnamed(const RuntimeRoot& root);

}  // namespace qvm
