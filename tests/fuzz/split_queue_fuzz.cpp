// SPDX-License-Identifier: Apache-2.0
// A split virtqueue (virtio 1.2, 2.7) with a driver that breaks all rules.
#include "fuzz/queue_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return qvm::test::fuzz_queue(data, size, 0);
}
