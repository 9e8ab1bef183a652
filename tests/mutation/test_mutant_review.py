#!/usr/bin/python3
"""The list of equivalent mutants: what fits no mutant any more is an error."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from c_mutants import Mutant
from c_operators import Edit
from review import BadReview, Review, read_review

NAME = "kernel/x.c:f:bound:1"
MUTANT = Mutant(NAME, "kernel/x.c", 1, "< -> <=", Edit(0, 1, "<="))


class TheList(unittest.TestCase):
    """One text each."""

    def read(self, text: str) -> Review:
        """Read a list in which only MUTANT can stand."""
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "list.yaml"
            path.write_text(text)
            return read_review(path, [MUTANT])

    def refused(self, text: str, why: str) -> None:
        """The text is no list."""
        with self.assertRaisesRegex(BadReview, why):
            self.read(text)

    def test_fits(self) -> None:
        """The reason is known by the mutant."""
        text = (
            f'- reason: the last frame\n    is never asked for\n  mutants:\n    {NAME}: "< -> <="'
        )
        self.assertEqual(self.read(text).reason(MUTANT), "the last frame is never asked for")
        self.assertIsNone(self.read("[]").reason(MUTANT))
        self.assertIsNone(self.read("").reason(MUTANT))

    def test_stale(self) -> None:
        """A mutant that is gone, or is another one now."""
        entry = "- reason: one two three four\n  mutants:\n    "
        self.refused(entry + 'kernel/x.c:f:bound:2: "< -> <="', "no mutant .*bound:2")
        self.refused(entry + f'{NAME}: "> -> >="', "is now '< -> <=', not '> -> >='")

    def test_form(self) -> None:
        """Something else than a list of reasons."""
        self.refused("a: 1", "not a list")
        self.refused("- reason: one two three four", "entry 1")
        self.refused(f'- reason: why\n  mutants: {{{NAME}: "< -> <="}}', "says nothing")
        self.refused("- reason: one two three four\n  mutants: []", "no mutants")
        twice = f'- reason: one two three four\n  mutants: {{{NAME}: "< -> <="}}\n'
        self.refused(twice * 2, "twice")


if __name__ == "__main__":
    unittest.main()
