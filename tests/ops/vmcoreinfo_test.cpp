// SPDX-License-Identifier: Apache-2.0
#include "ops/vmcoreinfo.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

using namespace qvm;

namespace {

constexpr std::uint64_t kRam = 0x10'0000;
constexpr std::uint64_t kPage = 4096;

template <typename T>
void append(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// As a kernel leaves it in a page.
std::string note(const std::string& text, std::uint32_t length, std::uint32_t type = 0, std::uint32_t name_size = 11) {
    std::string out;
    append(out, name_size);
    append(out, length);
    append(out, type);
    out += std::string{"VMCOREINFO\0\0", 12};
    return out + text;
}
std::string note(const std::string& text) { return note(text, static_cast<std::uint32_t>(text.size())); }

struct Guest {
    Guest() {
        memory.add(Range::make(kRam, 16 * kMiB).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(0x4000'0000, 16 * kMiB).value(), GuestMemory::Kind::Ram);
    }
    void put(std::uint64_t at, const std::string& bytes) const {
        REQUIRE(memory.write(Gpa{at}, std::as_bytes(std::span{bytes})));
    }
    [[nodiscard]] std::string found() const {
        const auto note = find_vmcoreinfo(memory);
        if (!note) return "nothing";
        CHECK(note->name == "VMCOREINFO");
        CHECK(note->type == 0);
        return {reinterpret_cast<const char*>(note->bytes.data()), note->bytes.size()};
    }
    GuestMemory memory;
};

}  // namespace

TEST_CASE("a guest that is no Linux has no VMCOREINFO") {
    const Guest guest;
    CHECK(guest.found() == "nothing");
    guest.put(kRam + 5 * kPage, "OSRELEASE=6.1\n");
    CHECK(guest.found() == "nothing");
}

TEST_CASE("VMCOREINFO is found at the beginning of a page of any block") {
    const std::uint64_t at =
        GENERATE(as<std::uint64_t>{}, kRam, kRam + 777 * kPage, kRam + 16 * kMiB - kPage, 0x4000'0000 + 3 * kPage);
    const Guest guest;
    guest.put(kRam + kPage, "anything");
    guest.put(at, note("OSRELEASE=6.1\nPAGESIZE=4096\n"));
    CHECK(guest.found() == "OSRELEASE=6.1\nPAGESIZE=4096\n");
}

TEST_CASE("VMCOREINFO in the middle of a page is something else: a copy in a file") {
    const Guest guest;
    guest.put(kRam + kPage + 64, note("OSRELEASE=6.1\n"));
    CHECK(guest.found() == "nothing");
}

TEST_CASE("what only looks like VMCOREINFO is passed over") {
    const std::string text = "OSRELEASE=6.1\n";
    const std::string other = GENERATE_COPY(note("KERNEL=6.1\n"), note(text, 65537), note(text, UINT32_MAX),
                                            note(text, 14, 1), note(text, 14, 0, 12));
    const Guest guest;
    guest.put(kRam + kPage, other);
    CHECK(guest.found() == "nothing");
    guest.put(kRam + 9 * kPage, note(text));
    CHECK(guest.found() == text);
}

TEST_CASE("VMCOREINFO may reach into the next pages") {
    std::string text = "OSRELEASE=6.1\n";
    const std::size_t length = GENERATE(4072U, 4073U, 4096U, 65536U);
    text.resize(length, 'x');
    const Guest guest;
    guest.put(kRam + kPage, note(text));
    CHECK(guest.found() == text);
}

TEST_CASE("looking for VMCOREINFO makes no memory real") {
    const Guest guest;
    CHECK(guest.found() == "nothing");
    const int file = guest.memory.blocks()[0].memfd.get();
    CHECK(::lseek(file, 0, SEEK_DATA) < 0);
}
