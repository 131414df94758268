// SPDX-License-Identifier: Apache-2.0
// A file named by `load` (qvmconf specification 2.4).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "config/diagnostics.hpp"

namespace qvm {

/// Sole owner of a read-only mapping of a whole file. Whoever shortens the file while it is in use ends the process.
class ImageFile {
public:
    /// Relative paths start at the current directory. Throws ConfigError at `where` that says what to do.
    ImageFile(const std::string& path, Location where);
    ImageFile(ImageFile&& other) noexcept;
    ImageFile& operator=(ImageFile&& other) noexcept;
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;
    ~ImageFile();

    /// Never empty. Stays where it is when the object is moved.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    std::span<const std::byte> bytes_{};
};

}  // namespace qvm
