#!/usr/bin/python3
"""What a prompt shows of registers and syndromes."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# pylint: disable=wrong-import-position # the path above comes first
from support import ROOT, TABLE
from engine import syndrome
from engine.register_view import (
    UnknownName,
    change_lines,
    field_name,
    field_words,
    register_name,
    wrapped,
)
from engine.registers import load_formats

FORMATS = load_formats(ROOT / "arch" / "aarch64" / "sysregs.yaml")


def words(name: str, value: int, before: int | None = None) -> list[str]:
    """A register's fields as shown."""
    return [word.text for word in field_words(TABLE[name], value, before)]


class Registers(unittest.TestCase):
    """Fields, names, and what changed."""

    def test_flags_in_capitals_when_set(self) -> None:
        """M and WXN are set, EE is not; numbers have their names."""
        shown = words("SCTLR_EL1", 1 << 19 | 1)
        self.assertIn("M", shown)
        self.assertIn("WXN", shown)
        self.assertIn("ee", shown)
        self.assertNotIn("EE", shown)
        self.assertIn("TG1=2 (4K)", words("TCR_EL1", 2 << 30))

    def test_what_differs_is_marked(self) -> None:
        """Only that, also of bits that no field names."""
        shown = field_words(TABLE["TCR_EL1"], 0x10, 0x10 | 1 << 23)
        self.assertEqual([word.text for word in shown if word.changed], ["*epd1"])
        self.assertEqual(words("VBAR_EL1", 0x401, 0)[-1], "*other bits=0x401")
        self.assertFalse(any(word.changed for word in field_words(TABLE["TCR_EL1"], 5, 5)))

    def test_changes_by_field(self) -> None:
        """Old and new, with names; a register without fields as a number."""
        self.assertEqual(change_lines(TABLE["TCR_EL1"], 1 << 23, 0), ["EPD1: 1 -> 0"])
        self.assertEqual(change_lines(TABLE["FAR_EL1"], 1, 0x20), ["0x1 -> 0x20"])
        self.assertEqual(change_lines(TABLE["FAR_EL1"], 1, 1), [])

    def test_lines_fit(self) -> None:
        """No line is longer than asked for, and no word is lost."""
        shown = field_words(TABLE["SCTLR_EL1"], 0)
        rows = wrapped(shown, 30)
        self.assertEqual([word for row in rows for word in row], shown)
        self.assertTrue(all(len(" ".join(w.text for w in row)) <= 30 for row in rows))

    def test_names_as_people_write_them(self) -> None:
        """Any case, a debugger's name, the stub's own; others are told what is near."""
        stub = {"CNTP_CTL_EL0": "CNTP_CTL_EL0"}
        self.assertEqual(register_name("ttbr0_el1", TABLE, stub), "TTBR0_EL1")
        self.assertEqual(register_name("vbar", TABLE, stub), "VBAR_EL1")
        self.assertEqual(register_name("cntp_ctl_el0", TABLE, stub), "CNTP_CTL_EL0")
        self.assertEqual(field_name("epd1", TABLE["TCR_EL1"]), "EPD1")
        with self.assertRaisesRegex(UnknownName, "no register TTBR0; did you mean .*TTBR0_EL1"):
            register_name("TTBR0", TABLE, stub)
        with self.assertRaisesRegex(UnknownName, "no field EPD2; did you mean EPD"):
            field_name("EPD2", TABLE["TCR_EL1"])
        with self.assertRaisesRegex(UnknownName, "FAR_EL1 has no fields"):
            field_name("X", TABLE["FAR_EL1"])


class Syndromes(unittest.TestCase):
    """ESR_ELx; the positions are DDI 0487's, written out here."""

    def decode(self, ec: int, iss: int) -> syndrome.Syndrome:
        """A value with these parts, of a 32-bit instruction."""
        return syndrome.decode(ec << 26 | 1 << 25 | iss, TABLE, FORMATS)

    def test_data_abort(self) -> None:
        """Level, kind and direction."""
        found = self.decode(0x25, 0x4F)
        self.assertTrue(found.abort and not found.fetch)
        self.assertEqual(found.name, "data abort from the same EL")
        self.assertEqual(syndrome.status_of(found, FORMATS), ("permission fault", 3))
        self.assertTrue(syndrome.writes(found, FORMATS))
        self.assertIn("a write", " ".join(found.lines))
        self.assertFalse(syndrome.writes(self.decode(0x25, 0x0F), FORMATS))

    def test_instruction_abort(self) -> None:
        """A fetch is no write, whatever bit 6 says."""
        found = self.decode(0x20, 0x46)
        self.assertTrue(found.abort and found.fetch)
        self.assertEqual(syndrome.status_of(found, FORMATS), ("translation fault", 2))
        self.assertFalse(syndrome.writes(found, FORMATS))
        self.assertNotIn("WnR", " ".join(found.lines))

    def test_status_without_level(self) -> None:
        """An alignment fault has none."""
        self.assertEqual(
            syndrome.status_of(self.decode(0x25, 0x21), FORMATS), ("alignment fault", None)
        )

    def test_far_not_valid(self) -> None:
        """FnV of an external abort."""
        self.assertIn("FAR holds no valid address", " ".join(self.decode(0x25, 0x410).lines))

    def test_calls_and_breakpoints(self) -> None:
        """The number in the instruction."""
        for ec, name in ((0x15, "SVC"), (0x16, "HVC"), (0x17, "SMC"), (0x3C, "BRK")):
            found = self.decode(ec, 0x1234)
            self.assertIn(name, found.name)
            self.assertIn("0x1234", found.lines[0])
            self.assertFalse(found.abort)

    def test_system_registers(self) -> None:
        """The access that was trapped, in assembler's words."""
        # MSR SCTLR_EL1, x3: op0 3, op1 0, CRn 1, CRm 0, op2 0.
        iss = 3 << 20 | 0 << 17 | 0 << 14 | 1 << 10 | 3 << 5 | 0 << 1
        self.assertIn("msr SCTLR_EL1, x3", self.decode(0x18, iss).lines[0])
        self.assertIn("mrs x3, SCTLR_EL1", self.decode(0x18, iss | 1).lines[0])
        self.assertIn(
            "mrs xzr, S3_7_C15_C7_7",
            self.decode(0x18, 3 << 20 | 7 << 17 | 7 << 14 | 15 << 10 | 31 << 5 | 7 << 1 | 1).lines[
                0
            ],
        )

    def test_what_the_table_does_not_name(self) -> None:
        """Told as it is."""
        self.assertIn("0x3f", self.decode(0x3F, 5).name)
        self.assertIn("0x5", self.decode(0x3F, 5).lines[0])


if __name__ == "__main__":
    unittest.main()
