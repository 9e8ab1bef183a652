#!/usr/bin/python3
"""Questions about whole maps: what is mapped besides, and with which attributes."""

from __future__ import annotations

import sys
import types
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import support  # noqa: F401 # pylint: disable=unused-import # the search path

sys.modules.setdefault("gdb", types.ModuleType("gdb"))  # the engine runs inside gdb otherwise
# pylint: disable=wrong-import-position # the stand-in above comes first
import memory  # noqa: E402
from engine import table_walks  # noqa: E402
from engine.evaluate import NotKnown  # noqa: E402
from engine.walk import Attributes, Memory, Reason, Run, Status, WalkError  # noqa: E402

HIGH = 0xFFFF << 48
TOP = 1 << 64
WXN = 1 << 19
DATA = Attributes(
    el1="rw-", el0="---", pan_blocks_el1=False, attr_index=1, mair_attr=0xFF, memory=Memory.NORMAL,
    memory_text="", sh=3, shareability=3, shareability_text="", not_global=False, contiguous=False,
    access_flag=True, guarded=False, dbm=False, flat=False, data_cache_off=False,
)  # fmt: skip
TEXT = replace(DATA, el1="r-x")
DEVICE = replace(DATA, memory=Memory.DEVICE_NGNRNE, sh=0, shareability=2)


def leaf(start: int, end: int, pa: int, attributes: Attributes = DATA) -> Run:
    """A mapped run."""
    return Run(start, end, Status.OK, Reason.NONE, pa, (3, 3), (4096, 4096), attributes)


def gap(start: int, end: int, status: Status = Status.FAULT_TRANSLATION) -> Run:
    """An unmapped run."""
    return Run(start, end, status, Reason.INVALID, None, (0, 0), (0, 0), None)


class FakeWalker:
    """Answers with made-up runs, in the half that is asked for; counts the questions."""

    runs: list[Run] = []
    without_wxn: list[Run] = []  # what differs when WXN is off
    asked = 0

    def __init__(self, _library: str, values: dict[str, int], _read: object) -> None:
        self._wxn = bool(values["SCTLR_EL1"] & WXN)

    def range(self, start: int, end: int, _reads: int = 0) -> list[Run]:
        """The runs that touch [start, end)."""
        FakeWalker.asked += 1
        runs = self.runs if self._wxn else self.without_wxn or self.runs
        return [run for run in runs if run.start < end and start < run.end]

    def describe(self, address: int) -> str:
        """Words."""
        return f"walk of {address:#x}"


class FakeState:
    """WXN is on."""

    regs = (0,) * 40

    def register(self, _name: str) -> int:
        """The same for all."""
        return WXN

    def offers(self, _name: str) -> bool:
        """Everything."""
        return True


