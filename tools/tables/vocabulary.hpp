// SPDX-License-Identifier: Apache-2.0
// The words of the language, sorted by how an editor is to colour them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tables.hpp"

namespace qvm::tables {

using WordList = std::vector<std::string>;  ///< sorted, each once

struct Vocabulary {
    WordList contexts;     ///< open a context: cpu, vdev...
    WordList blobs;        ///< stand before load and pass
    WordList switches;     ///< global options without an argument
    WordList globals;      ///< those with arguments
    WordList flags;        ///< options of a context without an argument
    WordList options;      ///< those with arguments
    WordList log_options;  ///< logger, log: severities and a destination follow
    WordList types;
    WordList variables;
    WordList severities;
    WordList destinations;
    WordList choices;  ///< arguments that are one of a few words
};

[[nodiscard]] Vocabulary collect_words(Types types);

/// `a|b|c`.
[[nodiscard]] std::string alternatives(const WordList& words, std::string_view separator);

}  // namespace qvm::tables
