// SPDX-License-Identifier: Apache-2.0
#include "config/text_file.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

namespace {

constexpr std::size_t kMaxFileSize = 64 * kMiB;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string reason(int code) { return std::generic_category().message(code); }

}  // namespace

FileText read_text_file(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "re")};
    if (!file) return {{}, reason(errno)};
    FileText out;
    std::vector<char> buffer(64 * kKiB);
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
        out.text.append(buffer.data(), got);
        if (out.text.size() > kMaxFileSize) return {{}, "longer than 64 MiB"};
    }
    if (std::ferror(file.get()) != 0) return {{}, reason(errno)};
    return out;
}

}  // namespace qvm
