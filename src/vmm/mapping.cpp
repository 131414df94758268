// SPDX-License-Identifier: Apache-2.0
#include "vmm/mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {

Mapping::Mapping(const char* what, int fd, std::size_t length, off_t offset) : length_{length} {
    void* at = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    if (at == MAP_FAILED) throw HostError{errno_text(what, errno)};
    data_ = static_cast<std::byte*>(at);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, length_{std::exchange(other.length_, 0)} {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(length_, other.length_);
    return *this;
}

void Mapping::keep(std::size_t first, std::size_t length) noexcept {
    if (first + length < length_) ::munmap(data_ + first + length, length_ - first - length);
    if (first != 0) ::munmap(data_, first);
    data_ += first;
    length_ = length;
}

Mapping::~Mapping() {
    if (data_ != nullptr) ::munmap(data_, length_);
}

}  // namespace qvm
