// SPDX-License-Identifier: Apache-2.0
#include "ops/runtime_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "ops/directory.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

std::string_view variable(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): set-up; nobody changes the environment meanwhile
    const char* const value = std::getenv(name);
    return value != nullptr && *value == '/' ? value : std::string_view{};
}

/// Empty if all is well.
std::string open_one(const std::string& path, RuntimeRoot& root) {
    constexpr mode_t kMode = 0755;
    if (::mkdir(path.c_str(), kMode) != 0 && errno != EEXIST) return errno_text(path, errno);
    root = {open_directory(AT_FDCWD, path.c_str()), path};
    if (!root.fd) return errno_text(path, errno);
    if (!is_trusted(root.fd.get())) return path + ": belongs to somebody else, or everybody may write there";
    if (::faccessat(root.fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) return errno_text(path, errno);
    return {};
}

}  // namespace

std::vector<std::string> runtime_root_candidates() {
    std::vector<std::string> all;
    const std::string_view announced = variable("RUNTIME_DIRECTORY");
    if (!announced.empty()) all.emplace_back(announced.substr(0, announced.find(':')));
    all.emplace_back("/run/qvm");
    const std::string_view user = variable("XDG_RUNTIME_DIR");
    if (!user.empty()) all.push_back(fmt::format("{}/qvm", user));
    return all;
}

std::optional<RuntimeRoot> open_runtime_root(const std::vector<std::string>& candidates, std::string& why_not) {
    why_not.clear();
    for (const std::string& path : candidates) {
        RuntimeRoot root;
        const std::string wrong = open_one(path, root);
        if (wrong.empty()) return root;
        why_not += (why_not.empty() ? "" : "; ") + wrong;
    }
    return std::nullopt;
}

}  // namespace qvm
