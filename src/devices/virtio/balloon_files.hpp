// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// How a balloon is seen and set from outside, in the VM's runtime directory (docs/supervision.md):
///   balloon        JSON, what show() was given last
///   balloon.size   how large it is to be, as text; whoever may write to it changes that
/// Made on any thread; used on the loop's.
class BalloonFiles {
public:
    static constexpr const char* kState = "balloon";
    static constexpr const char* kSize = "balloon.size";

    /// Writes `size`, in bytes, into the file. Calls `wanted(bytes)` on the loop's thread with what others write there;
    /// what is no size is warned about. Throws HostError.
    BalloonFiles(const std::string& directory, std::uint64_t size, EventLoop& loop, Log& log,
                 std::function<void(std::uint64_t)> wanted);

    void show(const std::string& json) const noexcept;

private:
    void look() const;
    void read_size() const;

    const std::string path_;
    Log& log_;
    const std::function<void(std::uint64_t)> wanted_;
    UniqueFd directory_;
    UniqueFd changes_;  ///< inotify(7) on the directory, for those who put a new file in place of the old one
    Watch changed_;
};

}  // namespace qvm
