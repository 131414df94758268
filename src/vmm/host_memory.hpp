// SPDX-License-Identifier: Apache-2.0
// What the host says of its memory, and the words for what it lacks. Sizes in bytes. In tests `root` stands in for `/`.
// Source: Documentation/admin-guide/mm/hugetlbpage.rst and Documentation/filesystems/proc.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qvm {

/// The host's huge pages of one size, counted in pages.
struct HugePagePool {
    struct Node {
        unsigned number;
        std::uint64_t total;
        std::uint64_t free;
    };
    std::uint64_t total = 0;
    std::uint64_t free = 0;
    std::uint64_t reserved = 0;   ///< free, but promised to somebody
    std::uint64_t on_demand = 0;  ///< what the kernel may still add to the pool by itself (overcommit)
    std::vector<Node> nodes{};    ///< in order of number
    std::string allowed_nodes{};  ///< where this process may have memory, as a list like 0-1,3; empty if unknown

    [[nodiscard]] std::uint64_t available() const noexcept;
};

/// Nothing if the host does not know pages of that size.
[[nodiscard]] std::optional<HugePagePool> huge_page_pool(const std::filesystem::path& root, std::uint64_t page);

/// An error's text: the size, what is wanted, what there is on which node, and what to do.
[[nodiscard]] std::string too_few_huge_pages(const std::optional<HugePagePool>& pool, std::uint64_t page,
                                             std::uint64_t wanted_bytes);

/// What stands behind `key:` in a file of /proc, without blanks around it; nothing if there is no such line.
[[nodiscard]] std::optional<std::string> proc_field(const std::filesystem::path& file, std::string_view key);
/// The same where it is a number of kB; in bytes.
[[nodiscard]] std::optional<std::uint64_t> proc_size(const std::filesystem::path& file, std::string_view key);

/// How much memory this process may still get at most: MemAvailable, and the limits (memory.max) of its cgroup, version
/// 2, and of those above it. Nothing if the host does not say.
[[nodiscard]] std::optional<std::uint64_t> memory_left(const std::filesystem::path& root);

/// Page faults that a thread of this process has taken since its start, those of KVM on its behalf included.
struct PageFaults {
    std::uint64_t minor = 0;
    std::uint64_t major = 0;  ///< those that had to wait for a disk
};
/// Nothing if there is no such thread. From any thread.
[[nodiscard]] std::optional<PageFaults> page_faults(const std::filesystem::path& root, int thread);

/// "64.0 MiB", for people.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace qvm
