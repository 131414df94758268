// SPDX-License-Identifier: Apache-2.0
// Tells whether a text is JSON (RFC 8259); of numbers, whole ones only.
#pragma once

#include <algorithm>
#include <string_view>

#include "config/utf8.hpp"

namespace qvm::test {

class JsonCheck {
public:
    explicit JsonCheck(std::string_view text) : rest_{text} {}

    /// One value and nothing but blanks around it.
    [[nodiscard]] bool run() {
        const bool good = value();
        blanks();
        return good && rest_.empty();
    }

private:
    void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
    bool take(std::string_view text) {
        blanks();
        if (!rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }
    bool value() {
        if (take("{")) return list('}', true);
        if (take("[")) return list(']', false);
        if (take("\"")) return string();
        return take("true") || take("false") || take("null") || number();
    }
    bool list(char close, bool keys) {
        const std::string_view end{&close, 1};
        if (take(end)) return true;
        do {
            if (keys && !(take("\"") && string() && take(":"))) return false;
            if (!value()) return false;
        } while (take(","));
        return take(end);
    }
    bool number() {
        const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        const bool good = digits != 0 && (digits == 1 || rest_[0] != '0');
        rest_.remove_prefix(digits);
        return good;
    }
    bool string() {
        while (!rest_.empty() && rest_[0] != '"') {
            const std::size_t length = rest_[0] == '\\' ? escape() : utf8_length(rest_);
            if (length == 0 || static_cast<unsigned char>(rest_[0]) < 0x20) return false;
            rest_.remove_prefix(length);
        }
        return take("\"");
    }
    [[nodiscard]] std::size_t escape() const {
        if (rest_.size() < 2) return 0;
        if (rest_[1] != 'u') return std::string_view{"\"\\/bfnrt"}.find(rest_[1]) != std::string_view::npos ? 2 : 0;
        const std::string_view digits = rest_.substr(2, 4);
        return digits.size() == 4 && digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos ? 6
                                                                                                                  : 0;
    }

    std::string_view rest_;
};

[[nodiscard]] inline bool is_json(std::string_view text) { return JsonCheck{text}.run(); }

}  // namespace qvm::test
