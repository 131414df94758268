// SPDX-License-Identifier: Apache-2.0
#include "devices/host/block_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <future>
#include <optional>
#include <utility>

#include "devices/host/file_lock.hpp"
#include "support/temp_dir.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

BlockFileOptions options(const std::string& path, bool read_only = false) {
    BlockFileOptions out;
    out.path = path;
    out.read_only = read_only;
    return out;
}

/// Why it cannot be opened; empty: it can.
std::string refusal(const BlockFileOptions& how) {
    try {
        (void)BlockFile{how};
        return {};
    } catch (const BlockFileError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("one writer or several readers: others are told who has the file") {
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 8192);
    const std::string us = "(pid " + std::to_string(::getpid()) + ")";
    {
        const BlockFile writer{options(image)};
        CHECK(refusal(options(image)).find(us) != std::string::npos);
        CHECK(refusal(options(image, true)).find(us) != std::string::npos);
    }
    const BlockFile reader{options(image, true)};
    CHECK(refusal(options(image, true)).empty());
    CHECK(refusal(options(image)).find("in use by") == 0);
}

TEST_CASE("a lock of another process counts") {
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 8192);
    std::array<int, 2> ready{};
    std::array<int, 2> over{};
    REQUIRE(::pipe(ready.data()) == 0);
    REQUIRE(::pipe(over.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(over[1]);
        const int fd = ::open(image.c_str(), O_RDWR);
        char byte = lock_file(fd, LockKind::Exclusive) == 0 ? 'y' : 'n';
        if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
        ::_exit(static_cast<int>(::read(over[0], &byte, 1)));
    }
    ::close(over[0]);
    char byte = 0;
    CHECK(::read(ready[0], &byte, 1) == 1);
    CHECK(byte == 'y');
    CHECK(refusal(options(image)).find("(pid " + std::to_string(child) + ")") != std::string::npos);
    ::close(over[1]);
    ::waitpid(child, nullptr, 0);
    CHECK(refusal(options(image)).empty());
    ::close(ready[0]);
    ::close(ready[1]);
}

/// An open file that no process has: it is on its way through a socket.
class UnseenFile {
public:
    explicit UnseenFile(UniqueFd file) {
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) == 0);
        std::array<char, CMSG_SPACE(sizeof(int))> control{};
        char byte = 0;
        iovec one{&byte, 1};
        msghdr message{};
        message.msg_iov = &one;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int fd = file.get();
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
        REQUIRE(::sendmsg(ends_[0], &message, 0) == 1);
    }
    ~UnseenFile() {
        for (const int end : ends_) ::close(end);
    }
    UnseenFile(const UnseenFile&) = delete;
    UnseenFile& operator=(const UnseenFile&) = delete;

private:
    std::array<int, 2> ends_{};
};

TEST_CASE("a lock that nobody seems to have is that of a process that has just ended: it is waited for") {
    const TempDir folder;
    BlockFileOptions how = options(folder.sparse("disk.img", 8192));
    UniqueFd file{::open(how.path.c_str(), O_RDWR | O_CLOEXEC)};
    REQUIRE(lock_file(file.get(), LockKind::Exclusive) == 0);
    std::optional<UnseenFile> unseen{std::in_place, std::move(file)};
    how.patience = {};
    CHECK(refusal(how) == "in use by another program");
    how.patience = std::chrono::minutes{1};
    auto late = std::async(std::launch::async, [&how] { return refusal(how); });
    unseen.reset();
    CHECK(late.get().empty());
}

TEST_CASE("a part of a sector at the end is out of reach and told") {
    const TempDir folder;
    const BlockFile file{options(folder.sparse("disk.img", 10 * 512 + 7))};
    CHECK(file.sectors() == 10);
    REQUIRE(file.notes().size() == 1);
    CHECK(file.notes().front().find("the last 7 bytes") != std::string::npos);
}

TEST_CASE("direct I/O is for buffers and places that the host can have") {
    const TempDir folder;
    BlockFileOptions how = options(folder.sparse("disk.img", 1 << 20));
    how.direct = true;
    BlockFile file{how};
    alignas(4096) static std::array<std::byte, 8192> memory;
    const iovec whole{memory.data(), 4096};
    if (!file.suits_direct(0, {&whole, 1})) {
        REQUIRE(file.notes().size() == 1);  // a file system without
        return;
    }
    const iovec shifted{memory.data() + 1, 4096};
    const iovec odd{memory.data(), 100};
    CHECK_FALSE(file.suits_direct(0, {&shifted, 1}));
    CHECK_FALSE(file.suits_direct(0, {&odd, 1}));
    CHECK_FALSE(file.suits_direct(100, {&whole, 1}));
    CHECK(file.give_up_direct());
    CHECK_FALSE(file.give_up_direct());
    CHECK_FALSE(file.suits_direct(0, {&whole, 1}));
}

TEST_CASE("a file that may only be read can be a disk that is read only") {
    if (::geteuid() == 0) return;  // root may everything
    const TempDir folder;
    const std::string image = folder.sparse("disk.img", 8192);
    std::filesystem::permissions(image, std::filesystem::perms{0444});
    CHECK(refusal(options(image)).find("Permission denied") != std::string::npos);
    CHECK(refusal(options(image, true)).empty());
}
