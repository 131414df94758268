// SPDX-License-Identifier: Apache-2.0
// A host whose /dev/mem is a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>

#include "devices/platform/kept_memory.hpp"
#include "support/fake_root.hpp"

namespace qvm::test {

class FakeDevmem {
public:
    explicit FakeDevmem(std::uintmax_t size) {
        root_.write("dev/mem", "");
        std::filesystem::resize_file(file(), size);
    }
    /// Puts `bytes` at a host-physical address.
    void put(std::uint64_t at, std::span<const std::byte> bytes) const {
        std::fstream stream{file(), std::ios::binary | std::ios::in | std::ios::out};
        stream.seekp(static_cast<std::streamoff>(at));
        stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    [[nodiscard]] char at(std::uint64_t where) const {
        std::ifstream stream{file(), std::ios::binary};
        stream.seekg(static_cast<std::streamoff>(where));
        return static_cast<char>(stream.get());
    }
    [[nodiscard]] KeptMemory kept() const { return KeptMemory{true, root()}; }
    [[nodiscard]] const FakeRoot& files() const noexcept { return root_; }
    [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_.path(); }

private:
    [[nodiscard]] std::filesystem::path file() const { return root_.path() / "dev/mem"; }
    FakeRoot root_;
};

}  // namespace qvm::test
