#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Colours a sample with the TextMate grammar, by a small reading of how editors apply one: line by line, the leftmost
match wins, and the earlier rule if two begin there. Python's `re` stands in for Oniguruma."""
import json
import pathlib
import re
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "contrib/vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes/qvmconf.tmLanguage.json").read_text())


def expand(patterns):
    """Includes replaced by what they name."""
    for each in patterns:
        if "include" in each:
            yield from expand(GRAMMAR["repository"][each["include"].removeprefix("#")]["patterns"])
        else:
            yield each


def first_match(rules, line, at, end):
    found = [(match.start(), order, rule, match) for order, rule in enumerate(rules)
             if (match := re.compile(rule.get("match") or rule["begin"]).search(line, at, end)) and match.group()]
    return min(found, key=lambda each: each[:2])[2:] if found else (None, None)


class Colours:
    def __init__(self, text):
        self.lines = text.splitlines()
        self.scopes = [[[] for _ in line] for line in self.lines]
        self.open = None  # the begin/end rule that goes on over line ends
        for row in range(len(self.lines)):
            self.colour_line(row)

    def add(self, row, start, end, scope):
        for column in range(start, end):
            self.scopes[row][column].append(scope)

    def colour_line(self, row):
        at = 0
        while self.open or at < len(self.lines[row]):
            if self.open:
                at = self.inside(row, at)
                if at is None:
                    return
                continue
            rule, match = first_match(list(expand(GRAMMAR["patterns"])), self.lines[row], at, len(self.lines[row]))
            if rule is None:
                return
            at = match.end()
            if "begin" in rule:
                self.add(row, *match.span(), rule["name"])
                self.open = rule
            else:
                self.apply(row, rule, match)

    def inside(self, row, at):
        """Where the open rule ends; None if not on this line."""
        line = self.lines[row]
        while True:
            closing = {"match": self.open["end"], "name": self.open["name"], "closing": True}
            rule, match = first_match([closing, *expand(self.open["patterns"])], line, at, len(line))
            stop = len(line) if rule is None else match.end()
            self.add(row, at, stop, self.open["name"])
            if rule is None:
                return None
            at = stop
            if "closing" in rule:
                self.open = None
                return at
            self.apply(row, rule, match)

    def apply(self, row, rule, match):
        if "name" in rule:
            self.add(row, *match.span(), rule["name"])
        for group, capture in rule.get("captures", {}).items():
            start, end = match.span(int(group))
            if start < 0:
                continue
            if "name" in capture:
                self.add(row, start, end, capture["name"])
            self.colour_part(row, capture.get("patterns", []), start, end)

    def colour_part(self, row, patterns, at, end):
        rules = list(expand(patterns))
        while at < end:
            rule, match = first_match(rules, self.lines[row], at, end)
            if rule is None:
                return
            self.apply(row, rule, match)
            at = match.end()

    def of(self, word, nth=0):
        """The scopes that every letter of the nth `word` has."""
        places = [(row, match.start()) for row, line in enumerate(self.lines)
                  for match in re.finditer(re.escape(word), line)]
        row, column = places[nth]
        return set.intersection(*(set(each) for each in self.scopes[row][column:column + len(word)]))


