// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/io_pieces.hpp"

#include <catch2/catch.hpp>
#include <climits>
#include <random>
#include <string>

using namespace qvm;

namespace {

std::string text_of(std::span<const iovec> pieces) {
    std::string out;
    for (const iovec& piece : pieces) out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    return out;
}

}  // namespace

TEST_CASE("any part of any buffers is transferred whole, in pieces of any size") {
    std::mt19937 random{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    IoPieces pieces;
    for (int round = 0; round < 2000; ++round) {
        std::string text(1 + below(60), ' ');
        for (char& letter : text) letter = static_cast<char>('a' + below(26));
        std::vector<iovec> buffers;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = std::min(1 + below(20), text.size() - at);
            buffers.push_back({text.data() + at, size});
            at += size;
        }
        const std::size_t offset = below(text.size());
        const std::size_t size = 1 + below(text.size() - offset);
        pieces.set(buffers, offset, size);
        std::string expected = text.substr(offset, size);
        while (pieces.left() != 0) {
            REQUIRE(pieces.left() == expected.size());
            REQUIRE(text_of(pieces.next()) == expected);
            const std::size_t done = 1 + below(expected.size());
            pieces.advance(done);
            expected.erase(0, done);
        }
        CHECK(expected.empty());
        CHECK(pieces.next().empty());
    }
}

TEST_CASE("whole buffers are not copied") {
    std::string text = "headerdata";
    const std::vector<iovec> buffers{{text.data(), 6}, {text.data() + 6, 4}};
    IoPieces pieces;
    pieces.set(buffers, 6, 4);
    CHECK(pieces.next().data() == &buffers[1]);
}

TEST_CASE("no more pieces at once than a system call takes") {
    char byte = 'x';
    const std::vector<iovec> buffers(IOV_MAX + 10, {&byte, 1});
    IoPieces pieces;
    pieces.set(buffers, 0, buffers.size());
    CHECK(pieces.next().size() == IOV_MAX);
    pieces.advance(IOV_MAX);
    CHECK(pieces.next().size() == 10);
}
