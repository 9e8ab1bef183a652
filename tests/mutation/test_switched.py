#!/usr/bin/python3
"""A file with all mutants in it behaves, for each number, as the file with that one mistake."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from c_mutants import Mutant, mutants_of
from switched import VARIABLE, switched_text

PANIC = "#define KASSERT(condition) ((condition) ? (void)0 : exit(9))\n"
# Everything that the operators know, nested; what it prints tells the mutants from each other.
TEXT = """#include <stdio.h>
#include <stdlib.h>
#include <tyrne/panic.h>
static int all;
static int add(int value) { all += value; return all; }
static int chosen(int of)
{
    switch (of) {
    case 1:
        add(10);
        break;
    default:
        add(1);
    }
    return of > 2 && of != 5 ? of << 2 | 1 : -of;
}
int main(void)
{
    unsigned count = 0;
    KASSERT(chosen(3) == 13 || add(5) != 0);
    for (int i = 0; i < 4; i++) {
        if (i == 2 && !(i & 1)) {
            continue;
        }
        count += (unsigned)(i * 3 +
                            1);
    }
    while (count % 7 != 0 && count < 1000) {
        count++;
    }
    printf("%d %d %d %u\\n", chosen(1), chosen(5), all, count);
    return 0;
}
"""


class Switched(unittest.TestCase):
    """One text."""

    def setUp(self) -> None:
        room = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(room.cleanup)
        self.room = Path(room.name)
        (self.room / "tyrne").mkdir()
        (self.room / "tyrne" / "panic.h").write_text(PANIC)
        (self.room / "x.c").write_text(TEXT)
        (self.room / "switch.c").write_text(
            f"#include <stdlib.h>\nunsigned kernel_mutant;\n__attribute__((constructor)) "
            f'static void choose(void) {{ kernel_mutant = (unsigned)atoi(getenv("{VARIABLE}")); }}'
        )

    def build(self, text: bytes, name: str) -> Path:
        """A program of a text."""
        source = self.room / f"{name}.c"
        source.write_bytes(b"extern unsigned kernel_mutant;\n" + text)
        output = self.room / name
        command = ["cc", "-w", f"-I{self.room}", "-o", str(output), str(source)]
        subprocess.run([*command, str(self.room / "switch.c")], check=True)
        return output

    def run_program(self, program: Path, number: int) -> tuple[int, bytes]:
        """How a program ends, and what it prints."""
        limited = ["prlimit", "--cpu=1:1", str(program)]
        environment = {**os.environ, VARIABLE: str(number)}
        done = subprocess.run(limited, env=environment, capture_output=True, check=False)
        return done.returncode, done.stdout

    def test_behaves_alike(self) -> None:
        """For each number; and as without a mistake for 0."""
        mutants = mutants_of(self.room / "x.c", "x.c", [f"-I{self.room}"])
        held = [(n, m) for n, m in enumerate(mutants, 1) if m.region is not None]
        everything = self.build(switched_text(TEXT.encode(), held), "everything")
        plain = self.run_program(self.build(TEXT.encode(), "plain"), 0)
        self.assertEqual(self.run_program(everything, 0), plain)
        self.assertGreater(len(held), 40)
        told_apart = 0
        for number, mutant in held:
            with self.subTest(mutant.name, change=mutant.change):
                alone = self.build(mutant.apply(TEXT.encode()), "alone")
                expected = self.run_program(alone, 0)
                self.assertEqual(self.run_program(everything, number), expected)
                told_apart += expected != plain
        self.assertGreater(told_apart, 40)

    def test_constants(self) -> None:
        """What must be a constant is not chosen at run time, and a file without mutants is as it
        was."""

        def regions(text: str) -> list[Mutant]:
            (self.room / "y.c").write_text(text)
            mutants = mutants_of(self.room / "y.c", "y.c", [f"-I{self.room}"])
            return [m for m in mutants if m.region is not None]

        self.assertEqual(regions("int a = 3 + 4; struct { int b; } c = {.b = 5};"), [])
        self.assertEqual(regions("void f(void) { static int a = 3; }"), [])
        self.assertEqual(regions("void f(int i) { switch (i) { case 3:; } }"), [])
        self.assertEqual(switched_text(TEXT.encode(), []), TEXT.encode())


if __name__ == "__main__":
    unittest.main()
