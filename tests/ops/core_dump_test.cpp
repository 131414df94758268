// SPDX-License-Identifier: Apache-2.0
// Dumps of a small made-up guest, read back with <elf.h>, by readelf and by gdb.
#include "ops/core_dump.hpp"

#include <elf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <iterator>
#include <optional>

#include "support/temp_dir.hpp"
#include "support/temp_tree.hpp"

using namespace qvm;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kRam = 0x10'0000;
constexpr std::uint64_t kRamSize = 32 * kMiB;
constexpr std::uint64_t kPattern = 0x1122'3344'5566'7788;
constexpr Gpa kPatternAt{kRam + 0x2008};
constexpr std::time_t kNow = 1'700'000'000;

/// elf_prstatus of x86-64 with a rip; the board's own is tested where it is made.
CoreNote prstatus(std::uint32_t pid, std::uint64_t rip) {
    CoreNote note{"CORE", NT_PRSTATUS, std::vector<std::byte>(336)};
    std::memcpy(note.bytes.data() + 32, &pid, sizeof pid);
    std::memcpy(note.bytes.data() + 112 + 16 * 8, &rip, sizeof rip);
    return note;
}

struct Guest {
    Guest() {
        memory.add(Range::make(0, 0xa0000).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(kRam, kRamSize).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(0xfff0'0000, 0x10000).value(), GuestMemory::Kind::Rom);
        REQUIRE(memory.write(kPatternAt, kPattern));
        // Touched, but zero again.
        std::memset(memory.span(Gpa{kRam + 4 * kMiB}, kMiB)->data(), 0, kMiB);
    }
    [[nodiscard]] CoreImage image() const {
        return {EM_X86_64,
                memory,
                {about_note("demo", kNow, "test"),
                 prstatus(1, 0x10'0123),
                 prstatus(2, 0x10'0456),
                 {"QVM", static_cast<std::uint32_t>(QvmNote::Recorder), std::vector<std::byte>(5, std::byte{9})}}};
    }
    [[nodiscard]] DumpOutcome dump(const DumpSpec& to, const DumpPatience& patience = {}) {
        const CoreImage whole = image();
        return write_dump({to, "demo", kNow, whole, [this] { ++resumed; }}, patience);
    }
    [[nodiscard]] DumpOutcome dump_to(const fs::path& directory) {
        return dump({.command = false, .target = directory.string(), .where = {}});
    }
    [[nodiscard]] DumpOutcome pipe_to(const std::string& command, const DumpPatience& patience = {}) {
        return dump({.command = true, .target = command, .where = {}}, patience);
    }

    GuestMemory memory;
    int resumed = 0;
};

template <typename T>
T at(const std::string& file, std::uint64_t offset) {
    T value;
    REQUIRE(offset + sizeof value <= file.size());
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

std::vector<Elf64_Phdr> segments(const std::string& file) {
    const auto header = at<Elf64_Ehdr>(file, 0);
    std::vector<Elf64_Phdr> all;
    for (unsigned i = 0; i < header.e_phnum; ++i)
        all.push_back(at<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr)));
    return all;
}

std::vector<CoreNote> notes(const std::string& file) {
    const Elf64_Phdr segment = segments(file).front();
    std::vector<CoreNote> all;
    std::uint64_t where = segment.p_offset;
    while (where < segment.p_offset + segment.p_filesz) {
        const auto header = at<Elf64_Nhdr>(file, where);
        const std::uint64_t name = where + sizeof header;
        const std::uint64_t bytes = align_up(name + header.n_namesz, 4);
        const auto content = std::as_bytes(std::span{file}.subspan(bytes, header.n_descsz));
        all.push_back({file.substr(name, header.n_namesz - 1), header.n_type, {content.begin(), content.end()}});
        where = align_up(bytes + header.n_descsz, 4);
    }
    return all;
}

fs::path only_file(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& each : fs::directory_iterator{directory}) files.push_back(each.path());
    REQUIRE(files.size() == 1);
    return files.front();
}

std::string output_of(const std::string& command) {
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string text;
    for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe)) text.push_back(static_cast<char>(byte));
    ::pclose(pipe);
    return text;
}

bool has_program(const char* name) { return !output_of(std::string{"command -v "} + name).empty(); }

/// Runs `work` in a process of its own; its exit status.
template <typename Work>
int in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool says(const DumpOutcome& outcome, std::string_view text) { return outcome.text.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a dump has ten names, by system and local time") {
    std::tm time{};
    time.tm_year = 126;
    time.tm_mon = 1;
    time.tm_mday = 3;
    time.tm_hour = 4;
    time.tm_min = 5;
    time.tm_sec = 6;
    const auto names = dump_names("demo", time);
    REQUIRE(names.size() == 10);
    CHECK(names.front() == "demo-20260203-040506.gcore");
    CHECK(names[1] == "demo-20260203-040506-1.gcore");
    CHECK(names.back() == "demo-20260203-040506-9.gcore");
    CHECK(dump_names("", time).front() == "qvm-guest-20260203-040506.gcore");
    CHECK(dump_names("../x", time).front() == ".._x-20260203-040506.gcore");
}

