#!/usr/bin/python3
"""ci/coverage_job.py: which host tests' measurement is used, and what is judged without one."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "ci"))
# pylint: disable=wrong-import-position # the path above comes first
import coverage_job


class HostInfo(unittest.TestCase):
    """A tree of one source and a build directory."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with # below
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.host = self.root / "build"
        for path in (self.root / "kernel", self.host):
            path.mkdir()
        self.source = self.root / "kernel" / "a.c"
        self.source.write_text("int a;\n", encoding="utf-8")

    def words(self) -> tuple[list[str], str]:
        """The call of the rig."""
        return coverage_job.command(Path("images"), self.host, Path("out"), self.root)

    def test_without_the_host_tests(self) -> None:
        """Only the guests' branches are judged, and it is said."""
        words, remark = self.words()
        self.assertNotIn("--host-info", words)
        self.assertIn("--no-audit", words)
        self.assertEqual(words[words.index("--fail-under") + 1], "branches=90")
        self.assertIn("no ", remark)

    def test_with_them(self) -> None:
        """Every threshold, and the list of reasons."""
        (self.host / "coverage.info").write_text("", encoding="utf-8")
        words, remark = self.words()
        self.assertEqual(words[words.index("--host-info") + 1], str(self.host / "coverage.info"))
        self.assertNotIn("--no-audit", words)
        self.assertIn("lines=95", words[words.index("--fail-under") + 1])
        self.assertEqual(remark, "")

    def test_older_than_a_source(self) -> None:
        """Line numbers of an older text would be credited to the wrong lines."""
        info = self.host / "coverage.info"
        info.write_text("", encoding="utf-8")
        os.utime(info, (1, 1))
        words, remark = self.words()
        self.assertNotIn("--host-info", words)
        self.assertIn("older than", remark)


if __name__ == "__main__":
    unittest.main()
