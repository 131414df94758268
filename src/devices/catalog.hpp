// SPDX-License-Identifier: Apache-2.0
// The vdev types that there are: those common to all boards, those that a board adds, and those that can only be read.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "devices/vdev.hpp"

namespace qvm {

/// The types that belong to no board's folder. One row per vdev; nothing registers itself.
[[nodiscard]] std::span<const VdevType* const> common_vdev_types() noexcept;

/// Several tables as one grammar for the parser.
class Catalog final : public VdevGrammar {
public:
    using Tables = std::initializer_list<std::span<const VdevType* const>>;
    /// The rows must outlive the catalogue. Those for other boards than `board` can only be read.
    Catalog(Boards board, Tables tables);
    Catalog(Tables tables) : Catalog{Boards::Both, tables} {}

    /// Those that exist and then those of the language that do not, for which find() returns null.
    [[nodiscard]] std::span<const VdevSyntax* const> types() const noexcept override { return syntaxes_; }

    /// The row that `syntax` is part of; null if it can only be read.
    [[nodiscard]] const VdevType* find(const VdevSyntax* syntax) const noexcept;
    /// Null if there is no such type.
    [[nodiscard]] const VdevType* find(std::string_view type) const noexcept;

private:
    std::vector<const VdevType*> types_;
    std::vector<const VdevSyntax*> syntaxes_;
};

}  // namespace qvm
