// SPDX-License-Identifier: Apache-2.0
// Counts what the program allocates, so that tests can show what allocates nothing.
#include "support/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> all{0};
thread_local std::uint64_t own = 0;

void* counted(std::size_t size, std::size_t alignment) noexcept {
    all.fetch_add(1, std::memory_order_relaxed);
    ++own;
    if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
    // aligned_alloc() wants whole multiples of the alignment.
    return std::aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1));
}

void* wanted(std::size_t size, std::size_t alignment) {
    void* const memory = counted(size, alignment);
    if (memory == nullptr) throw std::bad_alloc{};
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return wanted(size, 0); }
void* operator new[](std::size_t size) { return wanted(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return wanted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return wanted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size, 0); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size, 0); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace qvm::test {

std::uint64_t allocations() noexcept { return all.load(std::memory_order_relaxed); }
std::uint64_t allocations_of_this_thread() noexcept { return own; }

}  // namespace qvm::test
