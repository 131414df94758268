// SPDX-License-Identifier: Apache-2.0
// Counts what the program allocates, so that tests can show what allocates nothing. The thread sanitizer has an
// operator new that cannot be replaced: with it, nothing is counted.
#include "support/allocations.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_THREAD__)
#define QVM_COUNT_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QVM_COUNT_ALLOCATIONS 0
#endif
#endif
#ifndef QVM_COUNT_ALLOCATIONS
#define QVM_COUNT_ALLOCATIONS 1
#endif

namespace {

std::atomic<std::uint64_t> all{0};
thread_local std::uint64_t own = 0;

#if QVM_COUNT_ALLOCATIONS
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
#endif

}  // namespace

#if QVM_COUNT_ALLOCATIONS

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
#endif

namespace qvm::test {

std::uint64_t allocations() noexcept { return all.load(std::memory_order_relaxed); }
std::uint64_t allocations_of_this_thread() noexcept { return own; }

}  // namespace qvm::test
