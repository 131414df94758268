// SPDX-License-Identifier: Apache-2.0
// Prints one of the files that tools/generate keeps up to date.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arm64/vdevs.hpp"
#include "arch/x86/vdevs.hpp"
#include "devices/catalog.hpp"
#include "tables.hpp"

namespace {

using namespace qvm;

constexpr const char* kUsage = "usage: qvm_tables vim | textmate | manual FILE\n";

std::string read(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{fmt::format("cannot read {}", path)};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// Sorted, so that a row that moves from one table to another changes no file.
std::vector<const VdevSyntax*> sorted_types(const Catalog& catalog) {
    std::vector<const VdevSyntax*> types{catalog.types().begin(), catalog.types().end()};
    std::ranges::sort(types, {}, &VdevSyntax::type);
    return types;
}

int print(std::span<const char* const> arguments) {
    // Those of all boards, so that every program makes the same files.
    const Catalog catalog{Boards::Both, {common_vdev_types(), x86::vdev_types(), arm64::vdev_types()}};
    const auto types = sorted_types(catalog);
    const std::string_view what = arguments.empty() ? "" : arguments[0];
    if (what == "vim" && arguments.size() == 1) {
        fmt::print("{}", tables::vim_syntax(types));
    } else if (what == "textmate" && arguments.size() == 1) {
        fmt::print("{}", tables::textmate_grammar(types));
    } else if (what == "manual" && arguments.size() == 2) {
        const std::string path = arguments[1];
        try {
            fmt::print("{}", tables::renew_manual(read(path), types));
        } catch (const std::runtime_error& error) {
            throw std::runtime_error{fmt::format("{}: {}", path, error.what())};
        }
    } else {
        fmt::print(stderr, "{}", kUsage);
        return 64;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return print({argv + 1, static_cast<std::size_t>(argc - 1)});
    } catch (const std::exception& error) {
        fmt::print(stderr, "qvm_tables: error: {}\n", error.what());
        return 1;
    }
}
