// SPDX-License-Identifier: Apache-2.0
// What a path is, and how it is opened for a character vdev.
#pragma once

#include <memory>
#include <string>

#include "devices/host/host_stream.hpp"
#include "vmm/error.hpp"

namespace qvm {

/// A host end that cannot be opened, with what the user can do.
class HostEndError : public HostError {
public:
    HostEndError(const std::string& what, std::string hint) : HostError{what}, hint_{std::move(hint)} {}
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

private:
    std::string hint_;
};

struct PathUse {
    bool reads = false;
    bool writes = false;
    bool make = false;  ///< a file that is missing, if it is for output
};

struct OpenedPath {
    std::shared_ptr<HostStream> stream;
    bool reads = false;  ///< a regular file is for output alone, if it is for output
    bool connection = false;
};

/// A unix socket is connected to, a regular file appended to, everything else opened as it is. Nobody waits. Throws
/// HostEndError.
[[nodiscard]] OpenedPath open_host_path(const std::string& path, PathUse use);

}  // namespace qvm