TEST_CASE("a dump is an ELF core with notes first, all memory and nothing else") {
    const test::TempTree tree;
    Guest guest;
    const auto outcome = guest.dump_to(tree.path());
    INFO(outcome.text);
    REQUIRE(outcome.written);
    CHECK(guest.resumed == 1);
    const std::string file = test::read_file(only_file(tree.path()));
    const auto header = at<Elf64_Ehdr>(file, 0);
    CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
    CHECK(header.e_type == ET_CORE);
    CHECK(header.e_machine == EM_X86_64);
    const auto all = segments(file);
    REQUIRE(all.size() == 4);
    CHECK(all[0].p_type == PT_NOTE);
    CHECK(all[2].p_type == PT_LOAD);
    CHECK(all[2].p_paddr == kRam);
    CHECK(all[2].p_vaddr == kRam);
    CHECK(all[2].p_filesz == kRamSize);
    CHECK(all[2].p_offset % 4096 == 0);
    CHECK(all[3].p_flags == (PF_R | PF_X));
    CHECK(file.size() == all[3].p_offset + all[3].p_filesz);
    CHECK(at<std::uint64_t>(file, all[2].p_offset + 0x2008) == kPattern);
}

TEST_CASE("registers come first among the notes, then who and when") {
    const test::TempTree tree;
    Guest guest;
    REQUIRE(guest.dump_to(tree.path()).written);
    const auto all = notes(test::read_file(only_file(tree.path())));
    REQUIRE(all.size() == 4);
    CHECK(all[0].name == "CORE");
    CHECK(all[1].name == "CORE");
    CHECK(all[1].bytes == prstatus(2, 0x10'0456).bytes);
    CHECK(all[2].name == "QVM");
    const std::string about{reinterpret_cast<const char*>(all[2].bytes.data()), all[2].bytes.size()};
    CHECK(about.starts_with("system=demo\ntime=2023-11-1"));
    CHECK(about.ends_with("\ncause=test\n"));
    CHECK(all[3].type == static_cast<std::uint32_t>(QvmNote::Recorder));
    CHECK(all[3].bytes.size() == 5);
}

TEST_CASE("pages of zeros take no room, neither on disk nor in the guest's memory") {
    const test::TempTree tree;
    Guest guest;
    struct stat before {};
    ::fstat(guest.memory.blocks()[1].memfd.get(), &before);
    REQUIRE(guest.dump_to(tree.path()).written);
    struct stat after {};
    ::fstat(guest.memory.blocks()[1].memfd.get(), &after);
    CHECK(after.st_blocks == before.st_blocks);
    struct stat file {};
    ::stat(only_file(tree.path()).c_str(), &file);
    CHECK(static_cast<std::uint64_t>(file.st_size) > kRamSize);
    CHECK(static_cast<std::uint64_t>(file.st_blocks) * 512 <= 64 * kKiB);
    CHECK((file.st_mode & 07777) == 0600);
}

TEST_CASE("RAM that is passed is in the dump, all of it") {
    Guest guest;
    const UniqueFd file{::memfd_create("host", MFD_CLOEXEC)};
    REQUIRE(::ftruncate(file.get(), 0x2000) == 0);
    guest.memory.add(Range::make(kRam + kRamSize, 0x2000).value(), Mapping{"map", file.get(), 0x2000});
    REQUIRE(guest.memory.write(Gpa{kRam + kRamSize + 0x1ff8}, kPattern));
    const test::TempTree tree;
    REQUIRE(guest.dump_to(tree.path()).written);
    const std::string dump = test::read_file(only_file(tree.path()));
    const Elf64_Phdr segment = segments(dump).at(3);
    CHECK(segment.p_paddr == kRam + kRamSize);
    CHECK(segment.p_filesz == 0x2000);
    CHECK(at<std::uint64_t>(dump, segment.p_offset + 0x1ff8) == kPattern);
}

TEST_CASE("a name that is taken gives way to the next, ten times") {
    const test::TempTree tree;
    Guest guest;
    for (int i = 0; i < 10; ++i) REQUIRE(guest.dump_to(tree.path()).written);
    CHECK(std::distance(fs::directory_iterator{tree.path()}, {}) == 10);
    const auto eleventh = guest.dump_to(tree.path());
    CHECK_FALSE(eleventh.written);
    CHECK(says(eleventh, "and nine more of this second exist"));
    CHECK(guest.resumed == 11);
}

TEST_CASE("a file that is half written elsewhere, or a dangling link, is never touched") {
    const test::TempTree tree;
    Guest guest;
    std::tm local{};
    ::localtime_r(&kNow, &local);
    const auto names = dump_names("demo", local);
    tree.write(names[0] + ".part", "mine");
    fs::create_symlink("/nowhere/at/all", tree.path() / names[1]);
    const auto outcome = guest.dump_to(tree.path());
    REQUIRE(outcome.written);
    CHECK(says(outcome, names[2]));
    CHECK(test::read_file(tree.path() / (names[0] + ".part")) == "mine");
}

TEST_CASE("a directory that is missing or no directory is said") {
    const test::TempTree tree;
    tree.write("file", "");
    Guest guest;
    CHECK(says(guest.dump_to(tree.path() / "no"), "No such file or directory"));
    CHECK(says(guest.dump_to(tree.path() / "file"), "Not a directory"));
    CHECK(guest.resumed == 2);
}

TEST_CASE("a file that may not grow is an outcome and no signal, and leaves nothing") {
    const test::TempTree tree;
    Guest guest;
    const int status = in_child([&] {
        const rlimit limit{8192, 8192};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const auto outcome = guest.dump_to(tree.path());
        return outcome.written || !says(outcome, "File too large") || guest.resumed != 1 ? 1 : 0;
    });
    CHECK(status == 0);
    CHECK(fs::is_empty(tree.path()));
}

TEST_CASE("a full disk is said, and what was written is removed") {
    constexpr int kSkipped = 77;
    const test::TempTree tree;
    Guest guest;
    std::memset(guest.memory.span(Gpa{kRam}, 4 * kMiB)->data(), 1, 4 * kMiB);
    const int status = in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", tree.path().c_str(), "tmpfs", 0, "size=1M") != 0)
            return kSkipped;
        const auto outcome = guest.dump_to(tree.path());
        if (outcome.written || !says(outcome, "No space left on device") || guest.resumed != 1) return 1;
        return fs::is_empty(tree.path()) ? 0 : 2;
    });
    if (status == kSkipped)
        WARN("skipped: one may not mount here");
    else
        CHECK(status == 0);
}

