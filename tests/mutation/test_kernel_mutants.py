#!/usr/bin/python3
"""The whole tool on a kernel of one file with a test of its own: each verdict, each exit code."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import kernel_mutants

LISTS = """cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES C)
enable_testing()
add_executable(test-small test_small.c kernel/small.c)
target_compile_options(test-small PRIVATE -g -fsanitize=address,undefined -fno-sanitize-recover=all)
target_link_options(test-small PRIVATE -fsanitize=address,undefined)
target_include_directories(test-small PRIVATE kernel/include)
target_link_libraries(test-small PRIVATE cmocka)
add_test(NAME unit/small COMMAND test-small)
set_tests_properties(unit/small PROPERTIES LABELS unit)
"""
PANIC = "#define KASSERT(condition) ((condition) ? (void)0 : __builtin_trap())\n"
# `largest` is tested at its bound but for equal numbers; `sum` hangs when its step is left out, and
# reads beyond the end when its bound is off; the constant of `unused` changes no code.
SMALL = """
int largest(int a, int b);
int sum(const int *of, unsigned count);
int largest(int a, int b)
{
    return a < b ? b : a;
}
int sum(const int *of, unsigned count)
{
    int all = 0;
    for (unsigned i = 0; i < count;) {
        all += of[i];
        i++;
    }
    return all;
}
static inline int unused(void)
{
    return 0;
}
"""
TEST = """#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
int largest(int a, int b);
int sum(const int *of, unsigned count);
static void test_small(void **state)
{
    int *two = malloc(2 * sizeof(int));
    (void)state;
    two[0] = 3;
    two[1] = 4;
    assert_int_equal(largest(1, 2), 2);
    assert_int_equal(largest(2, 1), WANTED);
    assert_int_equal(sum(two, 2), 7);
    assert_int_equal(sum(two, 0), 0);
    free(two);
}
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""
EQUAL = "kernel/small.c:largest:bound:1"