class WholeMaps(unittest.TestCase):
    """One low map with a gap, one high map."""

    LOW = [
        leaf(0x1000, 0x3000, 0x1000, TEXT),
        gap(0x3000, 0x4000),
        leaf(0x4000, 0x6000, 0x4000),
    ]

    def walks(self, runs: list[Run], without_wxn: list[Run] | None = None) -> memory.LiveWalks:
        """The questions' object on made-up runs."""
        FakeWalker.runs, FakeWalker.without_wxn, FakeWalker.asked = runs, without_wxn or [], 0
        patch = mock.patch.object(table_walks, "Walker", FakeWalker)
        patch.start()
        self.addCleanup(patch.stop)
        state: Any = FakeState()
        return memory.LiveWalks(state, "library", state)

    def test_only_mapped(self) -> None:
        """All of what is mapped must lie in the ranges; the rest is shown with its frame."""
        walks = self.walks(self.LOW)
        self.assertEqual(walks.only_mapped(0, 1 << 48, [(0x1000, 0x6000)]), "yes")
        self.assertEqual(walks.only_mapped(0, 1 << 48, [(0x4000, 0x6000), (0, 0x3000)]), "yes")
        word = walks.only_mapped(0, 1 << 48, [(0x1000, 0x2000), (0x4000, 0x5000)])
        self.assertEqual(word, "no")
        self.assertEqual(
            word.detail,
            (
                "mapped too: [0x2000, 0x3000) -> 0x2000 is rx",
                "mapped too: [0x5000, 0x6000) -> 0x5000 is rw",
            ),
        )
        self.assertEqual(walks.only_mapped(0, 1 << 48, []), "no")
        self.assertEqual(walks.only_mapped(0x3000, 0x4000, []), "yes")
        self.assertEqual(walks.only_mapped(0x2000, 0x4000, [(0x2000, 0x2800)]), "no")

    def test_a_half_is_walked_once_for_each_stop(self) -> None:
        """The second question about a half asks nothing."""
        walks = self.walks(self.LOW)
        walks.shareable(0, 1 << 48)
        walks.not_global(0, 1 << 48)
        self.assertEqual(FakeWalker.asked, 1)

    def test_writable_alias(self) -> None:
        """Both halves, both levels, and only frames of the range."""
        high = leaf(HIGH + 0x8000, HIGH + 0xA000, 0x2000)
        self.assertEqual(self.walks(self.LOW).writable_alias(0x1000, 0x3000), "none")
        self.assertEqual(self.walks(self.LOW).writable_alias(0x1000, 0x4001), "found")
        word = self.walks([*self.LOW, high]).writable_alias(0x1000, 0x3000)
        self.assertEqual(word, "found")
        self.assertEqual(
            word.detail, (f"writable: [{HIGH + 0x8000:#x}, {HIGH + 0x9000:#x}) -> 0x2000 is rw",)
        )
        self.assertEqual(self.walks([*self.LOW, high]).writable_alias(0x1000, 0x2000), "none")
        user = [leaf(0x1000, 0x2000, 0x1000, replace(DATA, el1="r--", el0="rw-"))]
        self.assertIn("for EL0 rw", self.walks(user).writable_alias(0x1000, 0x2000).detail[0])

    def test_shareable(self) -> None:
        """Of normal memory only; the smaller part of a mixture is shown first."""
        device = leaf(0x8000, 0x9000, 0x8000, DEVICE)
        self.assertEqual(self.walks([*self.LOW, device]).shareable(0, 1 << 48), "inner")
        self.assertEqual(self.walks([device]).shareable(0, 1 << 48), "none")
        stray = leaf(0x8000, 0x9000, 0x8000, replace(DATA, shareability=0))
        word = self.walks([*self.LOW, stray]).shareable(0, 1 << 48)
        self.assertEqual((word, word.detail[0]), ("mixed", "[0x8000, 0x9000) is non"))
        self.assertEqual(self.walks([stray]).shareable(0, 1 << 48), "non")

    def test_not_global(self) -> None:
        """yes, no, mixed, and none without a mapping."""
        stray = leaf(0x8000, 0x9000, 0x8000, replace(DATA, not_global=True))
        self.assertEqual(self.walks(self.LOW).not_global(0, 1 << 48), "no")
        self.assertEqual(self.walks([stray]).not_global(0, 1 << 48), "yes")
        self.assertEqual(self.walks([*self.LOW, stray]).not_global(0, 1 << 48), "mixed")
        self.assertEqual(self.walks(self.LOW).not_global(0x3000, 0x4000), "none")

    def test_never_executable(self) -> None:
        """WXN is no excuse, neither for EL1 nor for EL0."""
        one = leaf(0x4000, 0x6000, 0x4000)
        self.assertEqual(self.walks([one]).never_executable(0, 1 << 48), "yes")
        for bad in (replace(DATA, el1="rwx"), replace(DATA, el0="--x")):
            walks = self.walks([one], [replace(one, attributes=bad)])
            self.assertEqual(walks.never_executable(0, 1 << 48), "no")
            self.assertEqual(walks.rights(0x4000, 0x6000), "rw")
        self.assertEqual(self.walks(self.LOW).never_executable(0, 1 << 48), "mixed")

    def test_what_cannot_be_walked_is_not_known(self) -> None:
        """A table that cannot be read or a limit reached is no answer."""
        ask: list[Callable[[memory.LiveWalks], object]] = [
            lambda walks: walks.only_mapped(HIGH, TOP, []),
            lambda walks: walks.writable_alias(0, 0x1000),
            lambda walks: walks.shareable(HIGH, TOP),
        ]
        for question in ask:
            with self.assertRaises(NotKnown):
                question(self.walks([*self.LOW, gap(HIGH, TOP, Status.READ_FAILED)]))
            walks = self.walks(self.LOW)
            with mock.patch.object(FakeWalker, "range", side_effect=WalkError("too many")):
                with self.assertRaisesRegex(NotKnown, "too many"):
                    question(walks)


if __name__ == "__main__":
    unittest.main()
