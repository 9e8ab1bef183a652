#!/usr/bin/python3
"""Registers' fields, and the comparison of two snapshots."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Any

from support import TABLE

sys.modules.setdefault("gdb", types.ModuleType("gdb"))  # the engine runs inside gdb otherwise
# pylint: disable=wrong-import-position # the stand-in above comes first
from checkpoints import Checkpoint  # noqa: E402
from decode import Decoder  # noqa: E402
from engine.checks import Check, Where  # noqa: E402
from state import Write  # noqa: E402
from transitions import Transitions  # noqa: E402


class FakeRecorder:
    """Keeps checks."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def check(self, check: Check) -> None:
        """See Recorder."""
        self.checks.append(check)

    def where(self, pc: int, instruction: str = "") -> Where:
        """See Recorder."""
        return Where(pc, "somewhere", "f.S", 3, instruction)


class FakeState:
    """Snapshots given beforehand."""

    pc = 0x1000

    def __init__(self, *snapshots: dict[str, int]) -> None:
        self._snapshots = list(snapshots)
        self.writes: dict[str, list[Write]] = {}
        self._now: dict[str, int] = {}

    def snapshot(self, _names: list[str]) -> dict[str, int]:
        """The next one."""
        self._now = self._snapshots.pop(0)
        return self._now

    def offers(self, name: str) -> bool:
        """Is it in the snapshot?"""
        return name in self._now

    def register(self, name: str) -> int:
        """From the snapshot."""
        return self._now[name]


class TransitionTest(unittest.TestCase):
    """From checkpoint a to b."""

    def arrive(
        self, rule: dict[str, Any] | None, old: dict[str, int], new: dict[str, int],
        writes: dict[str, list[Write]] | None = None, volatile: tuple[str, ...] = (),
    ) -> Check:  # fmt: skip
        """Judge one transition."""
        rules = (
            [{"id": "t", "from": "a", "to": "b", "group": "g", "why": "w", **rule}] if rule else []
        )
        recorder, state = FakeRecorder(), FakeState(old, old, new)
        settings = {"volatile": list(volatile), "watch": []}
        transitions = Transitions(rules, settings, TABLE, recorder)  # type: ignore[arg-type]
        transitions.begin(state)  # type: ignore[arg-type]
        first = Checkpoint(0, {"id": "a"}, [])
        transitions.arrive(first, state)  # type: ignore[arg-type]
        state.writes = dict(writes or {})
        transitions.arrive(Checkpoint(1, {"id": "b"}, []), state)  # type: ignore[arg-type]
        return recorder.checks[1]

    EPD1 = {"changes": ["TCR_EL1.EPD1"]}
    OLD, NEW = {"TCR_EL1": 1 << 23 | 16}, {"TCR_EL1": 16}

    def test_the_named_change_and_nothing_else(self) -> None:
        """The one-bit change passes."""
        self.assertEqual(self.arrive(self.EPD1, self.OLD, self.NEW).status, "pass")

    def test_another_bit_of_the_same_register(self) -> None:
        """A second bit is red, with its name and its writer."""
        writes = {"TCR_EL1": [Write(0x2000, "msr tcr_el1, x1")]}
        check = self.arrive(self.EPD1, self.OLD, {"TCR_EL1": 1 << 22 | 16}, writes)
        self.assertEqual(check.status, "fail")
        self.assertIn(
            "TCR_EL1.A1 changed too, written by `msr tcr_el1, x1` at 0x2000", check.actual
        )
        self.assertIn("f.S:3", check.actual)

    def test_what_software_alone_changes(self) -> None:
        """The counter's frequency is a register that somebody wrote; the counter is none."""
        settings: dict[str, list[str]] = {"volatile": [], "watch": []}
        watched = Transitions([], settings, TABLE, FakeRecorder()).watched  # type: ignore[arg-type]
        self.assertIn("CNTFRQ_EL0", watched)
        self.assertNotIn("CNTVCT_EL0", watched)
        check = self.arrive(None, {"CNTFRQ_EL0": 62500000}, {"CNTFRQ_EL0": 0})
        self.assertEqual(check.status, "fail")

    def test_a_bit_without_a_field(self) -> None:
        """Bits that no field names count too."""
        check = self.arrive(self.EPD1, self.OLD, {"TCR_EL1": 1 << 62 | 16})
        self.assertIn("TCR_EL1[62]", check.actual)

    def test_another_register(self) -> None:
        """Any other control register is red, also without a rule for the pair."""
        old, new = {"VBAR_EL1": 0, **self.OLD}, {"VBAR_EL1": 0x800, **self.NEW}
        self.assertIn("VBAR_EL1.BASE", self.arrive(self.EPD1, old, new).actual)
        check = self.arrive(None, {"VBAR_EL1": 0}, {"VBAR_EL1": 0x800})
        self.assertEqual((check.status, check.rule), ("fail", "a->b"))
        self.assertIn("no stepped instruction wrote it", check.actual)

    def test_change_that_did_not_come(self) -> None:
        """What has to change and did not is red."""
        check = self.arrive(self.EPD1, self.OLD, self.OLD)
        self.assertIn("TCR_EL1.EPD1 did not change", check.actual)

    def test_may_and_volatile(self) -> None:
        """A whole register, a field, or a field in a group may be allowed."""
        new = {"TCR_EL1": 1 << 22 | 16}
        allowed = {**self.EPD1, "may": ["TCR_EL1"]}
        self.assertEqual(self.arrive(allowed, self.OLD, new).status, "pass")
        self.assertEqual(
            self.arrive(self.EPD1, self.OLD, new, volatile=("TCR_EL1.A1",)).status, "pass"
        )
        daif = {"changes": ["DAIF"]}
        self.assertEqual(self.arrive(daif, {"PSTATE": 0x3C5}, {"PSTATE": 0x345}).status, "pass")
        check = self.arrive(daif, {"PSTATE": 0x3C9}, {"PSTATE": 0x345})
        self.assertIn("PSTATE.EL changed too", check.actual)

    def test_register_that_the_stub_does_not_offer(self) -> None:
        """A required change of an absent register is an error, not a pass."""
        check = self.arrive({"changes": ["HCR_EL2"]}, {}, {})
        self.assertEqual(check.status, "error")

    def test_register_that_has_to_be_written(self) -> None:
        """The value that the reset gave is not enough; an absent register cannot be judged."""
        rule, same = {"writes": ["CNTKCTL_EL1", "SPSEL"]}, {"CNTKCTL_EL1": 0, "PSTATE": 0x3C5}
        spsel = {"PSTATE.SPSEL": [Write(0x2000, "msr spsel, #1")]}
        both = {**spsel, "CNTKCTL_EL1": [Write(0x2004, "msr cntkctl_el1, xzr")]}
        self.assertEqual(self.arrive(rule, same, same, both).status, "pass")
        changed = {"CNTKCTL_EL1": 3, "PSTATE": 0x3C4}
        self.assertEqual(self.arrive(rule, changed, same, both).status, "pass")
        check = self.arrive(rule, same, same, spsel)
        self.assertEqual(check.status, "fail")
        self.assertIn(
            "CNTKCTL_EL1: no instruction wrote it; it holds its reset value", check.actual
        )
        check = self.arrive(rule, same, same, {"CNTKCTL_EL1": both["CNTKCTL_EL1"]})
        self.assertIn("SPSEL: no instruction wrote it", check.actual)
        check = self.arrive({"writes": ["PMUSERENR_EL0"]}, {}, {}, {})
        self.assertEqual(check.status, "error")
        self.assertIn("PMUSERENR_EL0", check.actual)

    def test_write_outside_of_the_table(self) -> None:
        """A register that the table does not know cannot be explained by any rule."""
        check = self.arrive(None, {}, {}, {"S3_1_C15_C0_0": [Write(0x2000, "msr s3…")]})
        self.assertIn("not in the architecture table", check.actual)


