// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace qvm::test {

/// An empty directory that goes away with its contents.
class TempTree {
public:
    TempTree() {
        std::string name = (std::filesystem::temp_directory_path() / "qvm-tree-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
        path_ = name;
    }
    ~TempTree() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempTree(const TempTree&) = delete;
    TempTree& operator=(const TempTree&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// With the directories on the way.
    void write(const std::string& name, const std::string& content) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream{path_ / name} << content;
    }

private:
    std::filesystem::path path_;
};

}  // namespace qvm::test
