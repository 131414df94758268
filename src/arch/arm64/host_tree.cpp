// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/host_tree.hpp"

#include <fstream>
#include <iterator>
#include <vector>

namespace qvm::arm64 {

std::optional<DeviceTree> host_tree(const std::filesystem::path& root) {
    std::ifstream file{root / "sys/firmware/fdt", std::ios::binary};
    const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
    const ByteView view = std::as_bytes(std::span{bytes});
    if (bytes.empty() || !why_no_tree(view).empty()) return std::nullopt;
    return parse_tree(view);
}

}  // namespace qvm::arm64
