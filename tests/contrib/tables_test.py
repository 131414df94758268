#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tables_test.py QVM_TABLES. What `qvm_tables manual` does with a file, well made or not."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TABLES = None


def manual(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "manual.md"
        path.write_text(text)
        return subprocess.run([TABLES, "manual", path], capture_output=True, text=True, timeout=60)


class Manual(unittest.TestCase):
    def refused(self, text, *words):
        done = manual(text)
        self.assertEqual(done.returncode, 1)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_without_tables_a_file_stays(self):
        text = "a\n| b |\n<!-- another comment -->\nno last line end"
        self.assertEqual(manual(text).stdout, text)

    def test_a_table_is_made_anew_and_stays_then(self):
        done = manual("before\n<!-- table: reserve -->\nstale\n<!-- end -->\nafter\n")
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("stale", done.stdout)
        self.assertIn("| `loc` |", done.stdout)
        self.assertTrue(done.stdout.startswith("before\n") and done.stdout.endswith("<!-- end -->\nafter\n"))
        self.assertEqual(manual(done.stdout).stdout, done.stdout)

    def test_every_row_has_the_cells_of_its_head(self):
        names = ["global", "cpu", "reserve", "pass", "common", "variables", "vdevs", "vdev gic", "vdev ser8250"]
        for name in names:
            lines = manual(f"<!-- table: {name} -->\n<!-- end -->\n").stdout.splitlines()[1:-1]
            cells = {line.replace("\\|", "").count("|") for line in lines}
            self.assertEqual(len(cells), 1, name)
            self.assertGreater(len(lines), 2, name)

    def test_what_exists_is_told_from_what_can_be_read(self):
        out = manual("<!-- table: vdevs -->\n<!-- end -->\n").stdout
        self.assertIn("| `ser8250` | both | yes |", out)
        self.assertIn("| `virtio-gpu` | both | read only |", out)

    def test_errors_name_the_line(self):
        self.refused("a\n<!-- table: nothing -->\n<!-- end -->\n", "line 2", "no table 'nothing'")
        self.refused("<!-- table: vdev nothing -->\n<!-- end -->\n", "no table 'vdev nothing'")
        self.refused("a\n\n<!-- table: cpu -->\n", "line 3", "<!-- end -->")
        self.refused("<!-- table: cpu -->\n<!-- table: pass -->\n<!-- end -->\n", "line 1", "<!-- end -->")
        self.refused("<!-- table: cpu\n -->\n<!-- end -->\n", "line 1", "not closed")

    def test_usage(self):
        for words in [], ["vim", "x"], ["manual"], ["what"]:
            self.assertEqual(subprocess.run([TABLES, *words], capture_output=True, timeout=60).returncode, 64)
        self.assertEqual(subprocess.run([TABLES, "manual", "/nowhere"], capture_output=True, timeout=60).returncode, 1)


if __name__ == "__main__":
    TABLES = sys.argv.pop(1)
    unittest.main()