class Tool(unittest.TestCase):
    """The command, in a tree of its own."""

    root: Path

    @classmethod
    def setUpClass(cls) -> None:
        room = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(room.cleanup)
        cls.root = Path(room.name)
        (cls.root / "kernel" / "include" / "tyrne").mkdir(parents=True)
        (cls.root / "arch" / "aarch64").mkdir(parents=True)
        (cls.root / "kernel" / "include" / "tyrne" / "panic.h").write_text(PANIC)
        (cls.root / "CMakeLists.txt").write_text(LISTS)
        cls.write("2", SMALL)
        command = ["cmake", "-G", "Ninja", "-S", str(cls.root), "-B", str(cls.root / "build")]
        subprocess.run(command, check=True, capture_output=True)

    @classmethod
    def write(cls, wanted: str, small: str) -> None:
        """The test, with what it wants of `largest`, and the kernel's only file."""
        (cls.root / "test_small.c").write_text(TEST.replace("WANTED", wanted))
        (cls.root / "kernel" / "small.c").write_text(small)

    def setUp(self) -> None:
        self.review = self.root / "list.yaml"
        self.review.write_text("[]")
        self.addCleanup(shutil.rmtree, self.root / "results", ignore_errors=True)

    def run_tool(self, *options: str) -> tuple[int, str]:
        """The exit code, and everything that is said."""
        said = io.StringIO()
        arguments = ["--root", str(self.root), "--build", str(self.root / "build"), "--jobs", "1"]
        arguments += ["--dir", str(self.root / "results")]
        arguments += ["--review", str(self.review), "--json", str(self.root / "out.json")]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = kernel_mutants.main([*arguments, *options])
        return code, said.getvalue()

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """By mutant: the verdict, and by what."""
        mutants = json.loads((self.root / "out.json").read_text())["mutants"]
        return {m["name"].removeprefix("kernel/small.c:"): (m["verdict"], m["by"]) for m in mutants}

    def test_verdicts(self) -> None:
        """Each mutant gets what it deserves, and the survivor is told with its place."""
        code, said = self.run_tool()
        self.assertEqual(code, kernel_mutants.BROKEN, said)
        self.assertIn(f"kernel/small.c:6: survived: bound: < -> <= [{EQUAL}]", said)
        found = self.verdicts()
        self.assertEqual(found["largest:arm:1"], ("killed", "unit/small: exit 1 in test_small"))
        self.assertEqual(found["sum:assignment-dropped:2"][0], "killed")
        self.assertIn("AddressSanitizer", found["sum:bound:1"][1])
        self.assertEqual(found["unused:constant:1"][0], "same-code")
        self.assertEqual([n for n, v in found.items() if v[0] == "survived"], ["largest:bound:1"])
        left = [p.name for p in (self.root / "results").iterdir()]
        self.assertEqual(left, ["results.jsonl"])

    def test_all_in_one_build(self) -> None:
        """The verdicts are the same when all mutants are built at once."""
        self.run_tool("--names", "largest|unused")
        alone = {name: verdict for name, (verdict, _) in self.verdicts().items()}
        with mock.patch("campaign._MANY", 1):
            _, said = self.run_tool("--names", "largest|unused", "--fresh")
        self.assertIn(f"building {len(alone)} mutants", said)
        found = {name: verdict for name, (verdict, _) in self.verdicts().items()}
        self.assertEqual(found, alone)

    def test_hang(self) -> None:
        """A loop without its step is ended, and killed."""
        _, said = self.run_tool("--names", "sum:assignment-dropped")
        self.assertIn("killed: kernel/small.c:sum:assignment-dropped:2", said)
        by = self.verdicts()["sum:assignment-dropped:2"][1]
        self.assertRegex(by, "hangs|AddressSanitizer|runtime error")

    def test_reviewed(self) -> None:
        """A survivor with a reason is no survivor; a killed mutant with a reason is told."""
        entry = '- reason: equal numbers are the same number\n  mutants: {NAME: "CHANGE"}\n'
        self.review.write_text(entry.replace("NAME", EQUAL).replace("CHANGE", "< -> <="))
        code, said = self.run_tool("--files", "*small.c", "--names", "largest")
        self.assertEqual(code, kernel_mutants.HELD, said)
        self.assertIn("0 survived", said)
        self.assertIn("1 proven equivalent", said)
        killed = entry.replace("NAME", "kernel/small.c:sum:bound:1").replace("CHANGE", "< -> <=")
        self.review.write_text(killed)
        code, said = self.run_tool("--names", "sum:bound")
        self.assertEqual(code, kernel_mutants.BROKEN)
        self.assertIn("listed as equivalent, but killed by unit/small", said)

    def test_goes_on(self) -> None:
        """What has an outcome is not judged again, unless a source or a test has changed."""
        self.run_tool("--names", "largest:arm")
        _, said = self.run_tool("--names", "largest:arm|largest:bound")
        self.assertIn("1/1 survived", said)
        self.addCleanup(self.write, "2", SMALL)
        self.write("2", SMALL + "\n")
        _, said = self.run_tool("--names", "largest:arm|largest:bound")
        self.assertIn("3/3", said)

    def test_ended(self) -> None:
        """Ended half way, it leaves no process and no room, and the next run goes on."""
        tool = [sys.executable, "-B", kernel_mutants.__file__, "--root", str(self.root)]
        tool += ["--build", str(self.root / "build"), "--dir", str(self.root / "results")]
        tool += ["--review", str(self.review), "--jobs", "2"]
        with subprocess.Popen(tool, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            said = process.stderr.read()
        self.assertEqual(process.returncode, kernel_mutants.CANNOT_JUDGE)
        self.assertIn("ended; the same command goes on from here", said)
        self.assertEqual([p.name for p in (self.root / "results").iterdir()], ["results.jsonl"])
        count = len((self.root / "results" / "results.jsonl").read_text().splitlines()) - 1
        _, said = self.run_tool()
        self.assertIn(f"1/{len(self.verdicts()) - count} ", said)

    def test_cannot_judge(self) -> None:
        """Tests that fail by themselves kill nothing; no mutant at all proves nothing."""
        self.assertEqual(self.run_tool("--names", "nothing-fits")[0], kernel_mutants.CANNOT_JUDGE)
        self.addCleanup(self.write, "2", SMALL)
        self.write("99", SMALL)
        code, said = self.run_tool("--names", "largest")
        self.assertEqual(code, kernel_mutants.CANNOT_JUDGE)
        self.assertIn("unit/small fails", said)

    def test_wrong_list(self) -> None:
        """A list that fits nothing is wrong usage."""
        self.review.write_text('- reason: one two three four\n  mutants: {gone: "x -> y"}\n')
        code, said = self.run_tool()
        self.assertEqual(code, kernel_mutants.USAGE)
        self.assertIn("there is no mutant gone", said)


if __name__ == "__main__":
    unittest.main()
