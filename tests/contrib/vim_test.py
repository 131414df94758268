#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks Vim how it colours a sample. Vim is no dependency: without it the exit code is 77, which means skipped."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "contrib/vim"

# Each line and, for words in it, the group that they are to have or no name for none; the words are looked for from the left.
SAMPLE = [
    ("system demo", [("system", "Global"), ("demo", "Value")]),
    ("ram 1m,0x20M # ram", [("ram", "Global"), ("1m", "Number"), ("0x20M", "Number"), ("# ram", "Comment")]),
    ("load /images/ram", [("load", "Global"), ("ram", "Value")]),
    ("name ram name debug", [("name", "Option"), ("ram", "Value"), ("name", "Option"), ("debug", "Value")]),
    ("cpu sched 50f debug", [("cpu", "Context"), ("sched", "Option"), ("50f", "Priority"), ("debug", "Switch")]),
    ("initrd load x display a", [("initrd", "Blob"), ("load", "Global"), ("display", "Option"), ("a", "Value")]),
    ("vdev vdev-pl011.so loc", [("vdev", "Vdev"), ("vdev-pl011.so", "Type"), ("loc", "Option")]),
    ("    mem:0x1000,4K legacy", [("mem:", "Space"), ("0x1000", "Number"), ("4K", "Number"), ("legacy", "Flag")]),
    ("vdev set intr gic:42", [("vdev", "Vdev"), ("set", "Value"), ("intr", "Option"), ("gic:", "Line"), ("42", "Number")]),
    ("set exit-on-halt off", [("set", "Set"), ("exit-on-halt", "Variable"), ("off", "Choice")]),
    ("logger fatal,warning slog", [("logger", "Log"), ("fatal", "Severity"), ("warning", "Severity"),
                                   ("slog", "Destination")]),
    ("unsupported register fail", [("unsupported", "Global"), ("register", "Choice")]),
    ('hostdev >"|tee x"#cpu', [("hostdev", "Option"), (">", "Direction"), ('"|tee x"', "String"), ("#cpu", "Comment")]),
    ('cmdline "a # ram', [("cmdline", "Global"), ('"a # ram', "String")]),
    ('   cpu \\"x\\" $env{A}', [("cpu", "String"), ('\\"', "Escape"), ("x", "String"), ("$env{A}", "Substitution")]),
    ('" cpu', [('"', "String"), ("cpu", "Context")]),
    ("load $asinfo_start{a},x", [("load", "Global"), ("$asinfo_start{a}", "Substitution")]),
    (r"load \$env{A}", [("load", "Global"), (r"\$env{", "Plain")]),
    ("dryrun a-cpu/ram.x,cpu", [("dryrun", "Switch"), ("a-cpu/ram.x,cpu", "")]),
]

SCRIPT = r"""
if !has('syntax') || !exists('*synID')
  call writefile(['no syntax'], $OUT)
  qall!
endif
set runtimepath^=$FOLDER
filetype on
syntax on
edit $SAMPLE
let s:out = [&filetype]
for s:row in range(1, line('$'))
  call add(s:out, join(map(range(1, len(getline(s:row))), 'synIDattr(synID(s:row, v:val, 1), "name")'), ','))
endfor
call writefile(s:out, $OUT)
qall!
"""


def groups_of(folder):
    sample, script, out = folder / "sample.qvmconf", folder / "ask.vim", folder / "out"
    sample.write_text("\n".join(line for line, _ in SAMPLE) + "\n")
    script.write_text(SCRIPT)
    done = subprocess.run(["vim", "-u", "NONE", "-i", "NONE", "-N", "-n", "-es", "-S", script], timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={"FOLDER": str(FOLDER), "SAMPLE": str(sample), "OUT": str(out), "PATH": "/usr/bin:/bin",
                               "HOME": str(folder), "TERM": "dumb"})
    if not out.is_file():
        sys.exit(f"vim: {done.stdout}{done.stderr}")
    return out.read_text().splitlines()


def check(lines):
    if lines[0] != "qvmconf":
        yield f"the file type is '{lines[0]}'"
    for (line, words), groups in zip(SAMPLE, lines[1:]):
        groups, at = groups.split(","), 0
        for word, wanted in words:
            at = line.index(word, at)
            found = set(groups[at:at + len(word)])
            at += len(word)
            if found != {f"qvmconf{wanted}" if wanted else ""}:
                yield f"{line}: {word} is {found}, not qvmconf{wanted}"


def main():
    if not shutil.which("vim"):
        return 77
    with tempfile.TemporaryDirectory() as folder:
        lines = groups_of(pathlib.Path(folder))
    if lines == ["no syntax"]:
        return 77
    problems = list(check(lines))
    print("\n".join(problems) or "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
