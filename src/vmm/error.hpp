// SPDX-License-Identifier: Apache-2.0
// Errors of the set-up phase. What a guest causes at run time is a value and never one of these.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace qvm {

/// The host cannot give what the VM needs. The text says what to do about it.
class HostError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// "what: reason" for an errno value.
[[nodiscard]] inline std::string errno_text(const std::string& what, int error) {
    return what + ": " + std::generic_category().message(error);
}

/// Passes a system call's result through; throws HostError with errno's text if it is negative.
template <typename Result>
Result check(const char* what, Result result) {
    if (result < 0) throw HostError{errno_text(what, errno)};
    return result;
}

}  // namespace qvm
