// SPDX-License-Identifier: Apache-2.0
// For tests of many rounds: code that a sanitizer watches takes twenty times as long.
#pragma once

namespace qvm::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

/// So many rounds, but for a quarter of them under the address sanitizer, for which the fuzz targets do the rest.
constexpr int rounds(int all) { return kSanitized ? all / 4 : all; }

}  // namespace qvm::test
