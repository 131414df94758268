// SPDX-License-Identifier: Apache-2.0
#include "ops/user.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "config/diagnostics.hpp"
#include "config/numbers.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

/// The highest value means "unchanged" to the kernel.
constexpr std::uint64_t kLastId = std::numeric_limits<uid_t>::max() - 1;

std::optional<uid_t> id_in(const std::string& text) {
    const Scanned number = scan_number(text);
    if (number.what != Scan::Number || number.value > kLastId) return std::nullopt;
    return static_cast<uid_t>(number.value);
}

gid_t find_group(const std::string& name, const Location& where) {
    if (const auto number = id_in(name)) return *number;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): set-up, before anything else asks
    if (const group* found = ::getgrnam(name.c_str())) return found->gr_gid;
    throw ConfigError{where, fmt::format("the host has no group {}", quoted(name)),
                      "`getent group` lists those it has"};
}

std::vector<gid_t> groups_of(const char* user, gid_t primary) {
    int count = 16;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    while (::getgrouplist(user, primary, groups.data(), &count) < 0) groups.resize(static_cast<std::size_t>(count));
    groups.resize(static_cast<std::size_t>(count));
    return groups;
}

bool is_now(const Identity& wanted) noexcept {
    uid_t real_user = 0;
    uid_t user = 0;
    uid_t saved_user = 0;
    gid_t real_group = 0;
    gid_t group = 0;
    gid_t saved_group = 0;
    ::getresuid(&real_user, &user, &saved_user);
    ::getresgid(&real_group, &group, &saved_group);
    return wanted.user != 0 && real_user == wanted.user && user == wanted.user && saved_user == wanted.user &&
           real_group == wanted.group && group == wanted.group && saved_group == wanted.group;
}

void must(const char* what, int result) {
    if (result == 0) return;
    const int error = errno;
    std::string text = errno_text(fmt::format("cannot become the user of 'user' ({})", what), error);
    if (error == EPERM) text += "; start qvm as root or with CAP_SETUID and CAP_SETGID";
    throw HostError{text};
}

}  // namespace

Identity find_identity(const UserSpec& spec) {
    const auto number = id_in(spec.user);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): set-up, before anything else asks
    const passwd* const known = number ? ::getpwuid(*number) : ::getpwnam(spec.user.c_str());
    if (!number && known == nullptr)
        throw ConfigError{spec.where, fmt::format("the host has no user {}", quoted(spec.user)),
                          "`getent passwd` lists those it has; a number needs no entry"};
    Identity found{.user = number ? *number : known->pw_uid, .group = 0, .groups = {}};
    if (!spec.groups.empty()) {
        for (const std::string& name : spec.groups) found.groups.push_back(find_group(name, spec.where));
        found.group = found.groups.front();
        return found;
    }
    if (known == nullptr)
        throw ConfigError{spec.where, fmt::format("user {} has no groups: the host does not know it", spec.user),
                          fmt::format("name them: 'user {}:GID'", spec.user)};
    found.group = known->pw_gid;
    const std::string name = known->pw_name;
    found.groups = groups_of(name.c_str(), found.group);
    return found;
}

void become(const Identity& wanted) {
    if (is_now(wanted)) return;
    // glibc changes all threads of the process, not only the caller.
    must("setgroups", ::setgroups(wanted.groups.size(), wanted.groups.data()));
    must("setresgid", ::setresgid(wanted.group, wanted.group, wanted.group));
    must("setresuid", ::setresuid(wanted.user, wanted.user, wanted.user));
}

}  // namespace qvm