class Decoding(unittest.TestCase):
    """What counts as a write of a field of PSTATE."""

    def test_writes_of_pstate(self) -> None:
        """MSR immediate and MSR register, none for other instructions."""
        cases = {
            0xD50041BF: "SPSEL",  # msr spsel, #1
            0xD5184201: "SPSEL",  # msr spsel, x1
            0xD5034FDF: "DAIF",  # msr daifset, #0xf
            0xD50342FF: "DAIF",  # msr daifclr, #2
            0xD51B4223: "DAIF",  # msr daif, x3
            0xD5384201: "",  # mrs x1, spsel
            0xD518C000: "",  # msr vbar_el1, x0
            0xD503201F: "",  # nop
        }
        for opcode, field in cases.items():
            with self.subTest(hex(opcode)):
                insn = Decoder(TABLE).decode(0x1000, opcode.to_bytes(4, "little"))
                self.assertEqual(insn.writes_pstate, field)


class Fields(unittest.TestCase):
    """Decoding registers."""

    def test_decode_marks_what_differs(self) -> None:
        """Values with names; differing fields with a star, also when 0."""
        register = TABLE["CPACR_EL1"]
        self.assertEqual(
            register.decode(0x300000), "0x0000000000300000 {ZEN=0 FPEN=3 (NO_TRAP) TTA=0}"
        )
        self.assertIn("*FPEN=0 (TRAP_ALL)", register.decode(0, 0x300000))

    def test_group_fields_are_not_named_twice(self) -> None:
        """DAIF groups D, A, I and F."""
        self.assertEqual(TABLE["PSTATE"].differing(0x3C0, 0x340), ["I"])


if __name__ == "__main__":
    unittest.main()
