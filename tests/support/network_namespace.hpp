// SPDX-License-Identifier: Apache-2.0
// A network of the test's own: network namespaces belong to threads, so one thread moves into a new one.
#pragma once

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

/// Runs `work`, which makes TAP interfaces, in a new network namespace. What it throws comes out here. Returns why
/// there can be none; else nothing.
template <typename Work>
[[nodiscard]] std::string in_own_network(Work work) {
    constexpr const char* kTun = "/dev/net/tun";
    if (::access(kTun, R_OK | W_OK) != 0) return errno_text(kTun, errno);
    std::string why_not;
    std::exception_ptr thrown;
    std::thread thread{[&] {
        try {
            if (::unshare(CLONE_NEWNET) != 0) return void(why_not = errno_text("no network of its own", errno));
            work();
        } catch (...) {
            thrown = std::current_exception();
        }
    }};
    thread.join();
    if (thrown) std::rethrow_exception(thrown);
    return why_not;
}

/// Removes an interface of this thread's network.
inline void delete_interface(const std::string& name) {
    struct {
        nlmsghdr head;
        ifinfomsg which;
    } request{};
    request.head = {.nlmsg_len = sizeof request,
                    .nlmsg_type = RTM_DELLINK,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
    request.which.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
    const UniqueFd netlink{check("netlink", ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE))};
    if (::send(netlink.get(), &request, sizeof request, 0) != sizeof request) throw std::runtime_error{"RTM_DELLINK"};
}

}  // namespace qvm::test
