#!/usr/bin/python3
"""The table of the ABI is made from its header, and an old one is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "kernel/include/tyrne/abi/syscall.h"


class AbiTable(unittest.TestCase):
    """ci/abi_table.py as a command."""

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="tyrne-abi-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.header = self.root / "syscall.h"
        self.page = self.root / "syscalls.md"
        shutil.copy(HEADER, self.header)

    def run_tool(self, *options: str) -> tuple[int, str]:
        """Exit code and everything printed."""
        command = [sys.executable, "-B", str(ROOT / "ci/abi_table.py"), *options]
        command += [str(self.header), str(self.page)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def edit(self, old: str, new: str) -> None:
        """Change the header in one place."""
        text = self.header.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, old)
        self.header.write_text(text.replace(old, new), encoding="utf-8")

    def test_what_it_makes_fits(self) -> None:
        """Every syscall is in the page."""
        self.assertEqual(self.run_tool(), (0, ""))
        self.assertEqual(self.run_tool("--check")[0], 0)
        page = self.page.read_text(encoding="utf-8")
        for name in ("SEND", "RECV", "TASK_YIELD", "TASK_EXIT", "CONSOLE_WRITE"):
            self.assertIn(f"`SYSCALL_{name}`", page)

    def test_a_changed_number_makes_the_page_old(self) -> None:
        """Also a page that is not there is old."""
        self.assertEqual(self.run_tool("--check")[0], 1)
        self.run_tool()
        self.edit("SYSCALL_TASK_EXIT     4", "SYSCALL_TASK_EXIT     9")
        code, said = self.run_tool("--check")
        self.assertEqual(code, 1, said)
        self.assertIn("run ci/abi_table.py", said)

    def test_a_constant_that_it_cannot_read_is_refused(self) -> None:
        """Nothing drops out of the table silently."""
        self.edit("#define SYSCALL_TASK_EXIT     4", "#define SYSCALL_TASK_EXIT \\\n    4")
        code, said = self.run_tool()
        self.assertEqual(code, 2, said)
        self.assertIn("does not stand on one line", said)


if __name__ == "__main__":
    unittest.main()
