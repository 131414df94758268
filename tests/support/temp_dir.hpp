// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace qvm::test {

/// A directory that goes away with its contents. Everyone may read it: some children are nobody.
class TempDir {
public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "qvm-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        root_ = pattern;
        std::filesystem::permissions(root_, std::filesystem::perms{0755});
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }
    [[nodiscard]] std::string path(std::string_view name) const { return (root_ / name).string(); }
    /// Returns the file's path.
    std::string write(std::string_view name, std::string_view content) const {
        const auto at = path(name);
        std::ofstream{at, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
        return at;
    }
    /// A file of that size without content.
    [[nodiscard]] std::string sparse(std::string_view name, off_t size) const {
        auto at = write(name, "");
        std::filesystem::resize_file(at, static_cast<std::uintmax_t>(size));
        return at;
    }

private:
    std::filesystem::path root_;
};

[[nodiscard]] inline std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path};
    std::ostringstream text;
    text << file.rdbuf();  // in blocks: a dump is large
    return std::move(text).str();
}

}  // namespace qvm::test
