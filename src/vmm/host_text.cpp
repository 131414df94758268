// SPDX-License-Identifier: Apache-2.0
#include "vmm/host_text.hpp"

#include <fstream>

namespace qvm {

std::string first_line(const std::filesystem::path& file) {
    std::string line;
    std::ifstream stream{file};
    std::getline(stream, line);
    return line;
}

}  // namespace qvm
