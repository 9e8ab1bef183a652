#!/usr/bin/python3
"""Changes of registers and exceptions: told by the engine, kept in words."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Any, TypeVar

from support import TABLE

sys.modules.setdefault("gdb", types.ModuleType("gdb"))  # the engine runs inside gdb otherwise
# pylint: disable=wrong-import-position # the stand-in above comes first
from changes import ROOM, Changes  # noqa: E402
from decode import Decoder, Insn  # noqa: E402
from engine.boot_log import BootLog  # noqa: E402
from engine.checks import Where  # noqa: E402
from engine.evaluate import NotKnown  # noqa: E402
from exceptions import Taken  # noqa: E402

MSR_TCR_X21, MSR_DAIFCLR, MSR_UNKNOWN_X1, NOP = 0xD5182055, 0xD50342FF, 0xD51BF221, 0xD503201F
PSTATE = 33

Item = TypeVar("Item")


class FakeRecorder:
    """Keeps events."""

    executed = 12

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, kind: str, **fields: Any) -> None:
        """See Recorder."""
        self.events.append({"event": kind, **fields})

    def where(self, pc: int, instruction: str = "") -> Where:
        """See Recorder."""
        return Where(pc, "here", "f.S", 3, instruction)


class FakeState:
    """Registers as given; the stub knows ESR_EL1 and FAR_EL1."""

    def __init__(self) -> None:
        self.regs = tuple([0] * 33 + [0x3C5])
        self.values = {"TCR_EL1": 0x800000, "ESR_EL1": 0x96000045, "FAR_EL1": 0x5008}

    def register(self, name: str) -> int:
        """See LiveState."""
        if name not in self.values:
            raise NotKnown(name)
        return self.values[name]

    def stub(self, name: str) -> int | None:
        """See LiveState."""
        return self.values.get(name)


class Case(unittest.TestCase):
    """A guest that executes one instruction at a time."""

    def setUp(self) -> None:
        self.state, self.recorder = FakeState(), FakeRecorder()
        state: Any = self.state
        recorder: Any = self.recorder
        self.changes = Changes(TABLE, state, recorder)

    def decode(self, opcode: int) -> Insn:
        """The instruction at 0x1000."""
        return Decoder(TABLE).decode(0x1000, opcode.to_bytes(4, "little"))

    def execute(self, opcode: int, pstate: int = 0x3C5, **values: int) -> None:
        """Execute one instruction that leaves this state."""
        insn, before = self.decode(opcode), self.state.regs
        self.changes.about_to(insn)
        self.state.values |= values
        self.state.regs = (*before[:PSTATE], pstate)
        self.changes.executed(insn, before)

    def only(self, items: list[Item]) -> Item:
        """The one item that there is."""
        self.assertEqual(len(items), 1)
        return items[0]

    def taken(self) -> BootLog:
        """What the driver keeps of the events."""
        log = BootLog()
        for event in self.recorder.events:
            log.take(event, TABLE)
        return log


class Registers(Case):
    """Writes of system registers."""

    def test_a_change_by_its_fields(self) -> None:
        """Only the fields that differ, with their names and values."""
        self.execute(MSR_TCR_X21, TCR_EL1=0x80)
        change = self.only(self.taken().changes)
        self.assertEqual((change.register, change.old, change.new), ("TCR_EL1", 0x800000, 0x80))
        self.assertEqual(
            [(item.name, item.old, item.new) for item in change.fields],
            [("EPD0", "0", "1"), ("EPD1", "1", "0")],
        )
        self.assertEqual((change.kind, change.count), ("control", 12))
        self.assertEqual(change.where.instruction, "msr tcr_el1, x21")

    def test_the_same_value_is_no_change(self) -> None:
        """And an instruction that writes nothing is none."""
        self.execute(MSR_TCR_X21)
        self.execute(NOP)
        self.assertEqual(self.recorder.events, [])

    def test_pstate(self) -> None:
        """By its fields; the condition flags are no story."""
        self.execute(MSR_DAIFCLR, pstate=0x305)
        self.execute(NOP, pstate=0x305 | 0x8000_0000)
        change = self.only(self.taken().changes)
        self.assertEqual(change.register, "PSTATE")
        self.assertEqual({item.name for item in change.fields}, {"I", "F"})

    def test_a_register_that_nothing_can_read(self) -> None:
        """Its new value is what was written; the old one is unknown."""
        self.state.regs = (0, 0xAB, *self.state.regs[2:])
        self.execute(MSR_UNKNOWN_X1)
        change = self.only(self.taken().changes)
        self.assertEqual((change.old, change.new, change.fields), (None, 0xAB, ()))

    def test_one_register_cannot_fill_the_story(self) -> None:
        """What has no room is counted by register; others have theirs still."""
        for number in range(ROOM + 5):
            self.execute(MSR_DAIFCLR, pstate=0x3C5 if number % 2 else 0x305)
        self.execute(MSR_TCR_X21, pstate=0x305, TCR_EL1=0x80)
        self.assertEqual(len(self.recorder.events), ROOM + 1)
        self.assertEqual(self.changes.cut, {"PSTATE": 5})
        self.assertEqual(self.recorder.events[-1]["register"], "TCR_EL1")


class ExceptionsTaken(Case):
    """Exception entries."""

    def test_an_abort_in_words(self) -> None:
        """Syndrome, fault address, and whether the pack announces it."""
        self.changes.taken(Taken("DATA_ABORT", 1, 1, 0x2200, 0x1008, False), announced=False)
        taken = self.only(self.taken().exceptions)
        self.assertEqual((taken.far, taken.where.pc, taken.announced), (0x5008, 0x1008, False))
        self.assertIn("translation", taken.decoded.lower())
        self.assertIn("WnR 1", taken.decoded)

    def test_an_interrupt_has_no_syndrome(self) -> None:
        """ESR_EL1 is stale then."""
        self.changes.taken(Taken("IRQ", 0, 1, 0x2480, 0x1008, False), announced=True)
        taken = self.only(self.taken().exceptions)
        self.assertEqual((taken.syndrome, taken.decoded, taken.far), (None, "", None))

    def test_room(self) -> None:
        """A storm of exceptions is counted, not kept."""
        for _ in range(ROOM + 3):
            self.changes.taken(Taken("IRQ", 1, 1, 0x2280, 0x1008, False), announced=True)
        self.assertEqual(len(self.recorder.events), ROOM)
        self.assertEqual(self.changes.cut, {"exceptions": 3})


if __name__ == "__main__":
    unittest.main()
