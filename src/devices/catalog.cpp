// SPDX-License-Identifier: Apache-2.0
#include "devices/catalog.hpp"

#include <algorithm>

#include "config/language.hpp"

namespace qvm {

extern const VdevType kPciDummy;
extern const VdevType kSer8250;
extern const VdevType kVirtioBlk;
extern const VdevType kVirtioConsole;
extern const VdevType kVirtioEntropy;

namespace {

constexpr const VdevType* kCommon[]{&kPciDummy, &kSer8250, &kVirtioBlk, &kVirtioConsole, &kVirtioEntropy};

}  // namespace

std::span<const VdevType* const> common_vdev_types() noexcept { return kCommon; }

Catalog::Catalog(std::initializer_list<std::span<const VdevType* const>> tables) {
    for (const auto table : tables) {
        for (const VdevType* type : table) {
            types_.push_back(type);
            syntaxes_.push_back(&type->syntax);
        }
    }
    for (const VdevSyntax& read_only : language_vdevs())
        if (find(read_only.type) == nullptr) syntaxes_.push_back(&read_only);
}

const VdevType* Catalog::find(const VdevSyntax* syntax) const noexcept {
    const auto found = std::ranges::find_if(types_, [&](const VdevType* row) { return &row->syntax == syntax; });
    return found == types_.end() ? nullptr : *found;
}

const VdevType* Catalog::find(std::string_view type) const noexcept {
    const auto found = std::ranges::find_if(types_, [&](const VdevType* row) { return row->syntax.type == type; });
    return found == types_.end() ? nullptr : *found;
}

}  // namespace qvm
