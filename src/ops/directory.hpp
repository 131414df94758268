// SPDX-License-Identifier: Apache-2.0
// Directories and files by descriptor, so that no path is walked twice and no symbolic link is followed.
#pragma once

#include <functional>
#include <string>

#include "vmm/unique_fd.hpp"

namespace qvm {

/// Opens directory `name` below `parent` (AT_FDCWD: a path). Its last component may be no symbolic link. Invalid with
/// errno if it cannot be had.
[[nodiscard]] UniqueFd open_directory(int parent, const char* name) noexcept;

/// Nobody but root and this process's user can put something into it, or take away what they did not put there.
[[nodiscard]] bool is_trusted(int directory) noexcept;

/// `name` below `parent` is what is open as `fd`.
[[nodiscard]] bool is_still(int parent, const char* name, int fd) noexcept;

/// Calls `visit` with the name of each entry; "." and ".." are left out. Entries that cannot be read are skipped.
void for_each_entry(int directory, const std::function<void(const std::string&)>& visit);

}  // namespace qvm