TEST_CASE("a command gets the same bytes as a file") {
    const test::TempTree tree;
    Guest guest;
    const std::string piped = (tree.path() / "piped").string();
    const auto outcome = guest.pipe_to("cat > " + piped);
    INFO(outcome.text);
    REQUIRE(outcome.written);
    CHECK(guest.resumed == 1);
    fs::create_directory(tree.path() / "dir");
    REQUIRE(guest.dump_to(tree.path() / "dir").written);
    CHECK(test::read_file(piped) == test::read_file(only_file(tree.path() / "dir")));
}

TEST_CASE("a command that fails or ends early is said") {
    Guest guest;
    const auto failed = guest.pipe_to("cat > /dev/null; exit 3");
    CHECK_FALSE(failed.written);
    CHECK(says(failed, "but exit status 3"));
    const auto early = guest.pipe_to("head -c 100 > /dev/null; exit 5");
    CHECK_FALSE(early.written);
    CHECK(says(early, "stopped reading"));
    CHECK(says(early, "exit status 5"));
    CHECK(says(guest.pipe_to("kill -9 $$"), "ended by signal 9"));
    CHECK(says(guest.pipe_to("/no/such/program"), "exit status 127"));
    CHECK(guest.resumed == 4);
}

TEST_CASE("a command that takes nothing, or never ends, is stopped") {
    Guest guest;
    const auto stuck = guest.pipe_to("exec sleep 1000", {.reader = 50, .ending = 50});
    CHECK(says(stuck, "then nothing for"));
    const auto endless = guest.pipe_to("cat > /dev/null; exec sleep 1000", {.reader = 5000, .ending = 50});
    CHECK_FALSE(endless.written);
    CHECK(says(endless, "it still runs and is stopped"));
}

TEST_CASE("readelf finds nothing to complain about") {
    if (!has_program("readelf")) {
        WARN("skipped: no readelf");
        return;
    }
    const test::TempTree tree;
    Guest guest;
    REQUIRE(guest.dump_to(tree.path()).written);
    const std::string said = output_of("LC_ALL=C readelf -a " + only_file(tree.path()).string());
    INFO(said);
    CHECK(said.find("Warning") == std::string::npos);
    CHECK(said.find("Error") == std::string::npos);
    CHECK(said.find("NT_PRSTATUS") != std::string::npos);
}

TEST_CASE("gdb shows registers and memory of a dump") {
    if (!has_program("gdb")) {
        WARN("skipped: no gdb");
        return;
    }
    const test::TempTree tree;
    Guest guest;
    REQUIRE(guest.dump_to(tree.path()).written);
    const std::string said = output_of("gdb -nx -batch -ex 'info threads' -ex 'p/x $rip' -ex 'x/gx 0x102008' -c " +
                                       only_file(tree.path()).string());
    INFO(said);
    CHECK(said.find("= 0x100123") != std::string::npos);
    CHECK(said.find("0x1122334455667788") != std::string::npos);
    CHECK(said.find("LWP 2") != std::string::npos);
}
