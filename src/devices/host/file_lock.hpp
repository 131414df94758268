// SPDX-License-Identifier: Apache-2.0
// Advisory locks of whole files, which end with their descriptor (fcntl(2), open file description locks).
#pragma once

#include <string>

namespace qvm {

enum class LockKind : unsigned char {
    Shared,    ///< others may have shared ones
    Exclusive  ///< nobody else may have any
};

/// Locks the file without waiting. 0, or an errno value: EAGAIN if somebody else has a lock that forbids it.
[[nodiscard]] int lock_file(int fd, LockKind kind) noexcept;

/// Who has a lock of that file: "qvm (pid 123)". Empty if that cannot be seen, as with processes of other users.
[[nodiscard]] std::string find_lock_holder(int fd);

}  // namespace qvm
