// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "tables.hpp"
#include "vocabulary.hpp"

namespace qvm::tables {

namespace {

// A word is all between blanks, quotes and comments; so `ram` in a path is no option.
constexpr std::string_view kHead = R"(" SPDX-License-Identifier: Apache-2.0
" Vim syntax file
" Language: qvmconf, the configuration language of qvm
" Made by tools/generate from the tables of qvm: do not edit.
if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpo
set cpo&vim

syntax case match
syntax iskeyword 33,36-126,128-255
syntax sync fromstart

" Arguments
syntax match qvmconfValue /[^ \t\r"#]\+/ contained contains=@qvmconfParts
syntax cluster qvmconfParts contains=qvmconfChoice,qvmconfNumber,qvmconfPriority,qvmconfLine,qvmconfSpace,qvmconfDirection,qvmconfSubstitution,qvmconfPlain
)";

constexpr std::string_view kParts = R"(
syntax match qvmconfNumber /\%(^\|[ \t,=:."]\)\@1<=\%(0[xX]\x\+\|0[dD]\d\+\|\d\+\)[KkMmGgTt]\=\%($\|[ \t\r,=:."#]\)\@=/
syntax match qvmconfPriority /\%(^\|[ \t,]\)\@1<=\d\+[rfos]\%($\|[ \t\r"#]\)\@=/
syntax match qvmconfLine /\%(^\|[ \t,]\)\@1<=[A-Za-z_][^ \t\r:,="#|<>/]*:\%(0[xX]\x\+\|\d\+\)\%($\|[ \t\r,="#]\)\@=/ contains=qvmconfNumber
syntax match qvmconfSpace /\%(^\|[ \t=]\)\@1<=\%(mem\|io\|pci\):/
syntax match qvmconfDirection /\%(^\|[ \t<>]\)\@1<=\%([<>]|\=\|-\%($\|[ \t\r#]\)\@=\)/
syntax match qvmconfSubstitution /\$\%(env\|asinfo_start\|asinfo_length\){[^}"]*}/
syntax match qvmconfPlain /\\\@1<!\\\%(\\\\\)*\$\%(env\|asinfo_start\|asinfo_length\){/

" Text and comments
syntax region qvmconfString start=/"/ skip=/\\["\\]/ end=/"/ contains=qvmconfEscape,qvmconfSubstitution,qvmconfPlain,qvmconfJoin
syntax match qvmconfEscape /\\["\\]/ contained
syntax match qvmconfJoin /\\$/
syntax match qvmconfComment /#.*$/ contains=qvmconfTodo,@Spell
syntax keyword qvmconfTodo TODO FIXME XXX contained

highlight default link qvmconfContext Structure
highlight default link qvmconfVdev Structure
highlight default link qvmconfBlob StorageClass
highlight default link qvmconfSwitch Statement
highlight default link qvmconfGlobal Statement
highlight default link qvmconfSet Statement
highlight default link qvmconfLog Statement
highlight default link qvmconfFlag Keyword
highlight default link qvmconfOption Keyword
highlight default link qvmconfType Type
highlight default link qvmconfVariable Identifier
highlight default link qvmconfSeverity Constant
highlight default link qvmconfDestination Constant
highlight default link qvmconfChoice Constant
highlight default link qvmconfNumber Number
highlight default link qvmconfPriority Number
highlight default link qvmconfLine Identifier
highlight default link qvmconfSpace Special
highlight default link qvmconfDirection Operator
highlight default link qvmconfSubstitution PreProc
highlight default link qvmconfString String
highlight default link qvmconfEscape SpecialChar
highlight default link qvmconfJoin SpecialChar
highlight default link qvmconfComment Comment
highlight default link qvmconfTodo Todo

let b:current_syntax = 'qvmconf'
let &cpo = s:cpo_save
unlet s:cpo_save
)";

// `syntax keyword` would take some names, such as `display`, for its own arguments.
std::string any_of(const WordList& words) {
    return words.empty() ? R"(\%#\&x)" : fmt::format(R"(\<\%({}\)\>)", alternatives(words, R"(\|)"));
}

void match(std::string& out, std::string_view group, const std::string& pattern, std::string_view more = {}) {
    fmt::format_to(std::back_inserter(out), "syntax match qvmconf{} /{}/{}{}\n", group, pattern,
                   more.empty() ? "" : " ", more);
}

}  // namespace

std::string vim_syntax(Types types) {
    constexpr std::string_view kArgument = "nextgroup=qvmconfValue skipwhite skipempty";
    const Vocabulary words = collect_words(types);
    std::string out{kHead};
    match(out, "Choice", any_of(words.choices), "contained");
    out += "\n\" Options\n";
    match(out, "Context", any_of(words.contexts));
    match(out, "Blob", any_of(words.blobs));
    match(out, "Switch", any_of(words.switches));
    match(out, "Global", any_of(words.globals), kArgument);
    match(out, "Flag", any_of(words.flags));
    match(out, "Option", any_of(words.options), kArgument);
    match(out, "Vdev", any_of({"vdev"}), "nextgroup=qvmconfType,qvmconfValue skipwhite skipempty");
    match(out, "Set", any_of({"set"}), "nextgroup=qvmconfVariable,qvmconfValue skipwhite skipempty");
    match(out, "Log", any_of(words.log_options), "nextgroup=qvmconfSeverities,qvmconfValue skipwhite skipempty");
    out += "\n\" What must follow them; the file name of a type is a type, too\n";
    match(out, "Type",
          fmt::format(R"(\%([^ \t\r"#]*\/\)\=\%(vdev-\)\=\%({}\)\%(-safety\)\=\%(\.so\)\=\%($\|[ \t\r"#]\)\@=)",
                      alternatives(words.types, R"(\|)")),
          "contained");
    match(out, "Variable", any_of(words.variables), fmt::format("contained {}", kArgument));
    const std::string severity = alternatives(words.severities, R"(\|)");
    match(out, "Severity", fmt::format(R"(\%({}\)\%($\|[, \t\r"#]\)\@=)", severity), "contained");
    match(out, "Severities", fmt::format(R"(\<\%({0}\)\%(,\%({0}\)\)*\>)", severity),
          "contained contains=qvmconfSeverity nextgroup=qvmconfDestination skipwhite skipempty");
    match(out, "Destination", any_of(words.destinations), "contained");
    out += kParts;
    return out;
}

}  // namespace qvm::tables
