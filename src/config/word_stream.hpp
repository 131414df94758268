// SPDX-License-Identifier: Apache-2.0
// A place in the sequence of words.
#pragma once

#include <cstddef>
#include <span>

#include "config/lexer.hpp"

namespace qvm {

class WordStream {
public:
    explicit WordStream(std::span<const Word> words) : words_{words} {}

    [[nodiscard]] bool at_end() const noexcept { return next_ == words_.size(); }
    /// Not at the end.
    [[nodiscard]] const Word& peek() const noexcept { return words_[next_]; }
    const Word& take() noexcept { return words_[next_++]; }
    /// Undoes the last take().
    void put_back() noexcept { --next_; }

    [[nodiscard]] std::size_t taken() const noexcept { return next_; }
    [[nodiscard]] std::span<const Word> words() const noexcept { return words_; }
    /// The word before the one that was taken last; null if that was the first.
    [[nodiscard]] const Word* before_last() const noexcept { return next_ < 2 ? nullptr : &words_[next_ - 2]; }
    /// The word that was taken last is the first of a source, but not of all.
    [[nodiscard]] bool entered_source() const noexcept {
        const Word* before = before_last();
        return before != nullptr && before->where.source != words_[next_ - 1].where.source;
    }

private:
    std::span<const Word> words_;
    std::size_t next_ = 0;
};

}  // namespace qvm
