#!/usr/bin/python3
"""The coverage gate is seen to hold and to fail, on a small program built with counters."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SIGN = """int sign(int n);
int sign(int n)
{
    if (n < 0 && n > -10) {
        return -1;
    }
    return 0;
}
"""
# Calls sign() with each argument that is given.
MAIN = """#include <stdlib.h>
int sign(int n);
int main(int argc, char **argv)
{
    int sum = 0;
    for (int i = 1; i < argc; i++) {
        sum += sign(atoi(argv[i]));
    }
    return sum > 100;
}
"""


class CoverageGate(unittest.TestCase):
    """ci/coverage_gate.py as a command."""

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="tyrne-coverage-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.sources = self.root / "kernel"
        self.build = self.root / "build"
        self.sources.mkdir()
        self.build.mkdir()
        (self.sources / "sign.c").write_text(SIGN, encoding="utf-8")
        (self.root / "main.c").write_text(MAIN, encoding="utf-8")

    def measure(self, *arguments: str) -> None:
        """Build the program with counters and run it."""
        command = ["gcc", "--coverage", "-O0", "../kernel/sign.c", "../main.c", "-o", "program"]
        subprocess.run(command, cwd=self.build, check=True)
        subprocess.run(["./program", *arguments], cwd=self.build, check=True)

    def judge(self, lines: int = 95, branches: int = 90) -> tuple[int, str]:
        """The gate's exit code and everything it printed."""
        done = subprocess.run(
            [
                *(sys.executable, "-B", str(ROOT / "ci/coverage_gate.py")),
                *("--build", str(self.build), "--sources", str(self.sources)),
                *("--lines", str(lines), "--branches", str(branches)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def test_holds_when_everything_ran(self) -> None:
        """All lines and branches, and nothing outside of the sources is counted."""
        self.measure("-1", "0", "-20")
        code, said = self.judge(100, 100)
        self.assertEqual(code, 0, said)
        self.assertIn("total: 4 of 4 lines (100.0 %), 4 of 4 branches (100.0 %)", said)
        self.assertNotIn("main.c", said)

    def test_names_the_line_that_did_not_run(self) -> None:
        """A line that was missed fails the gate and is named."""
        self.measure("0", "1")
        code, said = self.judge()
        self.assertEqual(code, 1, said)
        self.assertIn("sign.c (5; 4)", said)
        self.assertIn("line coverage is 75.0 %, the threshold is 95 %", said)
        self.assertIn("branch coverage is 25.0 %, the threshold is 90 %", said)

    def test_branches_have_a_threshold_of_their_own(self) -> None:
        """All lines but not all branches."""
        self.measure("-1", "0")
        code, said = self.judge(100, 90)
        self.assertEqual(code, 1, said)
        self.assertNotIn("line coverage is", said)
        self.assertIn("branch coverage is 75.0 %", said)

    def test_a_source_that_no_test_compiles_is_a_finding(self) -> None:
        """Code without a test must not vanish from the figures."""
        self.measure("-1", "0", "-20")
        (self.sources / "forgotten.c").write_text("int forgotten;\n", encoding="utf-8")
        code, said = self.judge()
        self.assertEqual(code, 1, said)
        self.assertIn("forgotten.c: no host test compiles it", said)

    def test_an_exclusion_needs_a_reason(self) -> None:
        """With a reason it is listed, without one it is a finding."""
        text = SIGN.replace("return -1;", "return -1; /* LCOV_EXCL_LINE@ */")
        (self.sources / "sign.c").write_text(
            text.replace("@", ": never below zero"), encoding="utf-8"
        )
        self.measure("0", "1")
        self.assertIn("left out: sign.c:5: LCOV_EXCL_LINE: never below zero", self.judge(95, 20)[1])
        (self.sources / "sign.c").write_text(text.replace("@", ""), encoding="utf-8")
        self.measure("0", "1")
        code, said = self.judge(95, 20)
        self.assertEqual(code, 1, said)
        self.assertIn("sign.c:5: exclusion without a reason", said)

    def test_without_counters_there_is_nothing_to_judge(self) -> None:
        """Never a pass for what did not run."""
        code, said = self.judge()
        self.assertEqual(code, 3, said)
        self.assertIn("run the tests", said)


if __name__ == "__main__":
    unittest.main()