def all_patterns(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("match", "begin", "end"):
                yield value
            else:
                yield from all_patterns(value)
    elif isinstance(node, list):
        for each in node:
            yield from all_patterns(each)


class Grammar(unittest.TestCase):
    def expect(self, text, **words):
        self.expect_all(text, [(word, scope) for word, scope in words.items()])

    def expect_all(self, text, pairs):
        colours = Colours(text)
        for word, scope in pairs:
            with self.subTest(text=text, word=word):
                found = colours.of(word)
                if scope is None:
                    self.assertEqual(found, set())
                else:
                    self.assertTrue(any(each.startswith(scope) and each.endswith(".qvmconf") for each in found), found)

    def test_the_extension_is_whole(self):
        package = json.loads((FOLDER / "package.json").read_text())["contributes"]
        language, grammar = package["languages"][0], package["grammars"][0]
        json.loads((FOLDER / language["configuration"]).read_text())
        self.assertTrue((FOLDER / grammar["path"]).is_file())
        self.assertEqual(grammar["scopeName"], GRAMMAR["scopeName"])
        self.assertEqual(grammar["language"], language["id"])

    def test_patterns_compile_and_match_something(self):
        for pattern in all_patterns(GRAMMAR):
            self.assertIsNone(re.compile(pattern).fullmatch(""), pattern)

    def test_options(self):
        self.expect("system demo cpu sched 50f", system="keyword.other.option", cpu="keyword.control.context",
                    sched="keyword.other.property", demo=None)
        self.expect("vdev hpet legacy-free pass dryrun initrd load x",
                    **{"legacy-free": "keyword.other.property", "pass": "keyword.control.context",
                       "dryrun": "keyword.other.option", "initrd": "storage.modifier", "load": "keyword.other.option"})

    def test_an_argument_is_no_option(self):
        self.expect_all("load /images/ram name ram", [("ram", None), ("name", "keyword")])
        self.assertEqual(Colours("name ram").of("ram"), set())
        self.assertEqual(Colours("vdev set").of("set"), set())

    def test_vdevs(self):
        for spelling in "pl011", "vdev-pl011", "vdev-pl011.so", "/lib/vdev-pl011-safety.so", "8259":
            self.expect_all(f"vdev {spelling} loc 1",
                            [("vdev", "keyword.control.context"), (spelling, "entity.name.type")])
        self.expect("vdev virtio-console", **{"virtio-console": "entity.name.type"})
        self.expect("vdev unheard-of", **{"unheard-of": None})

    def test_variables_and_logs(self):
        self.expect_all("set exit-on-halt off", [("set", "keyword"), ("exit-on-halt", "variable.other.set")])
        self.expect_all("set counter-offset 0x10", [("0x10", "constant.numeric")])
        self.expect_all("logger fatal,warning,error slog",
                        [("fatal,warning,error", "constant.language.severity"), ("slog", "constant.language.dest")])

    def test_numbers(self):
        for number in "4096", "0x1000", "0d10", "512M", "1t", "0x10K":
            self.expect_all(f"ram {number}", [(number, "constant.numeric")])
        self.expect_all("ram 1m,1023m", [("1m", "constant.numeric"), ("1023m", "constant.numeric"), (",", None)])
        self.expect_all("cpu sched 50f", [("50f", "constant.numeric")])
        self.expect_all("load image5", [("image5", None)])

    def test_places(self):
        self.expect_all("vdev ser8250 loc io:0x3f8 intr myioapic:4",
                        [("io:", "support.type.space"), ("0x3f8", "constant.numeric"),
                         ("myioapic", "entity.name.tag.controller")])
        self.expect_all("intr gic:42,t=150", [("gic", "entity.name.tag"), ("42", "constant.numeric.line"),
                                               ("150", "constant.numeric")])

    def test_text(self):
        text = 'cmdline "a # b\n   ram \\"x\\"  $env{A} c" ram 1M'
        self.expect_all(text, [("a # b", "string.quoted"), ("   ram ", "string.quoted"),
                               ('\\"', "constant.character.escape"), ("$env{A}", "variable.other.substitution"),
                               (' c"', "string.quoted"), ("1M", "constant.numeric")])
        colours = Colours(text)
        self.assertIn("keyword.other.option.qvmconf", colours.of("ram", 1))
        self.assertNotIn("string.quoted.double.qvmconf", colours.of("ram", 1))

    def test_quotes_in_mid_word(self):
        self.expect_all('hostdev >"|tee x" cpu', [(">", "keyword.operator"), ('"|tee x"', "string.quoted"),
                                                  ("cpu", "keyword.control")])

    def test_comments(self):
        self.expect_all('ram 1M#cpu "', [("#cpu \"", "comment.line"), ("1M", "constant.numeric")])
        self.expect_all("# load\nload x", [("# load", "comment.line")])
        self.expect_all('cmdline "#"', [('"#"', "string.quoted")])

    def test_substitutions(self):
        self.expect_all("pass loc mem:$asinfo_start{a},$asinfo_length{a},rw",
                        [("$asinfo_start{a}", "variable.other.substitution"),
                         ("$asinfo_length{a}", "variable.other.substitution")])
        self.expect_all(r"load \$env{X}", [(r"\$env{", "constant.character.escape")])
        self.expect_all("cmdline $HOME", [("$HOME", None)])


if __name__ == "__main__":
    unittest.main()
