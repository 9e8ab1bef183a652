#!/usr/bin/python3
"""Lines of the console against what rule packs say of them."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import support  # noqa: F401 # pylint: disable=unused-import,wrong-import-position # the search path
from engine.console import line_shows  # pylint: disable=wrong-import-position


class Lines(unittest.TestCase):
    """A marker is a whole line."""

    def test_plain_text_is_the_whole_line(self) -> None:
        """Neither a part of a line nor a longer line will do."""
        self.assertTrue(line_shows("kernel: ready (1 / 8)", "kernel: ready (1 / 8)"))
        self.assertFalse(line_shows("kernel: ready (1 / 8) now", "kernel: ready (1 / 8)"))
        self.assertFalse(line_shows("kernel: ready", "kernel: ready (1 / 8)"))

    def test_a_star_stands_for_anything(self) -> None:
        """Also for nothing; everything else is meant as it stands."""
        text = "kernel: * frames (root = 0x*)"
        self.assertTrue(line_shows("kernel: 32540 frames (root = 0x400e4000)", text))
        self.assertTrue(line_shows("kernel:  frames (root = 0x)", text))
        self.assertFalse(line_shows("kernel: 32540 frames (root = 400e4000)", text))
        self.assertFalse(line_shows("kernel: 32540 frames (root = 0x400e4000) late", text))
        self.assertFalse(line_shows("kernelx 1 frames", "kernel? * frames"))

    def test_a_star_in_the_console_is_itself(self) -> None:
        """The line is not a pattern."""
        self.assertTrue(line_shows("a * b", "a * b"))
        self.assertFalse(line_shows("a *", "a b"))


if __name__ == "__main__":
    unittest.main()
