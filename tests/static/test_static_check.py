#!/usr/bin/python3
"""The static checks: each is seen to fail, to miss its tool, and to pass a clean tree."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci"))

import static_check  # pylint: disable=wrong-import-position # it lies in ci/

CLEAN = {
    "kernel/a.c": "int twice(int n)\n{\n    return 2 * n;\n}\n",
    "ci/a.sh": '#!/bin/bash\necho "$HOME"\n',
    "rig/rig": '#!/usr/bin/python3\n"""A script."""\n\nprint("hello")\n',
    "rig/a.py": '"""A module."""\n\n\ndef twice(n: int) -> int:\n    """Twice n."""\n'
    "    return 2 * n\n",
}
# What each check must find: the file as broken, and the words of the finding.
BROKEN = {
    "clang-format": ("kernel/a.c", "int twice(int n) { return 2*n; }\n", "kernel/a.c:1"),
    "clang-tidy": (
        "kernel/a.c",
        "int twice(int n)\n{\n    if (n == n) {\n        return 2 * n;\n    }\n    return 0;\n}\n",
        "kernel/a.c:3",
    ),
    "cppcheck": (
        "kernel/a.c",
        "int f(void);\nint f(void)\n{\n    int a[2] = {0, 1};\n    return a[2];\n}\n",
        "kernel/a.c:5",
    ),
    "shellcheck": ("ci/a.sh", "#!/bin/sh\nrm -r $1/*\n", "ci/a.sh:2"),
    "black": ("rig/rig", "#!/usr/bin/python3\nprint( 'hello' )\n", 'print("hello")'),
    "pylint": ("rig/rig", '#!/usr/bin/python3\n"""A script."""\nimport os\n', "rig/rig:3"),
    "mypy": ("rig/rig", '#!/usr/bin/python3\n"""A script."""\nn: int = "1"\n', "rig/rig:3"),
}


class StaticChecks(unittest.TestCase):
    """Each check, in a process of its own, on a tree made for the test."""

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="tyrne-static-"))
        self.addCleanup(shutil.rmtree, self.root)
        for name in (".clang-format", ".clang-tidy", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        for name, text in CLEAN.items():
            self.write(name, text)
        command = {"directory": str(self.root), "file": "kernel/a.c"}
        command["command"] = "gcc -std=c11 -fno-tree-switch-conversion -c kernel/a.c"
        self.write("build/compile_commands.json", json.dumps([command]))

    def write(self, name: str, text: str) -> None:
        """Put one file into the tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def arguments(self, check: str) -> list[str]:
        """The command line that checks the tree."""
        return [check, "--root", str(self.root), "--build", str(self.root / "build")]

    def run_check(self, check: str) -> tuple[int, str]:
        """Exit code and output."""
        command = [sys.executable, "-B", str(ROOT / "ci/static_check.py"), *self.arguments(check)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def run_here(self, check: str) -> tuple[int, str]:
        """The same in this process, so that the machine can be pretended to be another."""
        said = io.StringIO()
        argv = ["static_check.py", *self.arguments(check)]
        with mock.patch("sys.argv", argv), contextlib.redirect_stdout(said):
            code = static_check.main()
        return code, said.getvalue()

    def test_clean_tree_passes(self) -> None:
        """A check that finds something in nothing is as bad as one that finds nothing."""
        for check in BROKEN:
            with self.subTest(check):
                code, output = self.run_check(check)
                self.assertIn(code, (0, 77) if check in static_check.FORMATTER_MAJOR else (0,))
                self.assertEqual(code == 77, "skipped" in output, output)

    def test_findings_name_the_line(self) -> None:
        """Each check finds what was broken for it."""
        for check, (name, text, words) in BROKEN.items():
            with self.subTest(check):
                self.write(name, text)
                code, output = self.run_check(check)
                self.write(name, CLEAN[name])
                if code == 77 and check in static_check.FORMATTER_MAJOR:
                    continue
                self.assertEqual(code, 1, output)
                self.assertIn(words, output)

    def test_missing_tool_is_no_pass(self) -> None:
        """The package that brings the tool is named."""
        for check in BROKEN:
            with self.subTest(check), mock.patch("shutil.which", return_value=None):
                code, output = self.run_here(check)
                self.assertEqual(code, 3)
                self.assertIn(f"install the Debian package {check} ", output)

    def test_other_formatter_version_is_skipped(self) -> None:
        """Only the formatters' own version may judge the layout."""
        for check in static_check.FORMATTER_MAJOR:
            with self.subTest(check), mock.patch.dict(static_check.FORMATTER_MAJOR, {check: 1}):
                code, output = self.run_here(check)
                self.assertEqual(code, 77)
                self.assertIn(f"skipped: {check} 1 ", output)

    def test_nothing_to_check_is_no_pass(self) -> None:
        """An empty tree is not a clean one."""
        for name in [*CLEAN, "build/compile_commands.json"]:
            (self.root / name).unlink()
        for check in BROKEN:
            with self.subTest(check):
                code, output = self.run_check(check)
                self.assertEqual(code, 3, output)
                self.assertIn("there is no ", output)

    def test_guest_commands_come_first(self) -> None:
        """A file of the guest is read as the guest's compiler reads it, not as the host's."""
        text = "int f(int n);\nint f(int n)\n{\n#ifdef GUEST\n    return n == n;\n#else\n"
        self.write("kernel/a.c", text + "    return n;\n#endif\n}\n")
        self.assertEqual(self.run_check("clang-tidy")[0], 0)
        command = {"directory": str(self.root), "file": "kernel/a.c"}
        command["command"] = "aarch64-linux-gnu-gcc -DGUEST -c kernel/a.c"
        self.write("build/guest-gcc/compile_commands.json", json.dumps([command]))
        code, output = self.run_check("clang-tidy")
        self.assertEqual(code, 1, output)
        self.assertIn("kernel/a.c:5", output)

    def test_header_findings_count(self) -> None:
        """A mistake in a header of the house is found through the file that includes it."""
        self.write("kernel/a.h", "static inline int f(int n)\n{\n    return n == n;\n}\n")
        self.write("kernel/a.c", '#include "a.h"\nint g(void);\nint g(void)\n{return f(1);}\n')
        code, output = self.run_check("clang-tidy")
        self.assertEqual(code, 1, output)
        self.assertIn("kernel/a.h:3", output)


if __name__ == "__main__":
    unittest.main()
