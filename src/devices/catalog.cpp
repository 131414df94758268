// SPDX-License-Identifier: Apache-2.0
#include "devices/catalog.hpp"

#include <algorithm>

#include "config/language.hpp"

namespace qvm {

extern const VdevType kPciDummy;
extern const VdevType kPl011;
extern const VdevType kRtcPl031;
extern const VdevType kSer8250;
extern const VdevType kVhostUser;
extern const VdevType kVirtioBalloon;
extern const VdevType kVirtioBlk;
extern const VdevType kVirtioConsole;
extern const VdevType kVirtioEntropy;
extern const VdevType kVirtioFs;
extern const VdevType kVirtioNet;
extern const VdevType kVirtioVsock;
extern const VdevType kWdtSp805;

namespace {

constexpr const VdevType* kCommon[]{&kPciDummy,      &kPl011,       &kRtcPl031,      &kSer8250,       &kVhostUser,
                                    &kVirtioBalloon, &kVirtioBlk,   &kVirtioConsole, &kVirtioEntropy, &kVirtioFs,
                                    &kVirtioNet,     &kVirtioVsock, &kWdtSp805};

}  // namespace

std::span<const VdevType* const> common_vdev_types() noexcept { return kCommon; }

Catalog::Catalog(Boards board, Tables tables) {
    std::vector<const VdevSyntax*> read_only;
    for (const auto table : tables) {
        for (const VdevType* type : table) {
            const bool exists = has_board(type->syntax.boards, board);
            if (exists) types_.push_back(type);
            (exists ? syntaxes_ : read_only).push_back(&type->syntax);
        }
    }
    for (const VdevSyntax& each : language_vdevs()) read_only.push_back(&each);
    for (const VdevSyntax* each : read_only)
        if (std::ranges::find(syntaxes_, each->type, &VdevSyntax::type) == syntaxes_.end()) syntaxes_.push_back(each);
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
