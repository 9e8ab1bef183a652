#!/usr/bin/python3
"""What each operator makes of small C texts, and what it leaves alone."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from c_mutants import Mutant, mutants_of
from c_operators import OPERATORS
from c_tree import CannotParse

PANIC = """
void kernel_assert_failed(const char *);
#define KASSERT(condition) \\
    ((condition) ? (void)0 : kernel_assert_failed(#condition))
"""
HEAD = """#include <tyrne/panic.h>
typedef enum { STATUS_OK, STATUS_BAD } status_t;
#define MASK (SIZE - 1)
#define SIZE 4096
int held, other;
int call(int x);
struct pair { int a, b; };
"""


class Operators(unittest.TestCase):
    """One text, the changes made of it."""

    def mutants(self, text: str) -> list[Mutant]:
        """The mutants of a text below HEAD."""
        with tempfile.TemporaryDirectory() as name:
            room = Path(name)
            (room / "tyrne").mkdir()
            (room / "tyrne" / "panic.h").write_text(PANIC)
            (room / "x.c").write_text(HEAD + text)
            return mutants_of(room / "x.c", "kernel/x.c", [f"-I{room}"])

    def changes(self, text: str, operator: str) -> list[str]:
        """The changes that one operator makes."""
        self.assertIn(operator, OPERATORS)
        return [m.change for m in self.mutants(text) if m.name.split(":")[2] == operator]

    def check(self, text: str, operator: str, *expected: str) -> None:
        """The operator makes these changes and no other."""
        self.assertEqual(self.changes(text, operator), list(expected))

    def test_check(self) -> None:
        """A condition is never and always true, and is evaluated all the same."""
        text = "void f(void) { if (call(1) == 2) { held = 3; } while (held) { call(1); } }"
        self.check(text, "check-never", "call(1) == 2 -> never", "held -> never")
        self.check(text, "check-always", "call(1) == 2 -> always")
        never = next(m for m in self.mutants(text) if "check-never" in m.name)
        self.assertEqual(never.edit.text, "(call(1) == 2) && 0")

    def test_comparisons(self) -> None:
        """Bounds move by one, equality turns around."""
        text = "int f(int i) { return (i < SIZE) + (i <= 7) + (i > 8) + (i >= 9); }"
        self.check(text, "bound", "< -> <=", "<= -> <", "> -> >=", ">= -> >")
        text = "int f(int i) { return i == SIZE || i != 3; }"
        self.check(text, "equality", "== -> !=", "!= -> ==")
        whole = "i == SIZE || i != 3"
        self.check(text, "half-dropped", f"{whole} -> i == SIZE", f"{whole} -> i != 3")

    def test_bits_and_terms(self) -> None:
        """A mask is left out on either side; a term changes its sign or is left out."""
        text = "int f(int i, int j) { return i & MASK; }"
        self.check(text, "mask", "i & MASK -> i", "i & MASK -> MASK")
        self.check("int f(int i) { return i + held; }", "arithmetic", "i + held -> i", "+ -> -")
        self.check("int f(int i) { return i % SIZE; }", "arithmetic", "i % SIZE -> i")
        self.check("int f(int i) { return ~i; }", "not-dropped", "~ -> nothing")

    def test_steps_and_constants(self) -> None:
        """A step goes the other way; a constant is one larger, its suffix kept."""
        text = "void f(unsigned i) { i++; i += 0x1fU; i |= 2; }"
        self.check(text, "step", "++ -> --", "+= -> -=", "|= -> =")
        self.check(text, "constant", "0x1fU -> 0x20U", "2 -> 3")
        self.check("int a[4]; struct s { int b[2]; }; enum { X = 3 };", "constant")

    def test_statements(self) -> None:
        """Calls, assertions, assignments and jumps are left out."""
        text = "void f(void) { call(1); (void)call(2); KASSERT(held); held = call(3); held++; }"
        self.check(
            text,
            "call-dropped",
            "call(1) -> nothing",
            "(void)call(2) -> nothing",
            "KASSERT(held) -> nothing",
        )
        self.check(text, "assignment-dropped", "held = call(3) -> nothing", "held++ -> nothing")
        text = "void f(int i) { switch (i) { case 1: call(i); break; default: held = i; } }"
        self.check(text, "call-dropped", "call(i) -> nothing")
        self.check(text, "assignment-dropped", "held = i -> nothing")
        self.check(text, "jump-dropped", "break -> nothing")

    def test_answers(self) -> None:
        """An error becomes success, in a function that returns a status; an arm is taken always."""
        text = "status_t f(int i) { status_t s = call(i); if (i) { return STATUS_BAD; } return s; }"
        self.check(text, "error-hidden", "STATUS_BAD -> STATUS_OK", "s -> STATUS_OK")
        self.check("int f(int i) { return i; }", "error-hidden")
        self.check(
            "int f(int i) { return i ? 3 : held; }",
            "arm",
            "i ? 3 : held -> 3",
            "i ? 3 : held -> held",
        )

    def test_fields(self) -> None:
        """A named field is left out with its comma."""
        text = "struct pair p = {.a = 1, .b = 2};"
        self.check(text, "field-dropped", ".a = 1, -> nothing", ".b = 2 -> nothing")
        first = next(m for m in self.mutants(text) if "field-dropped" in m.name)
        self.assertIn(b"{ .b = 2}", first.apply((HEAD + text).encode()))

    def test_assertion(self) -> None:
        """What stands in a KASSERT is changed where it stands."""
        text = "void f(int i) { KASSERT(i < SIZE && call(i) == 0); }"
        self.check(text, "bound", "< -> <=")
        mutant = next(m for m in self.mutants(text) if "bound" in m.name)
        self.assertIn(b"KASSERT(i <= SIZE && call", mutant.apply((HEAD + text).encode()))

    def test_left_alone(self) -> None:
        """A macro's body, what is checked by the compiler, and other files' declarations."""
        self.assertEqual(self.mutants("int f(void) { return MASK; }"), [])
        self.assertEqual(self.mutants('_Static_assert(SIZE < 5000, "x");'), [])

    def test_lines(self) -> None:
        """A statement of two lines leaves two lines, so that nothing below moves."""
        text = "void f(void)\n{\n    call(1 +\n        held);\n    call(2);\n}\n"
        mutant = next(m for m in self.mutants(text) if "call-dropped" in m.name)
        whole = (HEAD + text).encode()
        self.assertEqual(mutant.apply(whole).count(b"\n"), whole.count(b"\n"))
        self.assertEqual(mutant.line, HEAD.count("\n") + 3)

    def test_names(self) -> None:
        """Counted in each function, whatever stands in front of it."""
        text = "int g(int i) { return i < 2; }"
        name = "kernel/x.c:g:bound:1"
        self.assertIn(name, [m.name for m in self.mutants(text)])
        self.assertIn(name, [m.name for m in self.mutants("int f(int i) { return i < 1; }" + text)])

    def test_not_c(self) -> None:
        """A text that does not compile has no mutants."""
        with self.assertRaisesRegex(CannotParse, "x.c"):
            self.mutants("int f(")


if __name__ == "__main__":
    unittest.main()
